package configs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLoadLocal: of a server's file the runner and the logins for pulls count;
// what else it says, also wrongly, has no say here.
func TestLoadLocal(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	password := write("password", "hush-hush\n")
	file := write("loktar.yml", `
listen: nonsense
github: { app_id: none, private_key_file: /nowhere }
runner: { image: "example.org/ci", memory: 1GiB, images: [golang, "example.org/*"], slots: 3 }
secrets: { TOKEN: { file: /nowhere, repositories: [a/b] } }
registries:
  ours: { type: pull, url: "https://registry.example.org:5000", username: ann, password_file: `+password+` }
  wheels: { type: pypi, url: "https://pypi.example.org", username: x, password_file: /nowhere, repositories: [a/b], packages: ["*"] }
`)
	environ := []string{"LOKTAR_RUNNER_SLOTS=5", "LOKTAR_LISTEN=nonsense"}
	c, err := LoadLocal(file, environ, map[string]string{"memory": "2GiB"})
	if err != nil {
		t.Fatal(err)
	}
	if r := c.Runner; r.Image != "example.org/ci" || r.Memory.Bytes() != 2<<30 || r.Slots != 5 || strings.Join(r.Images, " ") != "golang example.org/*" || r.Pull != "missing" {
		t.Errorf("the runner is %+v", r)
	}
	user, secret, err := c.PullCredentials("registry.example.org:5000")
	if user != "ann" || secret.Reveal() != "hush-hush" || err != nil {
		t.Errorf("logs in as %q with %q, %v", user, secret.Reveal(), err)
	}
	if user, _, err := c.PullCredentials("pypi.example.org"); user != "" || err != nil {
		t.Errorf("logs in to what is not for pulls as %q, %v", user, err)
	}

	for name, c := range map[string]struct {
		file  string
		flags map[string]string
		want  string
	}{
		"no file":        {filepath.Join(dir, "nosuch.yml"), nil, "the configuration file cannot be read"},
		"no key of ours": {write("typo.yml", "runner: { imgae: x }\n"), nil, "did you mean"},
		"a wrong value":  {write("value.yml", "runner: { memory: lots }\n"), nil, `value.yml:1: runner.memory "lots" is not a size`},
		"a wrong flag":   {file, map[string]string{"memory": "lots"}, `--memory: runner.memory "lots" is not a size`},
		"no password":    {write("pull.yml", `registries: { ours: { type: pull, url: "https://x.example.org", username: ann, password_file: /nowhere } }`), nil, "password_file"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := LoadLocal(c.file, nil, c.flags); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; want %q", err, c.want)
			}
		})
	}
}
