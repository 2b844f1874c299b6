package runner_test

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
)

// survivor is a dummy with what an earlier process left of one job.
type survivor struct {
	dummy
	left   *runner.Left
	env    map[string]string
	envErr error
	resume func(ctx context.Context, t runner.Task, out runner.Output) (runner.Exit, error)
}

func (s *survivor) Left(id checks.JobID, attempt int) (runner.Left, bool) {
	if s.left == nil || s.left.Job != id || s.left.Attempt != attempt {
		return runner.Left{}, false
	}
	return *s.left, true
}

func (s *survivor) Env(_ context.Context, _ checks.JobID, names []string) (map[string]string, error) {
	held := map[string]string{}
	for _, name := range names {
		if value, ok := s.env[name]; ok {
			held[name] = value
		}
	}
	return held, s.envErr
}

func (s *survivor) Resume(ctx context.Context, t runner.Task, out runner.Output) (runner.Exit, error) {
	s.left = nil
	return s.resume(ctx, t, out)
}

func (s *survivor) Abandon(_ context.Context, _ checks.JobID, gone func()) {
	if s.left != nil {
		s.left = nil
		gone()
	}
}

// next is the Runner of the process after the one of f, on what that left.
func (f *fixture) next(s *survivor, o runner.Options) *runner.Runner {
	o.Sandbox, o.Workspaces, o.LogDir, o.Slots = s, f.lender, f.logs, 1
	o.Again = func(left runner.Left) (runner.Workspace, error) {
		if left.Tree != f.lender.dir {
			return runner.Workspace{}, checks.Errorf(checks.KindLost, nil, "The files are gone.")
		}
		return f.lender.Lease(context.Background(), checks.Run{}, checks.Job{})
	}
	return runner.New(o)
}

// TestResumedFindings has the process die once all was taken of a red job: the
// next one finds what an undisturbed one does.
func TestResumedFindings(t *testing.T) {
	left := t.TempDir()
	writeIn(t, left, "junit.xml", `<testsuite><testcase classname="s" name="no"><failure message="it is wrong">    at a (pkg/a.js:7:1)</failure></testcase><testcase name="yes" time="3"/></testsuite>`)
	writeIn(t, left, "other.xml", "<html>")
	writeIn(t, left, "name of hunter22hunter22.xml", "<html>")
	f := setUp(t, 1)
	writeIn(t, f.lender.dir, "pkg/a.js", "x")
	options := runner.Options{
		Secrets: func(context.Context, checks.Run, checks.Job) (map[string]string, error) {
			return map[string]string{"PASSWORD": "hunter22hunter22"}, nil
		},
		Keep: func(context.Context, runner.KeptFile) (string, error) { return "sum", nil },
	}
	prints := func(out runner.Output) {
		out.Step("make ci")
		_, _ = io.WriteString(out, "a.js:7: error: the log says so too\na.js:9: error: only the log says so\n")
	}
	var saved []byte
	first := &survivor{}
	first.do = func(ctx context.Context, task runner.Task, out runner.Output) (runner.Exit, error) {
		prints(out)
		if _, _, err := runner.CollectFrom(ctx, openFolder(t, left), task.Artifacts); err != nil {
			return runner.Exit{}, err
		}
		var err error
		saved, err = task.Save()
		return runner.Exit{Code: 2}, err
	}
	second := &survivor{
		left: &runner.Left{Job: checks.JobID{Run: "run1", Package: "p"}, Attempt: 1, Tree: f.lender.dir, Secrets: []string{"PASSWORD"}},
		env:  map[string]string{"PASSWORD": "hunter22hunter22"},
		resume: func(_ context.Context, task runner.Task, out runner.Output) (runner.Exit, error) {
			prints(out)
			return runner.Exit{Code: 2}, task.Load(saved)
		},
	}
	own := run()
	own.PullRequest = nil
	j := job()
	j.Package.Reports, j.Package.Secrets = []string{"*.xml"}, []string{"PASSWORD"}
	want, err := f.next(first, options).Run(t.Context(), own, j)
	if err != nil || want.Findings == nil || len(want.Findings.Annotations) != 2 || want.Findings.Tests.Total() != 2 || len(want.Findings.Notes) != 1 {
		t.Fatalf("undisturbed: %+v, %v", want.Findings, err)
	}
	if err := os.Remove(f.logs + "/run1/p.log"); err != nil {
		t.Fatal(err)
	}
	got, err := f.next(second, options).Run(t.Context(), own, j)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(checks.Step{}, "Took"), cmpopts.IgnoreFields(checks.SeenTests{}, "Green")); diff != "" {
		t.Error(diff)
	}
	if seen := got.Findings.Seen; !seen.Green("yes") || seen.Green("s.no") {
		t.Error("what was green is not known any more")
	}
}

// leases are Caches that count how leases end.
type leases struct{ saved, released []string }

func (l *leases) Lease(context.Context, runner.CacheWant) (runner.CacheView, error) {
	return runner.CacheView{}, errors.New("no lease is due")
}

func (l *leases) Save(_ context.Context, v runner.CacheView) (string, error) {
	l.saved = append(l.saved, v.ID)
	return "saved", nil
}

func (l *leases) Release(v runner.CacheView) { l.released = append(l.released, v.ID) }

// TestLeasesOfWhatIsLeftEnd: whatever becomes of what an earlier process left,
// the leases that it had end, once.
func TestLeasesOfWhatIsLeftEnd(t *testing.T) {
	for name, c := range map[string]struct {
		change func(s *survivor, j *checks.Job)
		ctx    func(context.Context) context.Context
		saved  bool
	}{
		"it passes": {saved: true},
		"it fails":  {change: func(s *survivor, _ *checks.Job) { s.resume = ends(runner.Exit{Code: 1}, nil) }},
		"it is lost": {change: func(s *survivor, _ *checks.Job) {
			s.resume = ends(runner.Exit{}, checks.Errorf(checks.KindLost, nil, "Gone."))
		}},
		"its files are gone":  {change: func(s *survivor, _ *checks.Job) { s.left.Tree = "/gone" }},
		"its secrets are":     {change: func(s *survivor, _ *checks.Job) { s.envErr = checks.Errorf(checks.KindLost, nil, "Gone.") }},
		"it cannot be run":    {change: func(_ *survivor, j *checks.Job) { j.Package.Dir = "none" }},
		"there is no test":    {change: func(_ *survivor, j *checks.Job) { j.Package.TestType = checks.TestNone }},
		"nobody waits for it": {ctx: func(ctx context.Context) context.Context { ctx, stop := context.WithCancel(ctx); stop(); return ctx }},
	} {
		t.Run(name, func(t *testing.T) {
			f, held := setUp(t, 1), &leases{}
			views := []runner.CacheView{{ID: "one"}, {ID: "two"}}
			s := &survivor{left: &runner.Left{Job: checks.JobID{Run: "run1", Package: "p"}, Attempt: 1, Tree: f.lender.dir, Caches: views, Secrets: []string{"TOKEN"}}, resume: ends(runner.Exit{}, nil)}
			j, ctx := job(), t.Context()
			j.Package.Secrets = []string{"TOKEN"}
			if c.change != nil {
				c.change(s, &j)
			}
			if c.ctx != nil {
				ctx = c.ctx(ctx)
			}
			_, _ = f.next(s, runner.Options{Caches: held}).Run(ctx, run(), j)
			want := &leases{released: []string{"one", "two"}}
			if c.saved {
				want.saved, want.released = want.released, nil
			}
			if diff := cmp.Diff(want, held, cmp.AllowUnexported(leases{})); diff != "" {
				t.Error(diff)
			}
			if s.left != nil || f.lender.lent.Load() != 0 {
				t.Error("something of it stays")
			}
		})
	}
}

// ends is what comes of a job that ends so.
func ends(exit runner.Exit, err error) func(context.Context, runner.Task, runner.Output) (runner.Exit, error) {
	return func(context.Context, runner.Task, runner.Output) (runner.Exit, error) { return exit, err }
}

// What the services of a job printed comes again, and is in their logs once.
func TestServiceLogsResume(t *testing.T) {
	f := setUp(t, 1)
	prints := func(text string) func(context.Context, runner.Task, runner.Output) (runner.Exit, error) {
		return func(_ context.Context, task runner.Task, _ runner.Output) (runner.Exit, error) {
			_, err := io.WriteString(task.Services[0].Output, text)
			return runner.Exit{}, err
		}
	}
	j := served()
	delete(j.Package.Services, "cache")
	f.sandbox.do = prints("db is up\nhalf a li")
	if _, err := f.Run(t.Context(), run(), j); err != nil {
		t.Fatal(err)
	}
	s := &survivor{left: &runner.Left{Job: checks.JobID{Run: "run1", Package: "p"}, Attempt: 2, Tree: f.lender.dir}, resume: prints("db is up\nhalf a line\nmore\n")}
	if _, err := f.next(s, runner.Options{}).Run(t.Context(), run(), j); err != nil {
		t.Fatal(err)
	}
	if log := strings.Join(lines(t, read(t, f.logs+"/run1/p+db.log")), ""); log != "#Attempt 2\ndb is up\nhalf a line\nmore\n" {
		t.Errorf("its log is %q", log)
	}
}

// TestLeftSecrets: what a job was given is masked when it is taken up, and no
// variable that merely has the name of a secret.
func TestLeftSecrets(t *testing.T) {
	for name, c := range map[string]struct {
		given []string
		want  string
	}{
		"given":     {[]string{"TOKEN"}, "it is *** beside of the image"},
		"not given": {nil, "it is " + token + " beside of the image"},
	} {
		t.Run(name, func(t *testing.T) {
			f := setUp(t, 1)
			s := &survivor{
				left: &runner.Left{Job: checks.JobID{Run: "run1", Package: "p"}, Attempt: 1, Tree: f.lender.dir, Secrets: c.given},
				env:  map[string]string{"TOKEN": token, "OTHER": "of the image"},
				resume: func(_ context.Context, task runner.Task, out runner.Output) (runner.Exit, error) {
					if len(task.Secrets) != len(c.given) {
						t.Errorf("its secrets are %v", task.Secrets)
					}
					_, err := io.WriteString(out, "it is "+token+" beside of the image\n")
					return runner.Exit{}, err
				},
			}
			j := job()
			j.Package.Secrets = []string{"TOKEN", "OTHER"}
			if _, err := f.next(s, runner.Options{}).Run(t.Context(), run(), j); err != nil {
				t.Fatal(err)
			}
			if log := f.log(t); !strings.HasPrefix(log, c.want+"\n") {
				t.Errorf("log %q", log)
			}
		})
	}
}
