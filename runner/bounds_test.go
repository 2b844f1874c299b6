package runner_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
	"github.com/dudesons/loktar/runner/sandboxtest"
)

// TestTooMuchOutput has a job print without end.
func TestTooMuchOutput(t *testing.T) {
	for name, c := range map[string]struct {
		step   string
		limit  int64
		failed bool
	}{
		"without end": {"yes", 1 << 16, true},
		"empty lines": {"yes ''", 1 << 16, true},
		"just enough": {"yes | head -n 100", 1 << 16, false},
	} {
		t.Run(name, func(t *testing.T) {
			logs := t.TempDir()
			r := runner.New(runner.Options{Sandbox: &sandboxtest.Dummy{}, Workspaces: &lender{dir: t.TempDir()}, LogDir: logs, Slots: 1, LogLimit: c.limit})
			j := checks.Job{Run: "run1", Attempt: 1, Package: checks.Package{
				Name: "p", Dir: ".", TestType: checks.TestCommand, Commands: []string{c.step}, Clean: []string{"echo cleaned"}, Timeout: time.Minute,
			}}
			got, err := r.Run(t.Context(), run(), j)
			if err != nil {
				t.Fatal(err)
			}
			if !c.failed {
				if got.Outcome != checks.OutcomePassed {
					t.Errorf("result %+v", got)
				}
				return
			}
			if got.Outcome != checks.OutcomeFailed || !strings.Contains(got.Detail, "printed more than the 64 KiB") {
				t.Errorf("result %+v", got)
			}
			log := read(t, filepath.Join(logs, "run1", "p.log"))
			if len(log) > 1<<16+2000 || !strings.Contains(log, "The log reached its limit of 64 KiB") || !strings.Contains(log, "Failed after") {
				t.Errorf("the log has %d bytes and ends in %q", len(log), log[max(0, len(log)-500):])
			}
		})
	}
}

func TestExceededIsAVerdict(t *testing.T) {
	f := setUp(t, 1)
	f.sandbox.do = func(context.Context, runner.Task, runner.Output) (runner.Exit, error) {
		return runner.Exit{Code: 137, Exceeded: "The job wrote too much."}, nil
	}
	got, err := f.Run(t.Context(), run(), job())
	if err != nil || got.Outcome != checks.OutcomeFailed || got.Detail != "The job wrote too much." || got.ExitCode != 0 {
		t.Errorf("result %+v, %v", got, err)
	}
}
