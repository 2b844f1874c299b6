package configs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const someSecrets = `
secrets:
  TOKEN: {file: FILE, repositories: [acme/pets, globex/*], packages: ["web-*"]}
  other: {name: TOKEN, env: SECRET_OF_DOCS, repositories: acme/docs}
  DEPLOY: {file: FILE, repositories: ["acme/*"], for: publish}
  MAIN: {file: FILE, repositories: ["acme/*"], for: default_branch}
`

func TestSecretsFor(t *testing.T) {
	file := write(t, "token", "hush-1\nof two lines\n")
	t.Setenv("SECRET_OF_DOCS", "hush-2")
	c := load(t, write(t, "loktar.yml", strings.ReplaceAll(someSecrets, "FILE", file)), enough(t, "SECRET_OF_DOCS=hush-2"))
	const missing = "The package asks for the secret `TOKEN`, which the server does not hold for it. Have the server's operator add it to `secrets` in the configuration, with %s among its `repositories`, or take it out of `secrets` in loktar.json."
	for _, q := range []struct {
		asker Asker
		names string
		want  string
	}{
		{Asker{Owner: "acme", Repo: "pets", Package: "web-front"}, "TOKEN", "TOKEN=hush-1\nof two lines"},
		{Asker{Owner: "Globex", Repo: "x", Package: "Web_x"}, "TOKEN", "TOKEN=hush-1\nof two lines"},
		{Asker{Owner: "acme", Repo: "docs", Package: "anything"}, "TOKEN", "TOKEN=hush-2"},
		{Asker{Owner: "acme", Repo: "pets", Package: "lib"}, "TOKEN", fmt.Sprintf(missing, "acme/pets")},
		{Asker{Owner: "acme", Repo: "petstore", Package: "web-front"}, "TOKEN", fmt.Sprintf(missing, "acme/petstore")},
		{Asker{Owner: "initech", Repo: "pets", Package: "web-front"}, "TOKEN", fmt.Sprintf(missing, "initech/pets")},
		{Asker{Owner: "acme", Repo: "pets", Package: "lib"}, "DEPLOY MAIN", ""},
		{Asker{Owner: "acme", Repo: "pets", Package: "lib", Default: true}, "DEPLOY MAIN", "MAIN=hush-1\nof two lines"},
		{Asker{Owner: "acme", Repo: "pets", Package: "lib", Default: true, Publish: true}, "DEPLOY", "DEPLOY=hush-1\nof two lines"},
		{Asker{Owner: "acme", Repo: "docs", Package: "lib"}, "", ""},
	} {
		held, err := c.SecretsFor(q.asker, strings.Fields(q.names))
		var out []string
		for name, s := range held {
			out = append(out, name+"="+s.Reveal())
		}
		got := strings.Join(out, " ")
		if err != nil {
			got = err.Error()
		}
		if got != q.want {
			t.Errorf("%+v %s:\n got %q\nwant %q", q.asker, q.names, got, q.want)
		}
	}
	if s := fmt.Sprintf("%+v %#v", c, c.Secrets); strings.Contains(s, "hush") {
		t.Errorf("a secret shows: %s", s)
	}

	// They are read anew, and what cannot be read is told without a path.
	asker := Asker{Owner: "acme", Repo: "pets", Package: "web-front"}
	overwrite(t, file, []byte("fresh\n"))
	if held, err := c.SecretsFor(asker, []string{"TOKEN"}); err != nil || held["TOKEN"].Reveal() != "fresh" {
		t.Errorf("got %v", err)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(3, strings.Count(strings.Join(c.Warnings(), "\n"), "everybody on this machine may read "+file)); diff != "" {
		t.Error(diff, c.Warnings())
	}
	for name, content := range map[string][]byte{"empty": nil, "large": make([]byte, maxSecret+1)} {
		overwrite(t, file, content)
		_, err := c.SecretsFor(asker, []string{"TOKEN"})
		var se *SecretError
		if !errors.As(err, &se) || se.Err == nil || strings.Contains(se.Text, file) || !strings.HasPrefix(se.Err.Error(), "secrets.TOKEN.file is ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSecretProblems(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"token": "hush\n", "empty": "\n", "large": strings.Repeat("x", maxSecret+1)} {
		overwrite(t, filepath.Join(dir, name), []byte(text))
	}
	for _, c := range []struct {
		name, file string
		want       []string
	}{
		{"forms", "secrets: [a]\n", []string{
			"FILE:1: secrets has to hold secrets; write a name with a colon on a line of its own below it, and its keys below that"}},
		{"the secret itself", "secrets:\n  TOKEN: hush\n", []string{
			"FILE:2: secrets.TOKEN has to hold keys; no secret stands in this file: write below it `file:` with the path of one, and `repositories:`"}},
		{"nothing", "secrets:\n  TOKEN: {}\n", []string{
			"FILE:2: secrets.TOKEN.file is not set; write the path of the file that has the secret, or the name of its variable as `env`",
			"FILE:2: secrets.TOKEN.repositories is not set; list whose packages get it, for example [acme/pets, \"acme/*\"]"}},
		{"keys", "secrets:\n  TOKEN: {file: DIR/token, env: NONE, repos: x, for: main, repositories: []}\n", []string{
			"FILE:2: secrets.TOKEN.env \"NONE\" names an environment variable that is not set; set it where the server is started",
			"FILE:2: secrets.TOKEN.repos is not a key of a secret; write one of file, env, name, repositories, packages, for",
			"FILE:2: secrets.TOKEN.for \"main\" is not a word for jobs; write one of all, default_branch, publish",
			"FILE:2: secrets.TOKEN.repositories is an empty list; write at least one, or remove the secret",
			"FILE:2: secrets.TOKEN.env stands beside secrets.TOKEN.file (FILE:2); remove one of the two"}},
		{"files", "secrets:\n  A: {file: DIR/empty, repositories: a/b}\n  B: {file: DIR/large, repositories: a/b}\n  C: {file: hush-in-the-wrong-place, repositories: a/b}\n", []string{
			"FILE:2: secrets.A.file \"DIR/empty\" is empty; put the secret into the file",
			"FILE:3: secrets.B.file \"DIR/large\" is larger than 16 KiB; keep a key in it that opens the rest",
			"FILE:4: secrets.C.file cannot be read (no such file or directory); write the path of a file that the server may read"}},
		{"everybody", "secrets:\n  A: {file: DIR/token, repositories: [\"*\"], packages: \"a b\"}\n", []string{
			"FILE:2: secrets.A.repositories \"*\" names no owner; write OWNER/NAME or OWNER/*: no secret is for everybody",
			"FILE:2: secrets.A.packages \"a b\" is not the name of a package; write the name, with `*` for any characters, for example web-*"}},
		{"names", "secrets:\n  a-b: {file: DIR/token, repositories: a/b}\n  loktar_X: {file: DIR/token, repositories: a/b}\n  \"a b\": {}\n", []string{
			"FILE:4: secrets has a name that is none; write the name of the environment variable, and where the secret is below it",
			"FILE:2: secrets.a-b is not a name that the steps' variable can have, of letters, digits and `_` and not beginning with LOKTAR; write one as `name` below it",
			"FILE:3: secrets.loktar_X is not a name that the steps' variable can have, of letters, digits and `_` and not beginning with LOKTAR; write one as `name` below it"}},
		{"two for one", "secrets:\n  A: {file: DIR/token, repositories: a/*, packages: x*}\n  b: {name: A, file: DIR/token, repositories: A/b, packages: [\"*y\"]}\n  c: {name: A, file: DIR/token, repositories: a/b, packages: z}\n", []string{
			"FILE:3: secrets.b has the name of secrets.A, and there are packages that both are for; keep the two apart by `repositories` or `packages`"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := write(t, "loktar.yml", strings.ReplaceAll(c.file, "DIR", dir))
			_, err := Load(file, enough(t))
			var all *Error
			if !errors.As(err, &all) {
				t.Fatalf("got %v", err)
			}
			var got []string
			for _, p := range all.Problems {
				got = append(got, strings.ReplaceAll(strings.ReplaceAll(p.String(), file, "FILE"), dir, "DIR"))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
