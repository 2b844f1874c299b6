package app

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/store"
)

// TestOvertaken: what a later commit published is not replaced by an earlier
// state, and a branch that was set back may publish again.
func TestOvertaken(t *testing.T) {
	s, err := store.Open(filepath.Join(t.TempDir(), "loktar.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := &releases{store: s, historian: still{}}
	repo := checks.Repo{ID: 1, Owner: "acme", Name: "pets"}
	seq := uint64(0)
	push := func(sha string, jobs ...string) checks.Run {
		seq++
		run := checks.Run{
			ID: sha + string(rune('a'+seq)), Seq: seq, Repo: repo, HeadSHA: sha, Packages: jobs,
			Push: &checks.Push{Ref: "refs/heads/main", DefaultBranch: "main"},
		}
		if err := s.Commit(t.Context(), checks.Commit{Runs: []checks.Run{run}}); err != nil {
			t.Fatal(err)
		}
		return run
	}
	job := checks.Job{Package: checks.Package{Name: "lib / publish"}, Release: &checks.Release{Package: "lib"}}
	want := func(run checks.Run, published, want string) {
		t.Helper()
		got, err := r.overtaken(t.Context(), run, job, checks.Publication{Repo: 1, Package: "lib", Version: "7", Commit: published})
		if err != nil || want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s after %s: %q, %v, want %q", run.HeadSHA, published, got, err, want)
		}
	}
	m1 := push("m1", "lib", "lib / publish")
	want(m1, "m0", "")
	m2 := push("m2", "lib", "lib / publish")
	want(m1, "m0", "")
	want(m1, "m2", "A later commit, m2, is published.")
	want(m2, "m1", "")
	push("m3", "lib") // m3 is what m1 was, and that is published
	want(m2, "m1", "The newest commit of the branch, m3, owes nothing of it.")
	want(m2, "m0", "The newest commit of the branch, m3, owes nothing of it.")
	m1 = push("m1", "lib", "lib / publish") // the branch was set back
	want(m1, "m2", "")
	want(m2, "m1", "A later commit, m1, is published.")
	push("m2", "lib", "lib / publish") // and forth again
	want(m2, "m1", "")
}

// still is of a branch that is where the last push left it.
type still struct{ historian }

func (still) Passed(context.Context, int64, checks.Repo, string, string, string) (bool, error) {
	return false, nil
}
