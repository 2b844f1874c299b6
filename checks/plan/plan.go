// Package plan decides what is to be done about an event: which packages run,
// in which order and why, or why nothing runs. It is pure.
package plan

import (
	"errors"
	"fmt"
	"slices"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/graph"
	"github.com/dudesons/loktar/checks/markdown"
)

// Make plans an event from what its change is. The plan has jobs, or a
// verdict that ends the run at once: for a pull request from a fork that
// nobody approved, a draft that waits, a merge that conflicts, a repository
// without loktar.json or with a wrong one, and a change that affects no
// package. Its jobs are not run when the head commit asks for that and
// AuthorTrusted is true. Of pull requests and merge groups, the packages whose
// checks are required have a job in any case, which ends at once where they
// are not affected or not tested. The plan shares memory with ch, which must
// not change afterwards. An error means that ch contradicts itself.
func (p *Planner) Make(ev checks.Event, ch checks.Change) (checks.Plan, error) {
	if ch.Overtaken != "" {
		return checks.Plan{None: "came late: the pull request is at " + checks.ShortSHA(ch.Overtaken) + " by now"}, nil
	}
	if ch.PullOfBranch != 0 {
		return checks.Plan{None: fmt.Sprintf("pull request %d tests this branch", ch.PullOfBranch)}, nil
	}
	out, err := p.affected(ev, ch)
	if err != nil {
		return checks.Plan{}, err
	}
	idle := out.Verdict == nil && len(out.Jobs) == 0
	if len(out.Jobs) > 0 {
		admit(&out, ev, ch)
	}
	require(&out, ev, ch)
	if idle {
		v := unaffectedVerdict(out, ch, fromFork(ev))
		out.Verdict = &v
	}
	return out, nil
}

// fromFork reports whether what is tested is not the repository's own.
func fromFork(ev checks.Event) bool { return ev.PullRequest != nil && ev.PullRequest.Fork() }

// affected plans the affected packages, or says why none can be known. A plan
// with neither affects none.
func (p *Planner) affected(ev checks.Event, ch checks.Change) (checks.Plan, error) {
	fork := fromFork(ev)
	switch {
	case fork && ch.Policy.Forks == checks.ForksIgnore:
		return ended(forkVerdict(ev.PullRequest)), nil
	case len(ch.Conflicts) > 0:
		return ended(conflictVerdict(ev.PullRequest, ch.Conflicts)), nil
	case len(ch.Problems) > 0:
		return ended(problemsVerdict(ch.Problems, fork)), nil
	case ch.ManifestBlob == "" && ch.Manifest == nil:
		return ended(noManifestVerdict(fork)), nil
	case ch.Manifest == nil:
		return checks.Plan{}, fmt.Errorf("plan commit %s: %s is there, but neither its packages nor its problems are", ch.HeadSHA, checks.ManifestFile)
	case ch.Tree == "":
		return checks.Plan{}, fmt.Errorf("plan commit %s: there is no tree to test, and no conflict", ch.HeadSHA)
	}
	m := ch.Manifest
	g, err := p.graph(m)
	if err != nil {
		return ended(problemsVerdict([]checks.Problem{{Line: 1, Column: 1, Message: checks.PublicText(err, err.Error())}}, fork)), nil
	}
	r := g.Affected(query(g, ev, ch))
	out := checks.Plan{
		Unaffected: unaffected(m.Packages, r.Affected),
		Unowned:    r.Unowned, UnownedCount: r.UnownedCount, Ignored: r.Ignored,
		Warnings: warnings(m), Notes: heldNotes(m.Packages, r.Held),
	}
	if fork && slices.Contains(ch.Files, checks.ManifestFile) {
		out.Warnings = append([]string{"This pull request comes from a fork and changes loktar.json. Until it is merged, the file of the base branch counts."}, out.Warnings...)
	}
	out.Jobs = jobs(m.Packages, r.Affected)
	if ev.Packages != nil || ev.Needed {
		named(&out, m.Packages, g, ev)
	}
	owe(&out, g, ch, ev.PullRequest)
	reuse(&out, ev, ch)
	skip(&out, ev, ch)
	return out, nil
}

// query is what the graph is asked about a change.
func query(g *graph.Graph, ev checks.Event, ch checks.Change) graph.Query {
	m := ch.Manifest
	q := graph.Query{
		Files: ch.Files, GlobalInputs: m.GlobalInputs, Ignore: m.Ignore,
		Links: ch.Links, Unread: unread(m.Unread), Everything: ch.Unbounded,
	}
	fork := fromFork(ev)
	if label := ch.Policy.FullLabel; q.Everything == "" && label != "" && ev.PullRequest != nil && slices.Contains(ev.PullRequest.Labels, label) {
		q.Everything = "the pull request has the label " + markdown.Plain(label, 100)
	}
	if slices.Contains(ch.Files, checks.ManifestFile) && !fork {
		q.Changes = graph.Compare(ch.BaseManifest, m)
	}
	switch {
	case ch.TipManifest != nil:
		q.Changes.Rewired = g.Rewired(ch.TipManifest.Edges, ch.Files)
	case ch.BaseManifest != nil:
		q.Changes.Rewired = g.Rewired(ch.BaseManifest.Edges, ch.Files)
	}
	if ch.CommitsUnknown || fork && !vouched(ev, ch) {
		return q // a stranger's words about a commit hold nothing back
	}
	q.Commits = make([]graph.Commit, len(ch.Commits))
	for i, c := range ch.Commits {
		q.Commits[i] = graph.Commit{Prefixes: ParseSubject(c.Subject).Prefixes, Files: c.Files}
	}
	return q
}

// skip has no job run when the head commit's subject asks for that and its
// author may.
func skip(p *checks.Plan, ev checks.Event, ch checks.Change) {
	at := slices.IndexFunc(ch.Commits, func(c checks.CommitInfo) bool { return c.SHA == ch.HeadSHA })
	if at < 0 || ch.CommitsUnknown {
		return
	}
	word := ParseSubject(ch.Commits[at].Subject).Skip
	if word == "" {
		return
	}
	switch {
	case ev.MergeGroup != nil, ev.Kind == checks.EventLocal:
		return // nobody asked the queue, or the person at the terminal, to skip
	case ch.AuthorTrusted && (!fromFork(ev) || vouched(ev, ch)):
	default:
		who := "its author"
		if ev.PullRequest != nil && ev.PullRequest.Author.Login != "" {
			who = ev.PullRequest.Author.Login
		}
		text := fmt.Sprintf("The head commit's subject says %s. It is ignored, because %s has no write permission here.", word, who)
		p.Warnings = append([]string{markdown.Plain(text, maxWarning)}, p.Warnings...)
		return
	}
	for i := range p.Jobs {
		p.Jobs[i].Result = &checks.Result{Outcome: checks.OutcomeSkipped,
			Detail: fmt.Sprintf("Nothing was run, because the head commit's subject says %s. Press Re-run to test it all the same.", word)}
	}
}

func ended(v checks.Verdict) checks.Plan { return checks.Plan{Verdict: &v} }

func jobs(packages []checks.Package, affected []graph.Affected) []checks.PlannedJob {
	out := make([]checks.PlannedJob, len(affected))
	for i, a := range affected {
		out[i] = checks.PlannedJob{Package: packages[a.Index], Needs: a.Needs, Reasons: a.Reasons}
	}
	return out
}

func unaffected(packages []checks.Package, affected []graph.Affected) []string {
	in := make([]bool, len(packages))
	for _, a := range affected {
		in[a.Index] = true
	}
	var out []string
	for i := range packages {
		if !in[i] {
			out = append(out, packages[i].Name)
		}
	}
	slices.Sort(out)
	return out
}

// ErrReplan says that an earlier run has no jobs that could be run again: its
// event is to be planned anew, with Planner.Make.
var ErrReplan = errors.New("the earlier run has no jobs; plan its commit anew")

// ErrNothingFailed says that all jobs of an earlier run passed, or never had
// to run.
var ErrNothingFailed = errors.New("nothing failed")
