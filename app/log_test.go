package app_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/dudesons/loktar/app"
	"github.com/dudesons/loktar/configs"
)

// TestLoggerColours writes for people, but not to a terminal: no colours.
func TestLoggerColours(t *testing.T) {
	var out bytes.Buffer
	log := app.Logger(&out, configs.Log{Level: "info", Format: "console"})
	log.Debug().Msg("hidden")
	log.Info().Str("repo", "acme/shop").Msg("planned")
	if got := out.String(); !strings.HasSuffix(got, " INF planned repo=acme/shop\n") || strings.Contains(got, "\x1b") {
		t.Errorf("the log is %q", got)
	}
}
