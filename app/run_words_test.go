package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/dudesons/loktar/checks"
)

// TestAtHome: nobody at a terminal is sent to a server's log or operator, and
// the kind of an error, by which it is tried again, stays.
func TestAtHome(t *testing.T) {
	inner := errors.New("no such device")
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"nothing":           {nil, ""},
		"the engine says":   {checks.Causef(checks.CauseEngine, fmt.Errorf("create: %w", inner), "The server's log holds its words."), "The Docker engine refused to run it: no such device"},
		"a full disk":       {checks.Causef(checks.CauseDiskFull, inner, "Its operator has to free some space."), "Make room;"},
		"no mount":          {checks.Causef(checks.CauseMount, inner, "data_dir must be on a disk."), "Set XDG_CACHE_HOME to a folder on a disk"},
		"no log":            {checks.Causef(checks.CauseLog, inner, "The server's operator has to check data_dir."), "below the user's cache folder."},
		"not one's engine":  {checks.Causef(checks.CauseEngineLost, errors.New("permission denied while trying to connect to the socket"), "The server may not."), "You may not use the Docker engine. Become a member of the group docker"},
		"no engine":         {checks.Causef(checks.CauseEngineLost, inner, "It does not answer."), "It does not answer."},
		"a fault of ours":   {fmt.Errorf("lease: %w", inner), "Something unexpected went wrong: lease: no such device"},
		"what is said well": {fmt.Errorf("x: %w", checks.Causef(checks.CauseImageShell, inner, "The image has no shell.")), "The image has no shell."},
		"a stop":            {context.Canceled, "Something unexpected went wrong: context canceled"},
	} {
		t.Run(name, func(t *testing.T) {
			got := atHome(c.err)
			if text := checks.PublicText(got, ""); !strings.Contains(text, c.want) || strings.Contains(text, "operator") || strings.Contains(text, "server's log") {
				t.Errorf("%q, want %q", text, c.want)
			}
			if checks.KindOf(got) != checks.KindOf(c.err) || checks.CauseOf(got) != checks.CauseOf(c.err) || c.err != nil && checks.Passing(got) != checks.Passing(c.err) {
				t.Errorf("%v is of another kind than %v", got, c.err)
			}
		})
	}
}
