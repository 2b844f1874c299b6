package runner_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
)

// dummy is a Sandbox that does as it is told.
type dummy struct {
	mu   sync.Mutex
	last runner.Task
	do   func(ctx context.Context, t runner.Task, out runner.Output) (runner.Exit, error)
}

func (d *dummy) Ready(context.Context) error { return nil }
func (d *dummy) Close() error                { return nil }
func (d *dummy) Run(ctx context.Context, t runner.Task, out runner.Output) (runner.Exit, error) {
	d.mu.Lock()
	d.last = t
	d.mu.Unlock()
	if d.do == nil {
		return runner.Exit{Image: "sha256:x"}, nil
	}
	return d.do(ctx, t, out)
}

// lender lends out one folder and counts what is lent.
type lender struct {
	dir  string
	err  error
	lent atomic.Int32
}

func (l *lender) Lease(context.Context, checks.Run, checks.Job) (runner.Workspace, error) {
	if l.err != nil {
		return runner.Workspace{}, l.err
	}
	l.lent.Add(1)
	return runner.Workspace{Dir: l.dir, Release: func() { l.lent.Add(-1) }}, nil
}

type fixture struct {
	*runner.Runner
	sandbox *dummy
	lender  *lender
	logs    string
}

func setUp(t *testing.T, slots int) *fixture {
	t.Helper()
	f := &fixture{sandbox: &dummy{}, lender: &lender{dir: t.TempDir()}, logs: t.TempDir()}
	if err := os.Mkdir(filepath.Join(f.lender.dir, "pkg"), 0o755); err != nil {
		t.Fatal(err)
	}
	f.Runner = runner.New(runner.Options{Sandbox: f.sandbox, Workspaces: f.lender, LogDir: f.logs, Slots: slots})
	return f
}

func run() checks.Run {
	return checks.Run{ID: "run1", HeadSHA: "abc", Tree: "def", PullRequest: &checks.PullRequest{Number: 7}}
}

func job() checks.Job {
	return checks.Job{Run: "run1", Attempt: 1, Package: checks.Package{Name: "p", Dir: "pkg", TestType: checks.TestMake, Timeout: 30 * time.Minute}}
}

func (f *fixture) log(t *testing.T) string {
	t.Helper()
	return strings.Join(lines(t, read(t, filepath.Join(f.logs, "run1", "p.log"))), "")
}

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		name string
		exit runner.Exit
		want checks.Result
		log  string
	}{
		{"passed", runner.Exit{Image: "i"}, checks.Result{Outcome: checks.OutcomePassed, Image: "i"}, "#Passed after"},
		{"failed", runner.Exit{Code: 2, Image: "i"},
			checks.Result{Outcome: checks.OutcomeFailed, ExitCode: 2, Image: "i", Detail: "`make ci` exited with 2."}, "#Failed after"},
		{"not found", runner.Exit{Code: 127},
			checks.Result{Outcome: checks.OutcomeFailed, ExitCode: 127, Detail: "`make ci` exited with 127 (a command was not found in the image)."}, "#Failed"},
		{"out of memory", runner.Exit{Code: 2, OutOfMemory: true, MemoryLimit: 64 << 20},
			checks.Result{Outcome: checks.OutcomeFailed, Cause: checks.CauseMemory, ExitCode: 2, Detail: "`make ci` exited with 2. A process was killed because the job reached its memory limit of 64 MiB; resources.memory in loktar.json sets it."}, "#Failed"},
		{"killed", runner.Exit{Code: 137},
			checks.Result{Outcome: checks.OutcomeFailed, Cause: checks.CauseSignal, ExitCode: 137, Detail: "`make ci` exited with 137 (killed by signal 9)."}, "#Failed"},
		{"one file too large", runner.Exit{Code: 153},
			checks.Result{Outcome: checks.OutcomeFailed, Cause: checks.CauseDiskLimit, ExitCode: 153, Detail: "`make ci` exited with 153 (killed by signal 25: it wrote more to one file than the server's runner.workspace allows)."}, "#Failed"},
		{"too much on disk", runner.Exit{Code: 137, Exceeded: "Too much."},
			checks.Result{Outcome: checks.OutcomeFailed, Cause: checks.CauseDiskLimit, Detail: "Too much."}, "#Failed"},
		{"out of memory and time", runner.Exit{Code: 143, TimedOut: true, OutOfMemory: true, MemoryLimit: 64 << 20},
			checks.Result{Outcome: checks.OutcomeTimedOut, Cause: checks.CauseMemory, Detail: "`make ci` did not end within the timeout of 30m. A process was killed because the job reached its memory limit of 64 MiB; resources.memory in loktar.json sets it."}, "#Timed out"},
		{"timed out", runner.Exit{Code: 143, TimedOut: true},
			checks.Result{Outcome: checks.OutcomeTimedOut, Detail: "`make ci` did not end within the timeout of 30m."}, "#Timed out"},
		{"cancelled", runner.Exit{Code: 143, Cancelled: true},
			checks.Result{Outcome: checks.OutcomeCancelled, Detail: "It was stopped before it ended."}, "#Stopped"},
		{"out of memory and passed", runner.Exit{OutOfMemory: true}, checks.Result{Outcome: checks.OutcomePassed}, "#Passed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := setUp(t, 1)
			f.sandbox.do = func(_ context.Context, _ runner.Task, out runner.Output) (runner.Exit, error) {
				_, _ = fmt.Fprintln(out, "printed")
				return c.exit, nil
			}
			got, err := f.Run(t.Context(), run(), job())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if log := f.log(t); !strings.HasPrefix(log, "printed\n"+c.log) {
				t.Errorf("log %q", log)
			}
			if f.lender.lent.Load() != 0 {
				t.Error("the workspace was not given back")
			}
		})
	}
}

func TestTask(t *testing.T) {
	f := setUp(t, 1)
	j := job()
	j.Package.Env = map[string]string{"GOFLAGS": "-v", "LOKTAR_SHA": "forged", "loktar_code": "0", "HOME": "/h", "TINI_SUBREAPER": "1"}
	j.Package.Network = true
	if _, err := f.Run(t.Context(), run(), j); err != nil {
		t.Fatal(err)
	}
	want := runner.Task{
		Job: checks.JobID{Run: "run1", Package: "p"}, Attempt: 1, Tree: f.lender.dir, Dir: "pkg", Network: true, Timeout: 30 * time.Minute,
		Steps: []string{"make ci"}, Clean: []string{"make clean"},
		Env: map[string]string{
			"LOKTAR": "true", "CI": "true", "LOKTAR_PACKAGE": "p", "LOKTAR_RUN": "run1", "LOKTAR_SHA": "abc",
			"LOKTAR_PULL_REQUEST": "7", "HOME": "/h", "GOFLAGS": "-v",
		},
	}
	if diff := cmp.Diff(want, f.sandbox.last); diff != "" {
		t.Error(diff)
	}
}

func TestVerdictsWithoutASandbox(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*checks.Package)
		want   checks.Outcome
		detail string
	}{
		"no test":      {func(p *checks.Package) { p.TestType = checks.TestNone }, checks.OutcomePassed, "nothing to run"},
		"no folder":    {func(p *checks.Package) { p.Dir = "none" }, checks.OutcomeFailed, "`none` is not in the tested commit"},
		"a file":       {func(p *checks.Package) { p.Dir = "file" }, checks.OutcomeFailed, "is not a folder"},
		"outside":      {func(p *checks.Package) { p.Dir = "out" }, checks.OutcomeFailed, "not inside the repository"},
		"no commands":  {func(p *checks.Package) { p.TestType = checks.TestCommand }, checks.OutcomeFailed, "List them in `commands`"},
		"bad env name": {func(p *checks.Package) { p.Env = map[string]string{"LOKTAR": "x", "A=LOKTAR": "x"} }, checks.OutcomeFailed, `"A=LOKTAR"`},
		"zero in env":  {func(p *checks.Package) { p.Env = map[string]string{"A": "\x00"} }, checks.OutcomeFailed, "zero byte"},
		"long command": {func(p *checks.Package) {
			p.TestType, p.Commands = checks.TestCommand, []string{strings.Repeat("x", 1<<17)}
		}, checks.OutcomeFailed, "longer than 128 KiB"},
		"many commands": {func(p *checks.Package) {
			p.TestType, p.Commands = checks.TestCommand, slices.Repeat([]string{strings.Repeat("x", 1<<16)}, 30)
		}, checks.OutcomeFailed, "longer than 1792 KiB together"},
		"zero in a line": {func(p *checks.Package) { p.TestType, p.Commands = checks.TestCommand, []string{"a\x00b"} }, checks.OutcomeFailed, "zero byte"},
	} {
		t.Run(name, func(t *testing.T) {
			f := setUp(t, 1)
			f.sandbox.do = func(context.Context, runner.Task, runner.Output) (runner.Exit, error) {
				t.Error("the sandbox was asked")
				return runner.Exit{}, nil
			}
			if err := os.WriteFile(filepath.Join(f.lender.dir, "file"), nil, 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink("/etc", filepath.Join(f.lender.dir, "out")); err != nil {
				t.Fatal(err)
			}
			j := job()
			c.change(&j.Package)
			got, err := f.Run(t.Context(), run(), j)
			if err != nil || got.Outcome != c.want || !strings.Contains(got.Detail, c.detail) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestFaults(t *testing.T) {
	f := setUp(t, 1)
	f.sandbox.do = func(context.Context, runner.Task, runner.Output) (runner.Exit, error) {
		return runner.Exit{}, checks.Errorf(checks.KindUnavailable, nil, "The engine does not answer.")
	}
	if _, err := f.Run(t.Context(), run(), job()); checks.KindOf(err) != checks.KindUnavailable {
		t.Errorf("got %v", err)
	}
	if log := f.log(t); !strings.Contains(log, "The engine does not answer. The job will be tried again.") {
		t.Errorf("log %q", log)
	}

	f.lender.err = checks.Errorf(checks.KindNotFound, nil, "The commit is gone.")
	j := job()
	j.Attempt = 2
	if _, err := f.Run(t.Context(), run(), j); checks.KindOf(err) != checks.KindNotFound || checks.PublicText(err, "") != "The commit is gone." {
		t.Errorf("got %v", err)
	}
	if log := f.log(t); !strings.Contains(log, "tried again.\n#Attempt 2\n#Could not be run. The commit is gone.") {
		t.Errorf("log %q", log)
	}

	if err := os.RemoveAll(f.logs); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.logs, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Run(t.Context(), run(), job()); checks.KindOf(err) != checks.KindConfig {
		t.Errorf("a log that cannot be made: %v", err)
	}
}

func TestSlotsBoundJobs(t *testing.T) {
	f := setUp(t, 2)
	var now, most atomic.Int32
	meet := make(chan struct{})
	f.sandbox.do = func(context.Context, runner.Task, runner.Output) (runner.Exit, error) {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		<-meet // two jobs are here at once, one by one they leave
		now.Add(-1)
		return runner.Exit{}, nil
	}
	var group sync.WaitGroup
	for i := range 6 {
		group.Go(func() {
			j := job()
			j.Package.Name = fmt.Sprint("p", i)
			if got, err := f.Run(t.Context(), run(), j); err != nil || got.Outcome != checks.OutcomePassed {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	for range 6 {
		meet <- struct{}{}
	}
	group.Wait()
	if most.Load() > 2 {
		t.Errorf("%d jobs ran at once", most.Load())
	}
}

func TestCancelWhileWaitingForASlot(t *testing.T) {
	f := setUp(t, 1)
	inside, leave := make(chan struct{}), make(chan struct{})
	f.sandbox.do = func(context.Context, runner.Task, runner.Output) (runner.Exit, error) {
		close(inside)
		<-leave
		return runner.Exit{}, nil
	}
	var group sync.WaitGroup
	group.Go(func() { _, _ = f.Run(t.Context(), run(), job()) })
	<-inside
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("a newer push"))
	got, err := f.Run(ctx, run(), job())
	if err != nil || got.Outcome != checks.OutcomeCancelled {
		t.Errorf("got %+v, %v", got, err)
	}
	close(leave)
	group.Wait()
}
