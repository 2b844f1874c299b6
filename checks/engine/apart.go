package engine

import (
	"github.com/dudesons/loktar/checks"
)

// keepApart sees to it that no name has both a skipped and a passed check run
// on the commit of a: GitHub may take the one for the other. An earlier
// skipped one becomes neutral when its name is tested now, and one that would
// be skipped now is neutral when its name was tested before. It changes a and
// returns the step that changes the earlier runs.
func (e *Engine) keepApart(a *activeRun) (c checks.Commit) {
	runs, err := e.o.Store.RunsOf(a.run.Repo.ID, a.run.HeadSHA)
	if err != nil {
		e.o.Log.Error().Err(err).Msg("cannot read earlier runs of the commit")
		return c
	}
	// Of each name the newest that is skipped or tested says it all: those
	// before it were kept apart from it.
	open := map[string]bool{}
	for _, j := range a.jobs {
		if j.CarriedFrom == "" {
			open[j.Package.Name] = true
		}
	}
	for _, r := range runs {
		if len(open) == 0 {
			break
		}
		jobs, err := e.jobsOf(r.ID)
		if err != nil {
			e.o.Log.Error().Err(err).Msg("cannot read earlier jobs of the commit")
			continue
		}
		touched := false
		for _, old := range jobs {
			now := a.byName[old.Package.Name]
			if !open[old.Package.Name] || old.CarriedFrom != "" {
				continue
			}
			if old.State == checks.StateDone && (old.Result.Outcome.Skipped() || old.Result.Outcome.Passed()) {
				delete(open, old.Package.Name)
			}
			skipped := old.State == checks.StateDone && old.Result.Outcome.Skipped()
			switch {
			case now.State != checks.StateDone && skipped:
				old.Result = checks.Result{Outcome: checks.OutcomeNeutral, Detail: "A newer run of this commit tests it."}
				if live := e.active[r.ID]; live != nil {
					live.byName[old.Package.Name].Result = old.Result
				}
				c.Jobs = append(c.Jobs, old)
				c.Dirty = append(c.Dirty, checks.CheckKey{Run: r.ID, Name: old.Package.Name})
				touched = true
			case now.State == checks.StateDone && now.Result.Outcome.Skipped() && (old.State != checks.StateDone || old.Result.Outcome.Passed()):
				now.Result = checks.Result{Outcome: checks.OutcomeNeutral, Detail: "An earlier run of this commit tested it. This one has no need to."}
			}
		}
		if touched {
			c.Dirty = append(c.Dirty, checks.CheckKey{Run: r.ID, Name: checks.AggregateName})
		}
	}
	return c
}
