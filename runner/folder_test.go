package runner_test

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
)

// The steps' time counts for the folder too.
func TestFolderHasWhatTheStepsLeaveOfTheTime(t *testing.T) {
	for name, c := range map[string]struct {
		timeout, spent, takes time.Duration
		want                  runner.Exit
	}{
		"no bound":     {0, time.Hour, time.Hour, runner.Exit{}},
		"enough":       {time.Minute, 30 * time.Second, 29 * time.Second, runner.Exit{}},
		"too little":   {time.Minute, 30 * time.Second, 31 * time.Second, runner.Exit{TimedOut: true, Step: 2}},
		"nothing left": {time.Minute, time.Hour, 0, runner.Exit{TimedOut: true, Step: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				time.Sleep(c.spent)
				task := runner.Task{Steps: []string{"a"}, Otherwise: []string{"b"}, Timeout: c.timeout, Folder: func(ctx context.Context, dir string) error {
					if dir != "/d" {
						t.Errorf("folder %q", dir)
					}
					select {
					case <-ctx.Done():
						return ctx.Err()
					case <-time.After(c.takes):
						return nil
					}
				}}
				var exit runner.Exit
				if err := runner.HandFolder(t.Context(), task, begun, "/d", &exit); err != nil || !reflect.DeepEqual(exit, c.want) {
					t.Errorf("%+v, %v", exit, err)
				}
			})
		})
	}
}

// An image without a Makefile is built from the leased tree, and no sandbox is
// asked.
func TestBuildWithoutSteps(t *testing.T) {
	lost := errors.New("lost")
	for name, c := range map[string]struct {
		fails  error
		want   checks.Outcome
		detail string
		kind   checks.Kind
	}{
		"built":     {nil, checks.OutcomePassed, "", 0},
		"not built": {checks.Errorf(checks.KindRefused, lost, "It does not build."), checks.OutcomeFailed, "It does not build.", 0},
		"a fault":   {checks.Errorf(checks.KindUnavailable, lost, "The Docker engine went away."), "", "", checks.KindUnavailable},
		"stopped":   {context.Canceled, checks.OutcomeCancelled, "It was stopped before it ended.", 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := setUp(t, 1)
			f.sandbox.do = func(context.Context, runner.Task, runner.Output) (runner.Exit, error) {
				t.Error("the sandbox was asked")
				return runner.Exit{}, nil
			}
			j := job()
			j.Package.PkgType = "docker"
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			got, err := f.Release(ctx, run(), j, runner.ReleaseOptions{Version: "7", Build: func(_ context.Context, dir string, log io.Writer) error {
				if want := filepath.Join(f.lender.dir, "pkg"); dir != want || f.lender.lent.Load() != 1 {
					t.Errorf("built in %q, want %q, of %d leases", dir, want, f.lender.lent.Load())
				}
				_, _ = io.WriteString(log, "step 1 of 1\n")
				if errors.Is(c.fails, context.Canceled) {
					stop()
				}
				return c.fails
			}})
			if c.kind != 0 {
				if checks.KindOf(err) != c.kind || !errors.Is(err, lost) {
					t.Errorf("error %v", err)
				}
			} else if err != nil || got.Outcome != c.want || got.Detail != c.detail {
				t.Errorf("%+v, %v", got, err)
			}
			if f.lender.lent.Load() != 0 {
				t.Error("the workspace was not given back")
			}
			text := f.log(t)
			if !strings.Contains(text, "Building the image\n") || !strings.Contains(text, "step 1 of 1\n") {
				t.Errorf("log:\n%s", text)
			}
		})
	}
}
