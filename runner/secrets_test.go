package runner_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
)

const token = "t0ken/of the+server"

func TestSecrets(t *testing.T) {
	fork := run()
	fork.PullRequest.Head.Repo.ID, fork.PullRequest.Base.Repo.ID = 2, 1
	own := run()
	own.PullRequest.Head.Repo.ID, own.PullRequest.Base.Repo.ID = 1, 1
	held := func(values ...string) runner.Secrets {
		return func(_ context.Context, run checks.Run, _ checks.Job) (map[string]string, error) {
			if run.Untrusted() {
				t.Error("asked for secrets on behalf of a fork")
			}
			m := map[string]string{}
			for i := 0; i < len(values); i += 2 {
				m[values[i]] = values[i+1]
			}
			return m, nil
		}
	}
	for name, c := range map[string]struct {
		run     checks.Run
		secrets runner.Secrets
		want    map[string]string
		log     string
		fault   string
	}{
		"given":       {own, held("TOKEN", token, "OTHER", "unnamed"), map[string]string{"TOKEN": token}, "it is *** and *** and dXNlcjp***\n", ""},
		"to a fork":   {fork, held("TOKEN", token), map[string]string{}, "#Without the secrets TOKEN: the code comes from people who may not write to the repository\nit is " + token, ""},
		"not for it":  {own, held(), map[string]string{}, "#Without the secrets TOKEN: they are not for this job\nit is", ""},
		"nobody's":    {own, nil, map[string]string{}, "#Without the secrets TOKEN: they are not for this job\nit is", ""},
		"too short":   {own, held("TOKEN", "abc"), nil, "", "The secret TOKEN is shorter than 4 bytes"},
		"a zero byte": {own, held("TOKEN", "abcd\x00e"), nil, "", "The secret TOKEN cannot be an environment variable"},
		"not held": {own, func(context.Context, checks.Run, checks.Job) (map[string]string, error) {
			return nil, checks.Errorf(checks.KindConfig, errors.New("x"), "The package asks for the secret TOKEN.")
		}, nil, "", "The package asks for the secret TOKEN."},
	} {
		t.Run(name, func(t *testing.T) {
			f := setUp(t, 1)
			f.Runner = runner.New(runner.Options{Sandbox: f.sandbox, Workspaces: f.lender, LogDir: f.logs, Secrets: c.secrets})
			f.sandbox.do = func(_ context.Context, task runner.Task, out runner.Output) (runner.Exit, error) {
				if diff := cmp.Diff(c.want, task.Secrets); diff != "" {
					t.Error(diff)
				}
				for text := "it is " + token + " and t0ken%2Fof+the%2Bserver and " + base64.StdEncoding.EncodeToString([]byte("user:"+token)) + "\n"; text != ""; text = text[1:] {
					_, _ = out.Write([]byte(text[:1]))
				}
				return runner.Exit{}, nil
			}
			j := job()
			j.Package.Secrets = []string{"TOKEN"}
			_, err := f.Run(t.Context(), c.run, j)
			switch {
			case c.fault != "" && (checks.KindOf(err) != checks.KindConfig || !strings.HasPrefix(checks.PublicText(err, ""), c.fault)):
				t.Errorf("fault %v", err)
			case c.fault == "" && err != nil:
				t.Error(err)
			}
			if log := f.log(t); !strings.HasPrefix(log, c.log) || f.lender.lent.Load() != 0 {
				t.Errorf("log %q", log)
			}
		})
	}
}

// What is shown beside the log has no secret either.
func TestSecretsBesideTheLog(t *testing.T) {
	f := setUp(t, 1)
	f.Runner = runner.New(runner.Options{Sandbox: f.sandbox, Workspaces: f.lender, LogDir: f.logs,
		Secrets: func(context.Context, checks.Run, checks.Job) (map[string]string, error) {
			return map[string]string{"TOKEN": token}, nil
		},
		Keep: func(context.Context, runner.KeptFile) (string, error) { return "sum", nil },
	})
	own := run()
	own.PullRequest = nil
	j := job()
	j.Package.TestType, j.Package.Commands, j.Package.Secrets, j.Package.Artifacts = checks.TestCommand, []string{"login " + token}, []string{"TOKEN"}, []string{"*"}
	f.sandbox.do = func(ctx context.Context, task runner.Task, out runner.Output) (runner.Exit, error) {
		out.Step(task.Steps[0])
		out.Heading("Pulling " + token)
		for _, name := range []string{"a", token} {
			if err := task.Artifacts.Collect(ctx, name, 1, 0, nil); err != nil {
				t.Error(err)
			}
		}
		return runner.Exit{Code: 1}, nil
	}
	got, err := f.Run(t.Context(), own, j)
	want := checks.Result{Outcome: checks.OutcomeFailed, ExitCode: 1, Detail: "`login ***` exited with 1. Files are not kept that have a secret in their names.",
		Steps:     []checks.Step{{Line: "login ***"}},
		Artifacts: []checks.Artifact{{Name: "a", Kind: checks.KindArtifact, SHA256: "sum", Size: 1}}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(checks.Step{}, "Took")); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	f.sandbox.do = func(context.Context, runner.Task, runner.Output) (runner.Exit, error) {
		return runner.Exit{}, fmt.Errorf("create: %w", checks.Errorf(checks.KindUnavailable, errors.New("env TOKEN="+token), "No %s.", token))
	}
	_, err = f.Run(t.Context(), own, j)
	if checks.KindOf(err) != checks.KindUnavailable || checks.PublicText(err, "") != "No ***." || strings.Contains(fmt.Sprint(err), token) {
		t.Errorf("got %v", err)
	}
	if log := f.log(t); strings.Contains(log, token) || !strings.Contains(log, "#login ***\n#Pulling ***\n#Failed after") || !strings.Contains(log, "No ***.") {
		t.Errorf("log %q", log)
	}
}
