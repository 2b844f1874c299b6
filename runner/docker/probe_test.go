package docker_test

import (
	"strings"
	"testing"
	"time"

	"github.com/dudesons/loktar/runner"
)

func TestProbe(t *testing.T) {
	b := setUp(t)
	for name, c := range map[string]struct {
		probe      string
		code, step int
		want       []string
		not        string
	}{
		"steps":             {"echo unseen; echo unseen >&2; cat", 0, 1, []string{"## echo s1", "s1\n", "s2\n", "## echo cleaned"}, "o1"},
		"otherwise":         {"echo unseen; false", 0, 3, []string{"## echo o1", "o1\n", "o2\n", "## echo cleaned"}, "s1"},
		"neither":           {"exit 3", 3, 0, []string{"## echo cleaned"}, "1\n"},
		"a folder that was": {"cd ..; exit 1", 0, 3, []string{"o1\n"}, "s1"},
		"a signal":          {"kill -TERM $$", 143, 0, []string{"## echo cleaned"}, "1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			task := b.task("echo s1", "echo s2")
			task.Probe, task.Otherwise = c.probe, []string{"echo o1", "echo o2"}
			out := newOutput()
			exit, err := b.Run(t.Context(), task, out)
			if err != nil || exit.Code != c.code || exit.Step != c.step {
				t.Errorf("exit %+v, %v\n%s", exit, err, out)
			}
			contains(t, out.String(), c.want...)
			if text := out.String(); strings.Contains(text, "unseen") || strings.Contains(text, c.not) {
				t.Errorf("it printed\n%s", text)
			}
		})
	}
}

// A probe that must be stopped is followed by no step, and cleaning up is
// bounded where it is done apart.
func TestProbeAndCleaningAreBounded(t *testing.T) {
	b := setUp(t)
	task := b.task("echo s1")
	task.Probe, task.Otherwise, task.Timeout = "trap '' TERM; while :; do sleep 0.1; done", []string{"echo o1"}, time.Second
	task.Clean = []string{"echo cleaning; trap '' TERM; sleep 300"}
	task.Artifacts = &runner.Artifacts{Globs: []string{"*"}, Collect: taken{}.collect}
	started := time.Now()
	exit, out := b.run(task)
	if !exit.TimedOut || exit.Artifacts != 0 || time.Since(started) > 60*time.Second {
		t.Errorf("exit %+v after %v", exit, time.Since(started))
	}
	contains(t, out, "The timeout of 1s is over", "cleaning\n", "Cleaning up did not end in time")
	if strings.Contains(out, "s1\n") || strings.Contains(out, "o1\n") {
		t.Errorf("a step ran:\n%s", out)
	}
}
