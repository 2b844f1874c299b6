package runner_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
)

// busy is an error of a registry.
type busy struct{ text string }

func (b *busy) Error() string             { return b.text }
func (b *busy) RetryAfter() time.Duration { return 7 * time.Minute }

// TestErrorsWithSecrets: an error of the sandbox's shows no secret, wherever it
// holds one, and is otherwise what it was.
func TestErrorsWithSecrets(t *testing.T) {
	path := &fs.PathError{Op: "open", Path: "/plain", Err: fs.ErrPermission}
	for name, err := range map[string]error{
		"none":                 fmt.Errorf("pull: %w", checks.Causef(checks.CauseAway, &busy{"busy"}, "Away.")),
		"in the public text":   checks.Causef(checks.CauseImageLogin, path, "Login %s is refused.", token),
		"in the cause":         fmt.Errorf("create: %w", checks.Causef(checks.CauseEngine, fmt.Errorf("env %s: %w", token, path), "Refused.")),
		"around":               fmt.Errorf("env %s: %w", token, checks.Causef(checks.CauseEngineLost, path, "Gone.")),
		"in who says wait":     checks.Errorf(checks.KindAway, checks.Causef(checks.CauseAway, &busy{"busy with " + token}, ""), "Away."),
		"beside":               errors.Join(errors.New(token), checks.Causef(checks.CauseMount, errors.Join(&busy{"busy"}, path), "Full.")),
		"of no kind":           fmt.Errorf("%s: %w", token, path),
		"hidden by its parent": checks.Errorf(checks.KindLost, opaque{errors.Join(errors.New(token), path)}, "Lost."),
		"encoded":              checks.Causef(checks.CauseDiskFull, fmt.Errorf("t0ken%%2Fof+the%%2Bserver: %w", path), "Full."),
	} {
		t.Run(name, func(t *testing.T) {
			f := setUp(t, 1)
			f.Runner = runner.New(runner.Options{Sandbox: f.sandbox, Workspaces: f.lender, LogDir: f.logs,
				Secrets: func(context.Context, checks.Run, checks.Job) (map[string]string, error) {
					return map[string]string{"TOKEN": token}, nil
				}})
			f.sandbox.do = func(context.Context, runner.Task, runner.Output) (runner.Exit, error) { return runner.Exit{}, err }
			own, j := run(), job()
			own.PullRequest, j.Package.Secrets = nil, []string{"TOKEN"}
			_, got := f.Run(t.Context(), own, j)
			if checks.KindOf(got) != checks.KindOf(err) || checks.CauseOf(got) != checks.CauseOf(err) || checks.Passing(got) != checks.Passing(err) {
				t.Errorf("kind %v, cause %q; want %v, %q", checks.KindOf(got), checks.CauseOf(got), checks.KindOf(err), checks.CauseOf(err))
			}
			if text, want := checks.PublicText(got, "none"), strings.ReplaceAll(checks.PublicText(err, "none"), token, "***"); text != want {
				t.Errorf("public text %q, want %q", text, want)
			}
			for _, target := range []error{fs.ErrPermission, path, net.ErrClosed, err} {
				if errors.Is(got, target) != errors.Is(err, target) {
					t.Errorf("is %v: %v", target, errors.Is(got, target))
				}
			}
			var one, other interface{ RetryAfter() time.Duration }
			if errors.As(got, &one) != errors.As(err, &other) || one != nil && one.RetryAfter() != other.RetryAfter() {
				t.Errorf("how long to wait: %v, want %v", one, other)
			}
			var pathError *fs.PathError
			if errors.As(got, &pathError) != errors.Is(err, path) {
				t.Error("what holds no secret is not found")
			}
			unwrapAll(got, func(err error) {
				if text := fmt.Sprintf("%v %s %q", err, err, err); strings.Contains(text, "t0ken") {
					t.Errorf("%T shows %s", err, text)
				}
			})
			var b *busy
			if errors.As(got, &b) && strings.Contains(b.text, token) {
				t.Errorf("it gives away %v", b)
			}
		})
	}
}

// opaque says nothing of what it wraps.
type opaque struct{ err error }

func (opaque) Error() string   { return "opaque" }
func (o opaque) Unwrap() error { return o.err }

func unwrapAll(err error, do func(error)) {
	if err == nil {
		return
	}
	do(err)
	//nolint:errorlint // the tree itself is walked
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		unwrapAll(e.Unwrap(), do)
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			unwrapAll(err, do)
		}
	}
}
