package checks_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
)

func TestCacheLevels(t *testing.T) {
	type levels = []checks.CacheLevel
	here, there := checks.Repo{ID: 1}, checks.Repo{ID: 2}
	pull := func(head checks.Repo) *checks.PullRequest {
		return &checks.PullRequest{Number: 7, Head: checks.Ref{Repo: head}, Base: checks.Ref{Repo: here}}
	}
	push := func(ref, main string) *checks.Push { return &checks.Push{Ref: ref, DefaultBranch: main} }
	test, release := &checks.Job{}, &checks.Job{Release: &checks.Release{}}
	for name, c := range map[string]struct {
		run  checks.Run
		job  *checks.Job
		read levels
		to   checks.CacheLevel
	}{
		"the default branch":                            {checks.Run{Push: push("refs/heads/main", "main")}, test, levels{"main"}, "main"},
		"what is published from it":                     {checks.Run{Push: push("refs/heads/main", "main")}, release, levels{"main"}, "main"},
		"another branch":                                {checks.Run{Push: push("refs/heads/x", "main")}, test, levels{"own", "main"}, "own"},
		"a tag of its name":                             {checks.Run{Push: push("refs/tags/main", "main")}, test, levels{"own", "main"}, "own"},
		"nobody knows which is":                         {checks.Run{Push: push("refs/heads/", "")}, test, levels{"own", "main"}, "own"},
		"a merge queue":                                 {checks.Run{MergeGroup: &checks.MergeGroup{BaseRef: "refs/heads/main"}}, test, levels{"own", "main"}, "own"},
		"a pull request":                                {checks.Run{PullRequest: pull(here)}, test, levels{"own", "main"}, "own"},
		"one that publishes to try":                     {checks.Run{PullRequest: pull(here)}, release, levels{"main"}, ""},
		"a fork":                                        {checks.Run{PullRequest: pull(there)}, test, levels{"fork/7", "own", "main"}, "fork/7"},
		"a fork that is gone":                           {checks.Run{PullRequest: pull(checks.Repo{})}, test, levels{"fork/7", "own", "main"}, "fork/7"},
		"a fork that publishes to try":                  {checks.Run{PullRequest: pull(there)}, release, levels{"main"}, ""},
		"a fork's pull request, whatever else it bears": {checks.Run{PullRequest: pull(there), Push: push("refs/heads/main", "main")}, test, levels{"fork/7", "own", "main"}, "fork/7"},
		"nobody knows what":                             {checks.Run{}, test, nil, ""},
	} {
		if got := checks.CacheReads(&c.run, c.job); !slices.Equal(got, c.read) {
			t.Errorf("%s reads %q, want %q", name, got, c.read)
		}
		if got := checks.CacheWrites(&c.run, c.job); got != c.to {
			t.Errorf("%s writes %q, want %q", name, got, c.to)
		}
	}
}

// TestNoCacheCrossesTrust: what a fork wrote nobody reads but the same pull
// request, and no publish ever; what a pull request wrote the default branch
// does not read.
func TestNoCacheCrossesTrust(t *testing.T) {
	run := rapid.Custom(func(r *rapid.T) checks.Run {
		out := checks.Run{Repo: checks.Repo{ID: 1}}
		if rapid.Bool().Draw(r, "pull request") {
			out.PullRequest = &checks.PullRequest{Number: rapid.IntRange(1, 3).Draw(r, "number"),
				Head: checks.Ref{Repo: checks.Repo{ID: int64(rapid.IntRange(0, 2).Draw(r, "head"))}}, Base: checks.Ref{Repo: checks.Repo{ID: 1}}}
		}
		if rapid.Bool().Draw(r, "push") {
			out.Push = &checks.Push{Ref: rapid.SampledFrom([]string{"refs/heads/main", "refs/heads/fork/1", "refs/tags/main", "refs/heads/own"}).Draw(r, "ref"),
				DefaultBranch: rapid.SampledFrom([]string{"main", "", "fork/1", "own"}).Draw(r, "default branch")}
		}
		if rapid.Bool().Draw(r, "merge group") {
			out.MergeGroup = &checks.MergeGroup{}
		}
		return out
	})
	job := rapid.Custom(func(r *rapid.T) checks.Job {
		if rapid.Bool().Draw(r, "publishes") {
			return checks.Job{Release: &checks.Release{}}
		}
		return checks.Job{}
	})
	rapid.Check(t, func(r *rapid.T) {
		from, to := run.Draw(r, "from"), run.Draw(r, "to")
		writer, reader := job.Draw(r, "writer"), job.Draw(r, "reader")
		wrote, read := checks.CacheWrites(&from, &writer), checks.CacheReads(&to, &reader)
		if wrote == "" || !slices.Contains(read, wrote) {
			return
		}
		isMain := func(run *checks.Run) bool {
			return run.PullRequest == nil && run.MergeGroup == nil && run.Push != nil && run.Push.DefaultBranch != "" && run.Push.Branch() == run.Push.DefaultBranch
		}
		switch {
		case from.Untrusted() && (!to.Untrusted() || from.PullRequest.Number != to.PullRequest.Number || reader.Release != nil):
			r.Fatalf("%+v reads what the fork %+v wrote", to, from)
		case !isMain(&from) && (isMain(&to) || reader.Release != nil):
			r.Fatalf("%+v reads of the default branch what %+v wrote", to, from)
		}
	})
}
