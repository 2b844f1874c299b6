package app_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/app"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
	"github.com/dudesons/loktar/configs"
)

// heard hears a line of a log that holds text.
type heard struct {
	text string
	yes  chan struct{}
}

func (h heard) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte(h.text)) {
		select {
		case h.yes <- struct{}{}:
		default:
		}
	}
	return len(line), nil
}

func TestAServerTellsWhetherGitHubKnowsTheApp(t *testing.T) {
	hub := minihubtest.Start(t)
	for id, text := range map[int64]string{
		hub.App().ID():     "GitHub knows the App",
		hub.App().ID() + 1: "GitHub does not tell who the App is",
	} {
		file := filepath.Join(t.TempDir(), "loktar.yml")
		settings := fmt.Sprintf("listen: 127.0.0.1:0\ndata_dir: %s\ngithub: {url: %q, app_id: %d, private_key_file: %s, webhook_secret: secret}\n", t.TempDir(), hub.URL(), id, hub.KeyFile())
		if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := configs.Load(file, nil)
		if err != nil {
			t.Fatal(err)
		}
		h := heard{text, make(chan struct{}, 1)}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s, err := app.New(ctx, cfg, zerolog.New(h), "test")
		if err != nil {
			t.Fatal(err)
		}
		app.Rig(s, builder{func(string) {}}, nil)
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		<-h.yes
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
