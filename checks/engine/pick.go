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
	var ready []plan.Candidate
	shares := map[int64]plan.Share{}
	for _, a := range e.active {
		repo := a.run.Repo.ID
		share := shares[repo]
		share.Served = e.served[repo]
		for _, j := range a.jobs {
			switch {
			case j.State == checks.StateRunning:
				share.Running++
			case checks.Ready(j, a.byName):
				ready = append(ready, plan.Candidate{
					Job: j.ID(), Repo: repo, Seq: a.run.Seq, Index: j.Index, Remaining: a.paths[j.Package.Name],
				})
			}
		}
		shares[repo] = share
	}
	var picked []*checks.Job
	for len(picked) < n && len(ready) > 0 {
		i := plan.Next(ready, shares)
		c := ready[i]
		picked = append(picked, e.active[c.Job.Run].byName[c.Job.Package])
		share := shares[c.Repo]
		share.Running++
		share.Served = time.Now()
		shares[c.Repo], e.served[c.Repo] = share, share.Served
		ready = slices.Delete(ready, i, i+1)
	}
	return picked
}
