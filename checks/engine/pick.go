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
	publishing, now := e.publishing(), time.Now()
	for _, a := range e.active {
		repo := a.run.Repo.ID
		share := shares[repo]
		share.Served = e.served[repo]
		for _, j := range a.jobs {
			switch {
			case j.State == checks.StateRunning:
				share.Running++
			case j.Wait != nil && now.Before(j.Wait.Until):
			case j.Release != nil && publishing[published{repo, j.Package.Name}]:
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
		j := e.active[c.Job.Run].byName[c.Job.Package]
		if of := (published{c.Repo, j.Package.Name}); j.Release != nil {
			if publishing[of] {
				ready = slices.Delete(ready, i, i+1)
				continue
			}
			publishing[of] = true
		}
		picked = append(picked, j)
		share := shares[c.Repo]
		share.Running++
		share.Served = time.Now()
		shares[c.Repo], e.served[c.Repo] = share, share.Served
		ready = slices.Delete(ready, i, i+1)
	}
	return picked
}

// published is a package that is being published.
type published struct {
	repo int64
	name string
}

// publishing are the packages that are being published now. One is never
// published twice at once: the order of its versions is that of its commits.
func (e *Engine) publishing() map[published]bool {
	now := map[published]bool{}
	for _, a := range e.active {
		for _, j := range a.jobs {
			if j.Release != nil && j.State == checks.StateRunning {
				now[published{a.run.Repo.ID, j.Package.Name}] = true
			}
		}
	}
	return now
}
