package app

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/configs"
)

// TestAudience shows who is told of a run: nobody that the configuration does
// not name or let be named.
func TestAudience(t *testing.T) {
	dir := t.TempDir()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private)})
	token, key := filepath.Join(dir, "token"), filepath.Join(dir, "key.pem")
	config := filepath.Join(dir, "loktar.yml")
	for file, words := range map[string]string{token: "xoxb-1", key: string(text), config: `
events: {comment: failure}
repositories: {globex/*: {comment: never}}
slack:
  token_file: ` + token + `
  channels:
    "#ci": {repositories: [acme/*], events: push, packages: [api]}
    "#te*": {allow: ["acme/*"]}
`} {
		if err := os.WriteFile(file, []byte(words), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := configs.Load(config, []string{"LOKTAR_GITHUB_APP_ID=1", "LOKTAR_GITHUB_PRIVATE_KEY_FILE=" + key, "LOKTAR_GITHUB_WEBHOOK_SECRET=x", "LOKTAR_DATA_DIR=" + dir})
	if err != nil {
		t.Fatal(err)
	}
	wish := func(channel string) checks.SlackRule {
		return checks.SlackRule{Channel: channel, On: []checks.When{checks.WhenAlways}}
	}
	ci := checks.SlackRule{Channel: "#ci", On: []checks.When{checks.WhenFailure, checks.WhenFixed}, Events: []checks.NotifyEvent{checks.NotifyPush}, Packages: []string{"api"}}
	for _, c := range []struct {
		name, owner string
		wanted      *checks.Notify
		want        *checks.Notify
		notes       int
	}{
		{"of the configuration alone", "acme", nil, &checks.Notify{Comment: checks.WhenFailure, Slack: []checks.SlackRule{ci}}, 0},
		{"and of loktar.json", "acme", &checks.Notify{Comment: checks.WhenNever, Slack: []checks.SlackRule{wish("#team"), wish("#ci"), wish("#boss"), wish("#boss")}},
			&checks.Notify{Comment: checks.WhenNever, Slack: []checks.SlackRule{ci, wish("#team")}}, 2},
		{"nobody", "globex", nil, nil, 0},
		{"nobody that it may name", "globex", &checks.Notify{Slack: []checks.SlackRule{wish("#team")}}, nil, 1},
		{"a comment that it asks for", "globex", &checks.Notify{Comment: checks.WhenAlways}, &checks.Notify{Comment: checks.WhenAlways}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, notes := audience(cfg)(checks.Run{Repo: checks.Repo{ID: 1, Owner: c.owner, Name: "pets"}}, c.wanted)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if len(notes) != c.notes || c.notes > 0 && !strings.Contains(notes[0], "does not let "+c.owner+"/pets write to it") {
				t.Errorf("the notes are %q", notes)
			}
		})
	}
}
