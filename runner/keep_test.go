package runner_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
)

// TestLenient leaves out what cannot be handed over, and nothing else; what
// comes first has its room first.
func TestLenient(t *testing.T) {
	many := listed{"z/report": 1}
	for i := range 1001 {
		many[fmt.Sprintf("a/%04d", i)] = 0
	}
	first := func(name string) bool { return strings.HasPrefix(name, "z") }
	for name, c := range map[string]struct {
		files listed
		globs []string
		want  int
		last  string
		words string
	}{
		"all in order":   {listed{"b": 1, "a": 2, "z": 3}, []string{"*"}, 3, "b", ""},
		"none":           {listed{"b": 1}, []string{"x"}, 0, "", ""},
		"one too large":  {listed{"a": 99, "b": 101, "c": 1}, []string{"*"}, 2, "c", "`b` has 101 bytes; with it"},
		"first has room": {listed{"a": 60, "z": 60}, []string{"*"}, 1, "z", "`a` has 60 bytes; with it"},
		"names":          {listed{"a\u202e": 1, "b\\": 1, "c": 1}, []string{"*"}, 1, "c", "cannot be the name of an artifact. A name has at most 512 bytes, all of printable characters, and no backslash. 1 more are left out."},
		"too many":       {many, []string{"**"}, 1000, "a/0998", "`a/0999` is one file more than the 1000 that a package may have as artifacts (`**`). Pack them into an archive. 1 more are left out."},
		"bad glob":       {listed{"a": 1}, []string{"a["}, 0, "", "`a[` in `artifacts` cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			n, why, err := runner.CollectFrom(t.Context(), c.files, &runner.Artifacts{Globs: c.globs, MaxBytes: 100, Lenient: true, First: first, Collect: names(&got)})
			if n != c.want || err != nil || !strings.Contains(why, c.words) || (c.words == "") != (why == "") {
				t.Fatalf("%d, %q, %v", n, why, err)
			}
			if len(got) != n || n > 0 && !strings.HasPrefix(got[n-1], c.last) {
				t.Errorf("took %d, %q", len(got), got)
			}
		})
	}
}

// TestLenientTakesWhatIsBesideALink has real files.
func TestLenientTakesWhatIsBesideALink(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"shots/1.png", "real/junit.xml"} {
		writeIn(t, dir, name, name)
	}
	for link, to := range map[string]string{"shots/latest.png": "1.png", "reports": "real", "shots/secret": "/etc/passwd"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	n, why, err := runner.CollectFrom(t.Context(), openFolder(t, dir), &runner.Artifacts{Globs: []string{"reports/*.xml", "shots/**"}, Lenient: true, Collect: names(&got)})
	if n != 1 || err != nil || !strings.HasPrefix(why, "`reports` is a symbolic link.") || !strings.HasSuffix(why, " 2 more are left out.") {
		t.Errorf("%d, %q, %v, %q", n, why, err, got)
	}
}

func writeIn(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestRunKeeps runs a test whose steps left files.
func TestRunKeeps(t *testing.T) {
	left := t.TempDir()
	for _, name := range []string{"junit.xml", "shots/1.png", "shots/both.xml", "other"} {
		writeIn(t, left, name, "in "+name)
	}
	sum := func(s string) string {
		b := sha256.Sum256([]byte(s))
		return hex.EncodeToString(b[:])
	}
	all := []checks.Artifact{
		{Name: "junit.xml", Kind: checks.KindReport, SHA256: sum("in junit.xml"), Size: 12},
		{Name: "shots/both.xml", Kind: checks.KindReport, SHA256: sum("in shots/both.xml"), Size: 17},
		{Name: "shots/1.png", Kind: checks.KindArtifact, SHA256: sum("in shots/1.png"), Size: 14},
	}
	away := checks.Errorf(checks.KindUnavailable, errors.New("10.0.0.1"), "The storage does not answer.")
	for name, c := range map[string]struct {
		exit   runner.Exit
		full   error // of the storage
		want   checks.Outcome
		detail string
		kept   []checks.Artifact
	}{
		"green":           {runner.Exit{}, nil, checks.OutcomePassed, "", all},
		"red":             {runner.Exit{Code: 1}, nil, checks.OutcomeFailed, "`true` exited with 1.", all},
		"out of time":     {runner.Exit{TimedOut: true}, nil, checks.OutcomeTimedOut, "`true` did not end within the timeout of 0s.", all},
		"green, refused":  {runner.Exit{Refusal: "`x` is a device."}, nil, checks.OutcomePassed, "Not all of its files are kept: `x` is a device.", all},
		"red, refused":    {runner.Exit{Code: 1, Refusal: "`x` is a device."}, nil, checks.OutcomeFailed, "`true` exited with 1. Not all of its files are kept: `x` is a device.", all},
		"green, not kept": {runner.Exit{}, away, checks.OutcomePassed, "Not all of its files could be kept: The storage does not answer.", nil},
		"red, not kept":   {runner.Exit{Code: 1}, errors.New("a bug"), checks.OutcomeFailed, "`true` exited with 1. Not all of its files could be kept: the server's log tells why.", nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := fixture{sandbox: &dummy{}, lender: &lender{dir: t.TempDir()}}
			f.sandbox.do = func(ctx context.Context, task runner.Task, _ runner.Output) (runner.Exit, error) {
				n, why, err := runner.CollectFrom(ctx, openFolder(t, left), task.Artifacts)
				if n != len(all) || why != "" {
					t.Errorf("%d, %q", n, why)
				}
				return c.exit, err
			}
			f.Runner = runner.New(runner.Options{Sandbox: f.sandbox, Workspaces: f.lender, LogDir: t.TempDir(), MaxKept: 77,
				Keep: func(_ context.Context, f runner.KeptFile) (string, error) {
					if f.Repo.ID != 5 || f.Job != (checks.JobID{Run: "r", Package: "p"}) || f.Mode != 0o644 || f.Size != int64(len("in "+f.Name)) {
						t.Errorf("asked to keep %+v", f)
					}
					r, err := f.Open()
					if err != nil {
						return "", err
					}
					defer r.Close()
					text, err := io.ReadAll(r)
					return sum(string(text)), errors.Join(err, c.full)
				}})
			pkg := checks.Package{Name: "p", Dir: ".", TestType: checks.TestCommand, Commands: []string{"true"}, Artifacts: []string{"shots"}, Reports: []string{"**/*.xml"}}
			r, err := f.Run(t.Context(), checks.Run{ID: "r", Repo: checks.Repo{ID: 5}}, checks.Job{Run: "r", Package: pkg})
			if err != nil || r.Outcome != c.want || r.Detail != c.detail {
				t.Errorf("%+v, %v; want %s %q", r, err, c.want, c.detail)
			}
			if diff := cmp.Diff(c.kept, r.Artifacts); diff != "" {
				t.Error(diff)
			}
			if a := f.sandbox.last.Artifacts; a.MaxBytes != 77 || !a.Lenient {
				t.Errorf("asked for %+v", a)
			}
		})
	}
}

// TestRunKeepsNothing: what asks for nothing is not looked through.
func TestRunKeepsNothing(t *testing.T) {
	for name, c := range map[string]struct {
		pkg  checks.Package
		keep runner.Keep
	}{
		"no globs": {checks.Package{}, func(context.Context, runner.KeptFile) (string, error) {
			return "", fs.ErrInvalid
		}},
		"no keeper": {checks.Package{Reports: []string{"*"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			d := &dummy{}
			r := runner.New(runner.Options{Sandbox: d, Workspaces: &lender{dir: t.TempDir()}, LogDir: t.TempDir(), Keep: c.keep})
			c.pkg.Name, c.pkg.Dir, c.pkg.TestType, c.pkg.Commands = "p", ".", checks.TestCommand, []string{"true"}
			got, err := r.Run(t.Context(), checks.Run{ID: "r"}, checks.Job{Run: "r", Package: c.pkg})
			if err != nil || got.Outcome != checks.OutcomePassed || d.last.Artifacts != nil {
				t.Errorf("%+v, %v, %+v", got, err, d.last.Artifacts)
			}
		})
	}
}
