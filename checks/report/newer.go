package report

import "github.com/dudesons/loktar/checks"

// newerRun is a run of the same target and commit as another, made later. Its
// checks have the names of the other's, and at GitHub the check run counts
// that was created last.
type newerRun struct {
	id  string
	has map[string]bool // the names of its checks
}

// maxNewer bounds of how many runs that have no rows it is known what came
// after them.
const maxNewer = 10_000

// relate finds out which runs of run's commit came after which. A run that is
// made has rows at once, so that what is known of the others is put right
// when it is first met.
func (r *Reporter) relate(run *checks.Run) {
	if _, known := r.newer[run.ID]; known {
		return
	}
	runs, err := r.o.Store.RunsOf(run.Repo.ID, run.HeadSHA)
	if err != nil {
		r.o.Log.Error().Err(err).Str("run", run.ID).Msg("cannot read the other runs of its commit")
		return
	}
	later := map[checks.Target][]newerRun{}
	for i := range runs {
		t := runs[i].Target()
		r.newer[runs[i].ID] = later[t]
		has := make(map[string]bool, len(runs[i].Packages)+1)
		has[checks.AggregateName] = true
		for _, name := range runs[i].Packages {
			has[name] = true
		}
		// Each has a list of its own.
		later[t] = append(later[t][:len(later[t]):len(later[t])], newerRun{runs[i].ID, has})
	}
}

// overtaken tells whether a newer run has a check of the name of key. The end
// of the older one waits until GitHub shows the newer one: in between, the
// commit would have a cancelled check where it has one that is waiting. And
// once that is so the older one is not created: it would hide the newer one.
func (r *Reporter) overtaken(key checks.CheckKey) (waits, over bool) {
	for _, n := range r.newer[key.Run] {
		if !n.has[key.Name] {
			continue
		}
		k := checks.CheckKey{Run: n.id, Name: key.Name}
		if e := r.known[k]; e != nil && !e.gone {
			return e.row.CheckRunID == 0, true
		}
		// One that was carried over, or given up, has no check there.
		if id, err := r.o.Store.CheckRunID(k); err == nil && id != 0 {
			return false, true
		}
	}
	return false, false
}
