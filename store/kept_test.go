package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/store"
)

func TestKept(t *testing.T) {
	s := open(t, t.TempDir(), store.Options{})
	noon := time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)
	for i, c := range []struct {
		created, finished time.Time
		repo              int64
		sums              []string
	}{
		{noon, noon, 1, []string{"a", "b"}},
		{noon.Add(-time.Hour), noon.Add(time.Hour), 2, []string{"a"}},
		{noon.Add(time.Hour), noon.Add(-time.Hour), 3, []string{"c"}},
		{noon, noon.Add(2 * time.Hour), 1, nil},
	} {
		run := checks.Run{ID: fmt.Sprint("run", i), Seq: uint64(i + 1), Repo: checks.Repo{ID: c.repo, Owner: "o", Name: "n"}, HeadSHA: strings.Repeat("a", 40), Created: c.created}
		job := checks.Job{Run: run.ID, Package: checks.Package{Name: "p"}, State: checks.StateDone, Finished: c.finished}
		for _, sum := range c.sums {
			job.Result.Artifacts = append(job.Result.Artifacts, checks.Artifact{Name: sum, SHA256: sum})
		}
		if err := s.Commit(t.Context(), checks.Commit{Runs: []checks.Run{run}, Jobs: []checks.Job{job}}); err != nil {
			t.Fatal(err)
		}
	}
	for since, want := range map[time.Time][]string{
		{}:                             {"1 a", "1 b", "2 a", "3 c"},
		noon:                           {"1 a", "1 b", "2 a", "3 c"},
		noon.Add(time.Second):          {"2 a", "3 c"},
		noon.Add(90 * time.Minute):     nil,
		noon.Add(100 * 24 * time.Hour): nil,
	} {
		var got []string
		err := s.Kept(since, func(repo int64, sum string) error {
			got = append(got, fmt.Sprint(repo, " ", sum))
			return nil
		})
		if slices.Sort(got); err != nil || !cmp.Equal(want, got) {
			t.Errorf("since %s: %q, %v; want %q", since, got, err, want)
		}
	}
	enough := errors.New("enough")
	if err := s.Kept(noon, func(int64, string) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("ended with %v", err)
	}
}

func TestAllOwed(t *testing.T) {
	s := open(t, t.TempDir(), store.Options{})
	number := func(n int64) (string, error) { return fmt.Sprint(n), nil }
	for _, c := range []struct {
		repo int64
		key  string
	}{{2, "x"}, {1, "y"}, {1, "z"}} {
		p, err := s.Reserve(t.Context(), checks.Publication{Repo: c.repo, Package: "p", Key: c.key, Commit: "c", Run: "r"}, 0, number)
		if err == nil && c.key == "y" {
			err = s.Published(t.Context(), p)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	owed, err := s.AllOwed()
	if err != nil || len(owed) != 2 || owed[0].Key != "z" || owed[1].Key != "x" {
		t.Errorf("%+v, %v", owed, err)
	}
}
