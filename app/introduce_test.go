package app_test

import (
	"bytes"
	"strconv"
	"testing"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/app"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
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
		h := heard{text, make(chan struct{}, 1)}
		cfg := config(t, "LOKTAR_GITHUB_URL="+hub.URL(), "LOKTAR_GITHUB_APP_ID="+strconv.FormatInt(id, 10), "LOKTAR_GITHUB_PRIVATE_KEY_FILE="+hub.KeyFile())
		_, stop := serve(t, cfg, zerolog.New(h), func(s *app.Server) { app.Rig(s, builder{func(string) {}}, nil) })
		<-h.yes
		stop()
	}
}
