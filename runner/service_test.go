package runner_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
)

// served is a job with a service that prints, in its second attempt.
func served() checks.Job {
	j := job()
	j.Attempt = 2
	j.Package.Services = map[string]checks.Service{
		"db":    {Image: "postgres:16", Env: map[string]string{"P": "x"}, Ports: []int{5432}, Ready: "5432"},
		"cache": {Image: "redis"},
	}
	return j
}

func TestServicesOfATask(t *testing.T) {
	f := setUp(t, 1)
	var names []string
	f.sandbox.do = func(_ context.Context, task runner.Task, _ runner.Output) (runner.Exit, error) {
		for i := range task.Services {
			s := &task.Services[i]
			names = append(names, s.Name)
			fmt.Fprintf(s.Output, "hello of %s\n", s.Name)
			s.Output = nil
		}
		if diff := cmp.Diff(runner.Service{Name: "db", Image: "postgres:16", Env: map[string]string{"P": "x"}, Ports: []int{5432}, Ready: "5432"}, task.Services[1]); diff != "" {
			t.Error(diff)
		}
		return runner.Exit{Image: "sha256:i", Services: map[string]string{"db": "sha256:d"}}, nil
	}
	result, err := f.Run(t.Context(), run(), served())
	if err != nil || result.Services["db"] != "sha256:d" {
		t.Errorf("result %+v, %v", result, err)
	}
	if got := strings.Join(names, " "); got != "cache db" {
		t.Errorf("the services are %q", got)
	}
	log := strings.Join(lines(t, read(t, filepath.Join(f.logs, "run1", "p+db.log"))), "")
	if log != "#Attempt 2\nhello of db\n" {
		t.Errorf("its log is %q", log)
	}
}

func TestVerdictsOnServices(t *testing.T) {
	for name, c := range map[string]struct {
		exit runner.Exit
		want checks.Result
	}{
		"not ready": {runner.Exit{Unready: "The service db was not ready."},
			checks.Result{Outcome: checks.OutcomeFailed, Cause: checks.CauseService, Detail: "The service db was not ready."}},
		"disk": {runner.Exit{Unready: "Too much.", Cause: checks.CauseDiskLimit},
			checks.Result{Outcome: checks.OutcomeFailed, Cause: checks.CauseDiskLimit, Detail: "Too much."}},
		"died, and steps failed": {runner.Exit{Code: 2, Died: "The service db died."},
			checks.Result{Outcome: checks.OutcomeFailed, Cause: checks.CauseService, ExitCode: 2, Detail: "`make ci` exited with 2. The service db died."}},
		"died, and time ran out": {runner.Exit{TimedOut: true, Died: "The service db died."},
			checks.Result{Outcome: checks.OutcomeTimedOut, Detail: "`make ci` did not end within the timeout of 30m. The service db died."}},
		"died, and steps passed": {runner.Exit{Died: "The service db died."}, checks.Result{Outcome: checks.OutcomePassed}},
	} {
		t.Run(name, func(t *testing.T) {
			f := setUp(t, 1)
			f.sandbox.do = func(context.Context, runner.Task, runner.Output) (runner.Exit, error) { return c.exit, nil }
			got, err := f.Run(t.Context(), run(), job())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestServicesThatNobodyCanRun(t *testing.T) {
	for name, s := range map[string]checks.Service{
		"zero byte":     {Image: "x", Env: map[string]string{"A": "\x00"}},
		"long value":    {Image: "x", Env: map[string]string{"A": strings.Repeat("x", 1<<17)}},
		"zero in ready": {Image: "x", Ready: "a\x00"},
	} {
		t.Run(name, func(t *testing.T) {
			f := setUp(t, 1)
			f.sandbox.do = func(context.Context, runner.Task, runner.Output) (runner.Exit, error) {
				t.Error("the sandbox was asked")
				return runner.Exit{}, nil
			}
			j := job()
			j.Package.Services = map[string]checks.Service{"db": s}
			got, err := f.Run(t.Context(), run(), j)
			if err != nil || got.Outcome != checks.OutcomeFailed || !strings.Contains(got.Detail, "db") {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

// A secret that a service comes to know is in its log no more than in the job's.
func TestServiceLogsAreMasked(t *testing.T) {
	f := setUp(t, 1)
	f.Runner = runner.New(runner.Options{Sandbox: f.sandbox, Workspaces: f.lender, LogDir: f.logs,
		Secrets: func(context.Context, checks.Run, checks.Job) (map[string]string, error) {
			return map[string]string{"TOKEN": "a-long-secret-value"}, nil
		}})
	f.sandbox.do = func(_ context.Context, task runner.Task, _ runner.Output) (runner.Exit, error) {
		fmt.Fprintf(task.Services[1].Output, "got a-long-secret-")
		fmt.Fprintf(task.Services[1].Output, "value here\n")
		return runner.Exit{}, nil
	}
	j := served()
	j.Attempt, j.Package.Secrets = 1, []string{"TOKEN"}
	own := run()
	own.PullRequest.Head.Repo.ID, own.PullRequest.Base.Repo.ID = 1, 1
	if _, err := f.Run(t.Context(), own, j); err != nil {
		t.Fatal(err)
	}
	if log := read(t, filepath.Join(f.logs, "run1", "p+db.log")); strings.Contains(log, "a-long") || !strings.Contains(log, "here") {
		t.Errorf("its log is %q", log)
	}
}
