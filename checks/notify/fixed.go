package notify

import (
	"slices"

	"github.com/dudesons/loktar/checks"
)

// lookBack is how many earlier runs are looked at for what was fixed.
const lookBack = 20

// fixed are the packages of a run in which all passed that did not pass the
// last time, sorted; some reports whether anything is fixed, which is so too
// when a pull request has nothing red left, or the run before it could not
// even begin. Runs that were stopped say nothing, and are passed over.
func (n *Notifier) fixed(run *checks.Run, jobs []checks.Job, rules []checks.SlackRule) (names []string, some bool, err error) {
	target := run.Target()
	if target.Pull == 0 && target.Ref == "" {
		return nil, false, nil
	}
	open := map[string]bool{}
	for i := range jobs {
		if j := &jobs[i]; j.State == checks.StateDone && j.Result.Outcome == checks.OutcomePassed {
			open[j.Package.Name] = true
		}
	}
	earlier, err := n.o.Store.Earlier(target, run.Seq, lookBack)
	if err != nil {
		return nil, false, err
	}
	first := true
	for i := range earlier {
		past := &earlier[i]
		if !past.Done() {
			continue
		}
		all, err := n.o.Store.Jobs(past.ID)
		if err != nil {
			return nil, false, err
		}
		all = covered(rules, all)
		state := standing(past, all)
		if !state.conclusive() || len(all) == 0 && past.Verdict == nil {
			continue
		}
		if first {
			some = state.bad() && (target.Pull != 0 || past.Verdict != nil)
			first = false
		}
		for k := range all {
			j := &all[k]
			switch name := j.Package.Name; {
			case !open[name]:
			case red(j), fault(j):
				names, some = append(names, name), true
				delete(open, name)
			case j.State == checks.StateDone && j.Result.Outcome == checks.OutcomePassed:
				delete(open, name)
			}
		}
		if len(open) == 0 || target.Pull != 0 {
			break // a run of a pull request tests all that it affects
		}
	}
	slices.Sort(names)
	return names, some, nil
}
