package configs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
)

// withSecrets has a registry of each way to give a secret.
func withSecrets(t *testing.T) (c Config, file string) {
	t.Helper()
	file = write(t, "password", "hush-1\n")
	t.Setenv("REGISTRY_PASSWORD", "hush-2")
	c = load(t, write(t, "loktar.yml", strings.ReplaceAll(`
publish: {storage: {type: s3, bucket: abc, endpoint: "http://s3.example.com", access_key: AKIA, secret_key_env: REGISTRY_PASSWORD}}
registries:
  a: {type: oci, url: "http://127.0.0.1:5000", username: ci, password_file: FILE, repositories: [a/b]}
  b: {type: pypi, url: "https://x", username: __token__, password_env: REGISTRY_PASSWORD, repositories: [a/b]}
  c: {type: oci, url: "http://x", repositories: [a/b]}
  d: {type: oci, url: "http://localhost.example.com", username: ci, password_file: FILE, repositories: [a/b]}
`, "FILE", file)), enough(t, "REGISTRY_PASSWORD=hush-2"))
	return c, file
}

func wantCredentials(t *testing.T, r Registry, user, password, problem string) {
	t.Helper()
	gotUser, gotPassword, err := r.Credentials()
	text := ""
	if err != nil {
		text = err.Error()
	}
	if diff := cmp.Diff([]string{user, password, problem}, []string{gotUser, gotPassword.Reveal(), text}); diff != "" {
		t.Errorf("credentials of %q (-want +got):\n%s", r.Name, diff)
	}
}

// TestCredentialsAreReadAnew changes what the secrets are while the
// configuration is in use.
func TestCredentialsAreReadAnew(t *testing.T) {
	c, file := withSecrets(t)
	a, b, none := c.Registries[0], c.Registries[1], c.Registries[2]
	wantCredentials(t, a, "ci", "hush-1", "")
	wantCredentials(t, b, "__token__", "hush-2", "")
	wantCredentials(t, none, "", "", "")
	wantCredentials(t, *c.Publish.Storage, "AKIA", "hush-2", "")
	s, err := c.RegistryFor("a", "b", "lib", "s3", "")
	if err != nil {
		t.Fatal(err)
	}
	wantCredentials(t, s, "AKIA", "hush-2", "")

	overwrite(t, file, []byte(" hush 3 \r\n"))
	t.Setenv("REGISTRY_PASSWORD", "hush-4")
	wantCredentials(t, a, "ci", " hush 3 ", "")
	wantCredentials(t, b, "__token__", "hush-4", "")

	overwrite(t, file, []byte("\n"))
	t.Setenv("REGISTRY_PASSWORD", "")
	wantCredentials(t, a, "", "", "registries.a.password_file is empty; put the secret into the file")
	wantCredentials(t, b, "", "", "registries.b.password_env names an environment variable that is not set; set it where the server is started")
	wantCredentials(t, *c.Publish.Storage, "", "", "publish.storage.secret_key_env names an environment variable that is not set; set it where the server is started")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	wantCredentials(t, a, "", "", "registries.a.password_file cannot be read (no such file or directory); write the path of a file that the server may read")
	if err := os.Mkdir(file, 0o700); err != nil {
		t.Fatal(err)
	}
	wantCredentials(t, a, "", "", "registries.a.password_file is not a file; write the path of a file")
}

// TestCredentialsConcurrently replaces the file under its readers: each reads
// one whole password.
func TestCredentialsConcurrently(t *testing.T) {
	c, file := withSecrets(t)
	passwords := []string{"hush-1", strings.Repeat("long", 1000)}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				_, got, err := c.Registries[0].Credentials()
				if err != nil || got.Reveal() != passwords[0] && got.Reveal() != passwords[1] {
					t.Errorf("read a password of %d bytes: %v", len(got.Reveal()), err)
					return
				}
			}
		})
	}
	for i := range 100 {
		next := filepath.Join(filepath.Dir(file), "next")
		overwrite(t, next, []byte(passwords[i%2]))
		if err := os.Rename(next, file); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
}

func TestWarnings(t *testing.T) {
	c, file := withSecrets(t)
	http := []string{
		"registries.d: its address begins with http://, so its credentials travel without TLS; use https.",
		"publish.storage: its address begins with http://, so its credentials travel without TLS; use https.",
	}
	open := func(r string) string {
		return "registries." + r + ".password_file: everybody on this machine may read " + file + "; run `chmod o-rwx` on it."
	}
	for _, tt := range []struct {
		mode os.FileMode
		want []string
	}{
		{0o600, http},
		{0o640, http},
		{0o644, []string{open("a"), open("d"), http[0], http[1]}},
		{0o604, []string{open("a"), open("d"), http[0], http[1]}},
	} {
		if err := os.Chmod(file, tt.mode); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, c.Warnings()); diff != "" {
			t.Errorf("mode %o (-want +got):\n%s", tt.mode, diff)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(http, c.Warnings()); diff != "" {
		t.Errorf("without the file (-want +got):\n%s", diff)
	}
}

// TestRegistriesNeverShowSecrets prints a configuration after its secrets
// were read.
func TestRegistriesNeverShowSecrets(t *testing.T) {
	c, _ := withSecrets(t)
	var out bytes.Buffer
	_, password, err := c.Registries[0].Credentials()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{c, &c, c.Registries, c.Publish, *c.Publish.Storage, password} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		j, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(j)
		log := zerolog.New(&out)
		log.Info().Interface("v", v).Msg("x")
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
	}
	for _, leak := range []string{"hush-1", "hush-2", fmt.Sprintf("%x", "hush-1")} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("%q shows in\n%s", leak, out.String())
		}
	}
	if !strings.Contains(out.String(), "pypi") {
		t.Error("nothing was printed")
	}
}
