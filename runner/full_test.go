package runner_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
	"github.com/dudesons/loktar/runner/docker/dockertest"
)

// TestAJobEndsWithItsLog: once a log cannot be written, what its job comes to
// cannot be told, so that it is ended, and is no verdict.
func TestAJobEndsWithItsLog(t *testing.T) {
	f := setUp(t, 1)
	f.logs = dockertest.Disk(t, 16<<20)
	f.Runner = runner.New(runner.Options{Sandbox: f.sandbox, Workspaces: f.lender, LogDir: f.logs})
	var free func()
	ends := map[string]func(ctx context.Context) (runner.Exit, error){
		"as stopped":     func(context.Context) (runner.Exit, error) { return runner.Exit{Cancelled: true}, nil },
		"with the cause": func(ctx context.Context) (runner.Exit, error) { return runner.Exit{}, context.Cause(ctx) },
	}
	for name, end := range ends {
		f.sandbox.do = func(ctx context.Context, _ runner.Task, out runner.Output) (runner.Exit, error) {
			free = dockertest.Fill(t, f.logs)
			defer free()
			for ctx.Err() == nil {
				if _, err := out.Write(bytes.Repeat([]byte("line\n"), 1000)); err != nil {
					t.Error(err)
				}
			}
			return end(ctx)
		}
		if result, err := f.Run(t.Context(), run(), job()); checks.CauseOf(err) != checks.CauseDiskFull {
			t.Errorf("%s: %+v, %v", name, result, err)
		}
	}
	f.sandbox.do = nil
	again := job()
	again.Attempt = 3
	if result, err := f.Run(t.Context(), run(), again); err != nil || result.Outcome != checks.OutcomePassed {
		t.Errorf("on a disk with room: %+v, %v", result, err)
	}
	if text := f.log(t); !strings.Contains(text, "Attempt 3") || !strings.Contains(text, "Passed") {
		t.Errorf("the log ends with %q", text[max(0, len(text)-200):])
	}
}
