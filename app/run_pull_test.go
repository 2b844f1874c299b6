package app

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dudesons/loktar/configs"
	"github.com/dudesons/loktar/runner/docker"
)

// TestPullLogins: images are pulled with the logins that `docker pull` has,
// unless the configuration has some.
func TestPullLogins(t *testing.T) {
	dir, bin := t.TempDir(), t.TempDir()
	t.Setenv("DOCKER_CONFIG", dir)
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	write := func(path, text string, mode os.FileMode) string {
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	helper := func(name, answer string) {
		write(filepath.Join(bin, "docker-credential-"+name), "#!/bin/sh\nread host\n"+answer+"\n", 0o700)
	}
	helper("keys", `case $host in
r.example.org|https://index.docker.io/v1/) echo '{"ServerURL":"x","Username":"kay","Secret":"from-the-helper"}' ;;
token.example.org) echo '{"ServerURL":"x","Username":"<token>","Secret":"a-token"}' ;;
*) echo credentials not found in native keychain; exit 1 ;;
esac`)
	helper("locked", "echo the keychain is locked; exit 1")
	auth := base64.StdEncoding.EncodeToString([]byte("ann:in-the-file"))
	ours := write(filepath.Join(dir, "loktar.yml"), "registries: { ours: { type: pull, url: \"https://ours.example.org\", username: ci, password_file: "+
		write(filepath.Join(dir, "password"), "of-the-server", 0o600)+" } }", 0o600)
	c, err := configs.LoadLocal(ours, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		file, host     string
		user, password string
		warning        string
	}{
		"no file":           {"", "r.example.org", "", "", ""},
		"of the file":       {`{"auths":{"r.example.org:5000":{"auth":"` + auth + `"}}}`, "r.example.org:5000", "ann", "in-the-file", ""},
		"an old key":        {`{"auths":{"https://r.example.org/v1/":{"auth":"` + auth + `"}}}`, "r.example.org", "ann", "in-the-file", ""},
		"another host":      {`{"auths":{"r.example.org:5000":{"auth":"` + auth + `"}}}`, "r.example.org", "", "", ""},
		"Docker Hub":        {`{"auths":{"https://index.docker.io/v1/":{"auth":"` + auth + `"}}}`, "docker.io", "ann", "in-the-file", ""},
		"an identity token": {`{"auths":{"r.example.org":{"auth":"` + auth + `","identitytoken":"a-token"}}}`, "r.example.org", docker.TokenUser, "a-token", ""},
		"a store":           {`{"auths":{"r.example.org":{}},"credsStore":"keys"}`, "r.example.org", "kay", "from-the-helper", ""},
		"a store, the Hub":  {`{"credsStore":"keys"}`, "docker.io", "kay", "from-the-helper", ""},
		"a store's token":   {`{"credsStore":"keys"}`, "token.example.org", docker.TokenUser, "a-token", ""},
		"not in the store":  {`{"credsStore":"keys"}`, "no.example.org", "", "", ""},
		"a host's helper":   {`{"credHelpers":{"r.example.org":"keys"}}`, "r.example.org", "kay", "from-the-helper", ""},
		"no such helper":    {`{"credsStore":"gone"}`, "r.example.org", "", "", `"docker-credential-gone": executable file not found`},
		"a locked store":    {`{"credsStore":"locked"}`, "r.example.org", "", "", "the keychain is locked"},
		"a broken file":     {`{"auths":`, "r.example.org", "", "", "Docker's config.json"},
		"the server's":      {`{"auths":{"ours.example.org":{"auth":"` + auth + `"}}}`, "ours.example.org", "ci", "of-the-server", ""},
		"not the server's":  {`{"auths":{"r.example.org":{"auth":"` + auth + `"}}}`, "r.example.org", "ann", "in-the-file", ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, "config.json")
			if tt.file == "" {
				_ = os.Remove(path)
			} else {
				write(path, tt.file, 0o600)
			}
			warning := ""
			l := pullLogins{c, func(host string, err error) { warning = host + ": " + err.Error() }}
			user, password, err := l.login(tt.host)
			if err != nil || user != tt.user || password != tt.password {
				t.Errorf("%q, %q, %v; want %q, %q", user, password, err, tt.user, tt.password)
			}
			if (warning == "") != (tt.warning == "") || !strings.Contains(warning, tt.warning) {
				t.Errorf("warned %q; want %q", warning, tt.warning)
			}
			if strings.Contains(warning, auth) || strings.Contains(warning, "in-the-file") {
				t.Errorf("the warning has the password: %s", warning)
			}
		})
	}
}

// TestPullLoginsOfTheServer: a login that the file promises and that is not
// there is no reason to try another.
func TestPullLoginsOfTheServer(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("x-x-x"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "loktar.yml")
	text := "registries: { ours: { type: pull, url: \"https://ours.example.org\", username: ci, password_file: " + password + " } }"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := configs.LoadLocal(file, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(password); err != nil {
		t.Fatal(err)
	}
	if _, _, err := (pullLogins{c, func(string, error) {}}).login("ours.example.org"); err == nil || !strings.Contains(err.Error(), "registries.ours") {
		t.Errorf("%v", err)
	}
}
