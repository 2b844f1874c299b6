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

// maxWarnings bounds Plan.Warnings, and maxWarning the characters of each.
const (
	maxWarnings = 100
	maxWarning  = 500
)

// Make plans an event from what its change is. The plan has jobs, or a
// verdict that ends the run at once: for a pull request from a fork, a merge
// that conflicts, a repository without loktar.json or with a wrong one, and a
// change that affects no package. The plan shares memory with ch, which must
// not change afterwards. An error means that ch contradicts itself.
func Make(ev checks.Event, ch checks.Change) (checks.Plan, error) {
	switch {
	case ev.PullRequest != nil && ev.PullRequest.Fork():
		return ended(forkVerdict(ev.PullRequest)), nil
	case len(ch.Conflicts) > 0:
		return ended(conflictVerdict(ev.PullRequest, ch.Conflicts)), nil
	case len(ch.Problems) > 0:
		return ended(problemsVerdict(ch.Problems)), nil
	case ch.ManifestBlob == "" && ch.Manifest == nil:
		return ended(noManifestVerdict()), nil
	case ch.Manifest == nil:
		return checks.Plan{}, fmt.Errorf("plan commit %s: %s is there, but neither its packages nor its problems are", ch.HeadSHA, checks.ManifestFile)
	case ch.Tree == "":
		return checks.Plan{}, fmt.Errorf("plan commit %s: there is no tree to test, and no conflict", ch.HeadSHA)
	}
	m := ch.Manifest
	g, err := graph.New(m.Packages)
	if err != nil {
		return ended(problemsVerdict([]checks.Problem{{Line: 1, Column: 1, Message: checks.PublicText(err, err.Error())}})), nil
	}
	q := graph.Query{Files: ch.Files, GlobalInputs: m.GlobalInputs, Ignore: m.Ignore, Everything: ch.Unbounded}
	if slices.Contains(ch.Files, checks.ManifestFile) {
		q.Changes = graph.Compare(ch.BaseManifest, m)
	}
	r := g.Affected(q)
	p := checks.Plan{
		Unaffected: unaffected(m.Packages, r.Affected),
		Unowned:    r.Unowned, UnownedCount: r.UnownedCount, Ignored: r.Ignored,
		Warnings: warnings(m.Warnings),
	}
	if len(r.Affected) == 0 {
		v := unaffectedVerdict(p, ch)
		p.Verdict = &v
		return p, nil
	}
	p.Jobs = jobs(m.Packages, r.Affected)
	return p, nil
}

func ended(v checks.Verdict) checks.Plan { return checks.Plan{Verdict: &v} }

func jobs(packages []checks.Package, affected []graph.Affected) []checks.PlannedJob {
	in := make(map[string]bool, len(affected))
	for _, a := range affected {
		in[a.Name] = true
	}
	out := make([]checks.PlannedJob, len(affected))
	for i, a := range affected {
		p := packages[a.Index]
		out[i] = checks.PlannedJob{Package: p, Needs: needs(p.DependsOn, in), Reasons: a.Reasons}
	}
	return out
}

// needs are those of names that are in the plan, each once.
func needs(names []string, in map[string]bool) []string {
	var out []string
	for _, n := range names {
		if in[n] && !slices.Contains(out, n) {
			out = append(out, n)
		}
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

// warnings are the manifest's, as "loktar.json:LINE: PATH: MESSAGE".
func warnings(list []checks.Problem) []string {
	var out []string
	for i, w := range list {
		if i == maxWarnings {
			out = append(out, fmt.Sprintf("%s: %s not shown", checks.ManifestFile, markdown.Count(len(list)-i, "more warning")))
			break
		}
		text := fmt.Sprintf("%s:%d: ", checks.ManifestFile, w.Line)
		if w.Path != "" {
			text += w.Path + ": "
		}
		out = append(out, markdown.Plain(text+w.Message, maxWarning))
	}
	return out
}

// ErrReplan says that an earlier run has no jobs that could be run again: its
// event is to be planned anew, with Make.
var ErrReplan = errors.New("the earlier run has no jobs; plan its commit anew")
