package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
)

var ann = checks.User{ID: 5, Login: "ann"}

const (
	waits   = "Waiting for approval: from a fork"
	ignored = "Not run: this pull request comes from a fork"
	asDraft = "Not run: this pull request is a draft"
)

// admission is a pull request that affects a package, and who is behind it.
type admission struct {
	head           checks.Repo
	name           string
	forks          checks.ForkPolicy
	author, sender bool // they may write
	approved       bool
	draft          bool
	drafts         checks.DraftPolicy
	insist         bool
}

func (a admission) plan(t *testing.T) checks.Plan {
	t.Helper()
	ev := fork(a.head)
	ev.Name, ev.Sender, ev.Insist, ev.PullRequest.Draft = a.name, checks.User{ID: 6, Login: "Bob"}, a.insist, a.draft
	if a.approved {
		ev.Approved = &ann
	}
	ch := change(manifest(pkg("a"), pkg("b")), "a/x")
	ch.AuthorTrusted, ch.SenderTrusted = a.author, a.sender
	ch.Policy = checks.Policy{Forks: a.forks, Drafts: a.drafts}
	return mustMake(t, ev, ch)
}

// outcome is the verdict's title, or "runs", and who approved.
func outcome(p checks.Plan) (title, by string) {
	title = "runs"
	if p.Verdict != nil {
		title = p.Verdict.Title
	}
	if p.Approved != nil {
		by = p.Approved.Login
	}
	return title, by
}

func TestAdmit(t *testing.T) {
	const opened, pushed = "pull_request.opened", "pull_request.synchronize"
	bobs := checks.Repo{ID: 3, Owner: "bob", Name: "shop"} // the sender's own
	for name, c := range map[string]struct {
		admission
		title, by string
	}{
		"ours":                                  {admission{head: ours, name: opened}, "runs", ""},
		"a fork":                                {admission{head: eve, name: opened}, waits, ""},
		"a fork that is gone":                   {admission{name: opened}, waits, ""},
		"approved":                              {admission{head: eve, name: opened, approved: true}, "runs", "ann"},
		"approved, gone":                        {admission{name: "check_run.requested_action", approved: true}, "runs", "ann"},
		"forks run":                             {admission{head: eve, name: opened, forks: checks.ForksRun}, "runs", ""},
		"forks run, and it was approved before": {admission{head: eve, name: opened, forks: checks.ForksRun, approved: true}, "runs", ""},
		"forks are ignored":                     {admission{head: eve, name: opened, forks: checks.ForksIgnore}, ignored, ""},
		"forks are ignored, approved":           {admission{head: eve, name: opened, forks: checks.ForksIgnore, approved: true}, ignored, ""},
		"ours, and forks are ignored":           {admission{head: ours, name: opened, forks: checks.ForksIgnore}, "runs", ""},
		"an unknown policy":                     {admission{head: eve, name: opened, forks: "Run"}, waits, ""},
		"a maintainer's push":                   {admission{head: bobs, name: pushed, author: true, sender: true}, "runs", "Bob"},
		"a maintainer's push to another's":      {admission{head: eve, name: pushed, author: true, sender: true}, waits, ""},
		"a maintainer's push to a stranger's":   {admission{head: eve, name: pushed, sender: true}, waits, ""},
		"a stranger's push to a maintainer's":   {admission{head: bobs, name: pushed, author: true}, waits, ""},
		"opened by a maintainer, own fork":      {admission{head: bobs, name: opened, author: true, sender: true}, "runs", "Bob"},
		"opened by a maintainer, another's":     {admission{head: eve, name: opened, author: true, sender: true}, waits, ""},
		"opened by a maintainer, gone":          {admission{name: opened, author: true, sender: true}, waits, ""},
		"reopened by a maintainer":              {admission{head: bobs, name: "pull_request.reopened", author: true, sender: true}, waits, ""},
		"a draft":                               {admission{head: ours, draft: true}, "runs", ""},
		"a draft that waits":                    {admission{head: ours, draft: true, drafts: checks.DraftsWait}, asDraft, ""},
		"a draft that somebody wants":           {admission{head: ours, draft: true, drafts: checks.DraftsWait, insist: true}, "runs", ""},
		"no draft":                              {admission{head: ours, drafts: checks.DraftsWait}, "runs", ""},
		"a fork's draft":                        {admission{head: eve, draft: true, drafts: checks.DraftsWait}, waits, ""},
		"a fork's draft that somebody wants":    {admission{head: eve, draft: true, drafts: checks.DraftsWait, insist: true}, waits, ""},
		"a fork's draft, approved":              {admission{head: eve, draft: true, drafts: checks.DraftsWait, approved: true}, asDraft, "ann"},
		"a fork's draft, approved and wanted":   {admission{head: eve, draft: true, drafts: checks.DraftsWait, approved: true, insist: true}, "runs", "ann"},
		"a draft of a fork that runs":           {admission{head: eve, draft: true, drafts: checks.DraftsWait, forks: checks.ForksRun}, asDraft, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := c.plan(t)
			if title, by := outcome(p); title != c.title || by != c.by {
				t.Errorf("%q, approved by %q; want %q, %q", title, by, c.title, c.by)
			}
			offers := map[string]checks.ActionID{waits: checks.ActionApprove, asDraft: checks.ActionRun}
			if p.Verdict != nil && (p.Verdict.Offer != offers[c.title] || p.Verdict.Conclusion != checks.ConclusionActionRequired) {
				t.Errorf("the verdict is %s and offers %q", p.Verdict.Conclusion, p.Verdict.Offer)
			}
		})
	}
}

// Every combination: who waits for whom does not depend on anything else.
func TestAdmitEveryCombination(t *testing.T) {
	both := []bool{false, true}
	n := 0
	for _, head := range []checks.Repo{ours, eve, {ID: 3, Owner: "BOB", Name: "shop"}, {}} {
		for _, name := range []string{"pull_request.opened", "pull_request.synchronize", "pull_request.reopened", "pull_request.edited", "pull_request.labeled", "pull_request.ready_for_review", "issue_comment.created", ""} {
			for _, forks := range []checks.ForkPolicy{"", checks.ForksApprove, checks.ForksRun, checks.ForksIgnore, "typo"} {
				for _, drafts := range []checks.DraftPolicy{"", checks.DraftsRun, checks.DraftsWait, "typo"} {
					for bits := range 1 << 5 {
						a := admission{
							head: head, name: name, forks: forks, drafts: drafts,
							author: both[bits&1], sender: both[bits>>1&1], approved: both[bits>>2&1], draft: both[bits>>3&1], insist: both[bits>>4&1],
						}
						vouched := a.approved || a.author && a.sender && (name == "pull_request.synchronize" || name == "pull_request.opened") && head.Owner == "BOB"
						want := "runs"
						switch foreign := head != ours; {
						case foreign && forks == checks.ForksIgnore:
							want = ignored
						case foreign && forks != checks.ForksRun && !vouched:
							want = waits
						case a.draft && drafts == checks.DraftsWait && !a.insist:
							want = asDraft
						}
						p := a.plan(t)
						if title, _ := outcome(p); title != want || (want == "runs") != (len(p.Jobs) == 1) {
							t.Fatalf("%+v: %q with %d jobs, want %q", a, title, len(p.Jobs), want)
						}
						n++
					}
				}
			}
		}
	}
	if n != 4*8*5*4*32 {
		t.Errorf("%d combinations", n)
	}
}

// Pushes and merge groups are the repository's own.
func TestAdmitAsksPullRequestsAlone(t *testing.T) {
	ch := change(manifest(pkg("a")), "a/x")
	ch.Policy = checks.Policy{Forks: checks.ForksIgnore, Drafts: checks.DraftsWait}
	for _, ev := range []checks.Event{pushed("main"), mergeGroup()} {
		if p := mustMake(t, ev, ch); p.Verdict != nil || len(p.Jobs) != 1 || p.Jobs[0].Result != nil {
			t.Errorf("%s: %+v", ev.Kind, p)
		}
	}
}

// A draft whose head commit asks for no run has nothing to wait for; a fork's
// commit waits all the same, for a re-run would run it.
func TestAdmitOfWhatIsSkipped(t *testing.T) {
	ch := committed(change(manifest(pkg("a")), "a/x"), checks.CommitInfo{SHA: "abc", Subject: "NOBUILD: x", Files: []string{"a/x"}})
	ch.AuthorTrusted, ch.Policy.Drafts = true, checks.DraftsWait
	for head, want := range map[checks.Repo][]string{ours: {"a skipped"}, eve: nil} {
		ev := fork(head)
		ev.PullRequest.Draft = true
		if d := cmp.Diff(want, ends(mustMake(t, ev, ch))); d != "" {
			t.Errorf("%s: %s", head.Owner, d)
		}
	}
}

// Whatever else is true: nothing of a fork runs that nobody approved, unless
// the operator lets forks run.
func TestNoForkRunsUnapproved(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawScene(t)
		ev := w.pull(t)
		ev.PullRequest.Head.Repo = rapid.SampledFrom([]checks.Repo{eve, {}, {Owner: "bob"}}).Draw(t, "head")
		ev.Sender, ev.Approved = checks.User{Login: "bob"}, nil
		ch := w.change
		ch.Policy.Forks = rapid.SampledFrom([]checks.ForkPolicy{"", checks.ForksApprove, checks.ForksIgnore, "?"}).Draw(t, "forks")
		trusted := rapid.IntRange(0, 2).Draw(t, "trusted") // never both
		ch.AuthorTrusted, ch.SenderTrusted = trusted == 1, trusted == 2
		p := w.make(t, ev, ch)
		for _, j := range p.Jobs {
			if j.Result == nil {
				t.Fatalf("%s runs; verdict %v", j.Package.Name, p.Verdict)
			}
		}
		if p.Approved != nil || p.Verdict == nil {
			t.Fatalf("approved by %v, verdict %v", p.Approved, p.Verdict)
		}
		checkVerdict(t, p.Verdict)
	})
}

// A fork's loktar.json changes nothing, and its label counts as any other.
func TestPlansOfForks(t *testing.T) {
	m := manifest(pkg("a"), pkg("b"))
	wild := pkg("b")
	wild.Image = "other"
	ch := between(manifest(pkg("a"), wild), m, "a/x", "loktar.json")
	ev := fork(eve)
	ev.Approved = &ann
	p := mustMake(t, ev, ch)
	if d := cmp.Diff([]string{"a: a changed: x"}, told(p)); d != "" {
		t.Error(d)
	}
	if len(p.Warnings) != 1 || !strings.Contains(p.Warnings[0], "the file of the base branch counts") {
		t.Errorf("warnings %q", p.Warnings)
	}
	for label, want := range map[string]int{"loktar:full": 2, "other": 1} {
		ch := change(m, "a/x")
		ch.Policy.FullLabel = "loktar:full"
		ev := pullRequest()
		ev.PullRequest.Labels = []string{"bug", label}
		p := mustMake(t, ev, ch)
		reason := p.Jobs[len(p.Jobs)-1].Reasons[0].String()
		if len(p.Jobs) != want || (want == 2) != (reason == "everything is affected: the pull request has the label loktar:full") {
			t.Errorf("%s: %d jobs, %s", label, len(p.Jobs), reason)
		}
		ch.Policy.FullLabel = ""
		ev.PullRequest.Labels = append(ev.PullRequest.Labels, "")
		if p := mustMake(t, ev, ch); len(p.Jobs) != 1 {
			t.Errorf("no label is set up, and %d packages run", len(p.Jobs))
		}
	}
	ch = change(m, "a/x")
	ch.PullOfBranch = 7
	if d := cmp.Diff(checks.Plan{None: "pull request 7 tests this branch"}, mustMake(t, pushed("topic"), ch)); d != "" {
		t.Error(d)
	}
}

// A stranger's words about commits hold nothing back, and nobody's words keep
// a merge queue from testing.
func TestWordsOfCommits(t *testing.T) {
	lib := pkg("lib")
	lib.ExcludeKeywords = []string{"DOC"}
	ch := committed(change(manifest(lib, pkg("api", "lib")), "lib/x"), checks.CommitInfo{SHA: "abc", Subject: "DOC/NOBUILD: x", Files: []string{"lib/x"}})
	foreign := fork(eve)
	foreign.Approved = &ann
	own := fork(checks.Repo{ID: 3, Owner: "bob", Name: "shop"})
	own.Name, own.Sender = "pull_request.synchronize", checks.User{ID: 6, Login: "Bob"}
	for name, c := range map[string]struct {
		event   checks.Event
		trusted bool
		want    []string
	}{
		"a stranger":             {foreign, false, []string{"lib", "api"}},
		"in a stranger's fork":   {foreign, true, []string{"lib", "api"}},
		"a maintainer's fork":    {own, true, []string{"lib skipped"}},
		"ours, without a word":   {pullRequest(), false, []string{"lib"}},
		"ours":                   {pullRequest(), true, []string{"lib skipped"}},
		"a push":                 {pushed("main"), true, []string{"lib skipped"}},
		"a merge queue":          {mergeGroup(), false, []string{"lib"}},
		"a merge queue, trusted": {mergeGroup(), true, []string{"lib"}},
	} {
		ch.AuthorTrusted, ch.SenderTrusted = c.trusted, c.trusted
		if d := cmp.Diff(c.want, ends(mustMake(t, c.event, ch))); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func pushed(branch string) checks.Event {
	return checks.Event{Kind: checks.EventPush, Name: "push", Repo: ours, HeadSHA: "abc",
		Push: &checks.Push{Ref: "refs/heads/" + branch, Before: "base", After: "abc"}}
}

func mergeGroup() checks.Event {
	return checks.Event{Kind: checks.EventMergeGroup, Name: "merge_group.checks_requested", Repo: ours, HeadSHA: "abc",
		MergeGroup: &checks.MergeGroup{HeadRef: "refs/heads/gh-readonly-queue/main/pr-7", BaseRef: "refs/heads/main", BaseSHA: "base"}}
}

// ends are the jobs of a plan as "name outcome"; one that runs has none.
func ends(p checks.Plan) []string {
	var out []string
	for _, j := range p.Jobs {
		end := j.Package.Name
		if j.Result != nil {
			end += fmt.Sprintf(" %s", j.Result.Outcome)
		}
		out = append(out, end)
	}
	return out
}
