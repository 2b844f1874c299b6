package engine

import (
	"slices"
	"time"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/plan"
)

// pick chooses at most n jobs that wait for nothing but a slot, as plan.Next
// orders them.
func (e *Engine) pick(n int) []*checks.Job {
	ready, shares, held := e.ready(time.Now())
	var picked []*checks.Job
	for len(picked) < n && len(ready) > 0 {
		i := plan.Next(ready, shares)
		c := ready[i]
		ready = slices.Delete(ready, i, i+1)
		j := e.active[c.Job.Run].byName[c.Job.Package]
		alone := aloneIn(c.Repo, j)
		if slices.ContainsFunc(alone, func(k exclusive) bool { return held[k] }) {
			continue // one that was picked before it keeps it waiting
		}
		for _, k := range alone {
			held[k] = true
		}
		picked = append(picked, j)
		now := time.Now()
		shares.Installations[c.Installation] = plan.Share{Running: shares.Installations[c.Installation].Running + 1, Served: now}
		shares.Repos[c.Repo] = plan.Share{Running: shares.Repos[c.Repo].Running + 1, Served: now}
		e.served.installations[c.Installation], e.served.repos[c.Repo] = now, now
	}
	return picked
}

// ready are the jobs that wait for nothing but a slot, what everyone has of the
// slots, and what running jobs keep to themselves.
func (e *Engine) ready(now time.Time) (ready []plan.Candidate, shares plan.Shares, held map[exclusive]bool) {
	shares = plan.Shares{Installations: map[int64]plan.Share{}, Repos: map[int64]plan.Share{}}
	held = map[exclusive]bool{}
	for _, a := range e.active {
		for _, j := range a.jobs {
			if j.State == checks.StateRunning {
				for _, k := range aloneIn(a.run.Repo.ID, j) {
					held[k] = true
				}
			}
		}
	}
	for _, a := range e.active {
		repo, installation := a.run.Repo.ID, a.run.Installation
		ofRepo, ofAll := shares.Repos[repo], shares.Installations[installation]
		ofRepo.Served, ofAll.Served = e.served.repos[repo], e.served.installations[installation]
		for _, j := range a.jobs {
			switch {
			case j.State == checks.StateRunning:
				ofRepo.Running++
				ofAll.Running++
			case j.Wait != nil && now.Before(j.Wait.Until):
			case slices.ContainsFunc(aloneIn(repo, j), func(k exclusive) bool { return held[k] }):
			case checks.Ready(j, a.byName):
				ready = append(ready, plan.Candidate{
					Job: j.ID(), Installation: installation, Repo: repo, Seq: a.run.Seq, Index: j.Index, Remaining: a.paths[j.Package.Name],
				})
			}
		}
		shares.Repos[repo], shares.Installations[installation] = ofRepo, ofAll
	}
	return ready, shares, held
}

// served is when somebody was last given a slot, by id.
type served struct{ installations, repos map[int64]time.Time }

// exclusive is what one job at a time has of a repository: the publication of
// a package, so that the order of its versions is that of its commits, or a
// concurrency group.
type exclusive struct {
	repo          int64
	release, name string
}

// aloneIn is what j has to itself while it runs.
func aloneIn(repo int64, j *checks.Job) []exclusive {
	var out []exclusive
	if j.Release != nil {
		out = append(out, exclusive{repo: repo, release: j.Release.Package})
	}
	if group := j.Package.Concurrency; group != "" {
		out = append(out, exclusive{repo: repo, name: group})
	}
	return out
}
