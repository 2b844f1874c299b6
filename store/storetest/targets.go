package storetest

import (
	"math"
	"strings"
	"testing"

	"github.com/dudesons/loktar/checks"
)

// latest compares the newest run of t with want; nil is none.
func latest(t fataler, s Store, target checks.Target, want *checks.Run) {
	t.Helper()
	got, found, err := s.Latest(target)
	must(t, err)
	if want == nil {
		want = &checks.Run{}
	}
	if found != (want.ID != "") {
		t.Fatalf("newest run of %+v: found is %t, want run %q", target, found, want.ID)
	}
	same(t, "newest run", got, *want)
}

func pull(number int) *checks.PullRequest {
	pr := *event("").PullRequest
	pr.Number = number
	return &pr
}

func testTargets(t *testing.T, open Open) {
	s := fresh(t, open)
	put := func(r *checks.Run) *checks.Run {
		t.Helper()
		must(t, s.Commit(t.Context(), checks.Commit{Runs: []checks.Run{*r}}))
		return r
	}
	latest(t, s, checks.Target{Repo: 11, Pull: 5}, nil)

	// Each of a kind, and one of a name that another's begins with.
	kinds := make([]checks.Run, 7)
	for i := range kinds {
		kinds[i] = run(uint64(i+1), shaA)
	}
	kinds[1].PullRequest = pull(5)
	kinds[2].PullRequest = pull(6)
	kinds[3].Push = &checks.Push{Ref: "refs/heads/main", After: shaA}
	kinds[4].Push = &checks.Push{Ref: "refs/heads/main2", After: shaA}
	kinds[5].MergeGroup = &checks.MergeGroup{HeadRef: "refs/heads/gh-readonly-queue/main/pr-5-" + shaB, BaseRef: "refs/heads/main", BaseSHA: shaB}
	kinds[6].PullRequest, kinds[6].Repo.ID = pull(5), 12
	must(t, s.Commit(t.Context(), checks.Commit{Runs: kinds}))
	for i := range kinds {
		latest(t, s, kinds[i].Target(), &kinds[i])
	}
	for _, none := range []checks.Target{
		{Repo: 11, Pull: 7}, {Repo: 13}, {}, {Repo: -1, Pull: -1}, {Repo: math.MaxInt64, Pull: math.MaxInt},
		{Repo: 11, Ref: "refs/heads/mai"}, {Repo: 11, Pull: 5, Ref: "refs/heads/main"},
		{Repo: 11, Ref: strings.Repeat("r", 1<<17)}, {Repo: 11, Ref: "refs/heads/main\x00"},
	} {
		latest(t, s, none, nil)
	}

	// The newest counts, whichever is written last and whether it ended.
	five := checks.Target{Repo: 11, Pull: 5}
	r300 := run(300, shaB)
	r300.PullRequest, r300.Finished = pull(5), someTime
	put(&r300)
	r20 := run(20, shaA)
	r20.PullRequest = pull(5)
	put(&r20)
	latest(t, s, five, &r300)

	// Outdated ones do not, while they are.
	r301 := run(301, shaA)
	r301.PullRequest, r301.Outdated = pull(5), shaB
	put(&r301)
	latest(t, s, five, &r300)
	r300.Outdated = shaA
	put(&r300)
	latest(t, s, five, &r20)
	r301.Outdated = ""
	put(&r301)
	latest(t, s, five, &r301)

	// A re-run is the newest, and not fresh.
	r302 := run(302, shaA)
	r302.PullRequest, r302.RerunOf = pull(5), r20.ID
	put(&r302)
	latest(t, s, five, &r302)
	fresh, found, err := s.LatestFresh(five)
	if must(t, err); !found || fresh.ID != r301.ID {
		t.Fatalf("newest run that is no re-run: %q, want %q", fresh.ID, r301.ID)
	}
	r302.PullRequest = pull(9)
	put(&r302)

	// A run that is put again stands where it says.
	r301.PullRequest = pull(8)
	put(&r301)
	latest(t, s, five, &r20)
	latest(t, s, checks.Target{Repo: 11, Pull: 8}, &r301)
	r301.HeadSHA = shaB
	put(&r301)
	latest(t, s, checks.Target{Repo: 11, Pull: 8}, &r301)
	same(t, "runs of B", get(s.RunsOf(11, shaB))(t), []checks.Run{r301, r300})

	for _, ref := range []string{strings.Repeat("r", 5000), "refs/heads/\xff"} {
		bad := run(400, shaA)
		bad.Push = &checks.Push{Ref: ref}
		wantKind(t, s.Commit(t.Context(), checks.Commit{Runs: []checks.Run{bad}}), checks.KindRefused)
	}
}
