package configs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"go.yaml.in/yaml/v3"
)

func TestSecretNeverShows(t *testing.T) {
	const hush = "hush-hush"
	c := load(t, "", enough(t))
	c.GitHub.WebhookSecret = NewSecret(hush)
	hidden := struct{ s Secret }{NewSecret(hush)}

	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		for _, v := range []any{c, &c, c.GitHub, c.GitHub.WebhookSecret, &c.GitHub.WebhookSecret, hidden, []Secret{hidden.s}} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
	}
	for _, v := range []any{c, c.GitHub.WebhookSecret, map[string]Secret{"a": hidden.s}, hidden} {
		j, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(j)
	}
	y, err := yaml.Marshal(map[string]any{"a": c.GitHub.WebhookSecret})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(y)
	log := zerolog.New(&out)
	log.Info().Interface("config", c).Any("secret", hidden.s).Stringer("s", hidden.s).Msg("x")
	log = zerolog.New(zerolog.ConsoleWriter{Out: &out})
	log.Info().Interface("config", c).Msg("x")
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "config", c, "secret", hidden.s)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "config", c, "secret", hidden.s)

	for _, leak := range []string{hush, fmt.Sprintf("%x", hush), fmt.Sprintf("%X", hush), "PRIVATE KEY", c.GitHub.key.D.String()} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("%q shows in\n%s", leak, out.String())
		}
	}
	if n := strings.Count(out.String(), redacted); n < 40 {
		t.Errorf("the placeholder shows %d times only", n)
	}
	if (Secret{}).Reveal() != "" || NewSecret(hush).Reveal() != hush {
		t.Error("Reveal is not the text")
	}
}
