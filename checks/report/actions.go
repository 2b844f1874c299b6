package report

import (
	"slices"

	"github.com/dudesons/loktar/checks"
)

// buttons are what each action shows as.
var buttons = map[checks.ActionID]checks.Action{
	checks.ActionCancel:      {ID: checks.ActionCancel, Label: "Cancel", Description: "Stop what still runs or waits"},
	checks.ActionApprove:     {ID: checks.ActionApprove, Label: "Approve and run", Description: "Run this exact commit of the fork"},
	checks.ActionRun:         {ID: checks.ActionRun, Label: "Run now", Description: "Test this draft as it is"},
	checks.ActionRerunFailed: {ID: checks.ActionRerunFailed, Label: "Re-run failed", Description: "Run again what did not pass"},
}

// actions are the buttons of a run's aggregate check.
func actions(run checks.Run, jobs []checks.Job) []checks.Action {
	if !run.Done() {
		return []checks.Action{buttons[checks.ActionCancel]}
	}
	if v := run.Verdict; v != nil {
		if offer, ok := buttons[v.Offer]; ok {
			return []checks.Action{offer}
		}
	}
	if slices.ContainsFunc(jobs, rerunMayHelp) {
		return []checks.Action{buttons[checks.ActionRerunFailed]}
	}
	return nil
}

// rerunMayHelp reports whether the job did not pass, and may when it is run
// again on the same commit.
func rerunMayHelp(j checks.Job) bool {
	switch j.Result.Outcome {
	case checks.OutcomeFailed, checks.OutcomeTimedOut, checks.OutcomeErrored,
		checks.OutcomeHeldBack, checks.OutcomeSuperseded, checks.OutcomeCancelled:
		return true
	}
	return false
}
