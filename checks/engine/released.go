package engine

import (
	"maps"

	"github.com/dudesons/loktar/checks"
)

// begins notes that a release is under way.
func (e *Engine) begins(repo int64, j *checks.Job) {
	if r := j.Release; r != nil && r.Branch == "" {
		e.released[exclusive{repo: repo, release: r.Package}] = r.Key
	}
}

// settles notes what became of one: only what passed counts on.
func (e *Engine) settles(repo int64, j *checks.Job) {
	if r := j.Release; r != nil && r.Branch == "" && j.State == checks.StateDone && !j.Result.Outcome.Passed() {
		delete(e.released, exclusive{repo: repo, release: r.Package})
	}
}

// overtook plans a push anew that was planned while a release was under way
// whose state is another than the push's: what counted as published is not by
// the time that this one is.
func (e *Engine) overtook(p *planned) {
	r := p.change.Releases
	if p.err != nil || r == nil || r.Tried != nil || p.terms.Push == nil {
		return
	}
	last := maps.Clone(r.Last)
	changed := false
	for name, key := range r.Keys {
		under, ok := e.released[exclusive{repo: p.terms.Repo.ID, release: name}]
		if ok && key != "" && last[name] == key && under != key {
			last[name], changed = under, true
		}
	}
	if !changed {
		return
	}
	known := *r
	known.Last = last
	p.change.Releases = &known
	p.plan, p.err = e.planner.Make(p.terms, p.change)
}
