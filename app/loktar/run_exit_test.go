package main

import (
	"errors"
	"testing"

	"github.com/spf13/cobra"

	"github.com/dudesons/loktar/app"
	"github.com/dudesons/loktar/checks"
)

// TestRunExits: the exit code of a run is that of a build.
func TestRunExits(t *testing.T) {
	done := func(outcomes ...checks.Outcome) (jobs []checks.Job) {
		for _, o := range outcomes {
			jobs = append(jobs, checks.Job{State: checks.StateDone, Result: checks.Result{Outcome: o}})
		}
		return jobs
	}
	const passed, failed, late, errored, held = checks.OutcomePassed, checks.OutcomeFailed, checks.OutcomeTimedOut, checks.OutcomeErrored, checks.OutcomeHeldBack
	full := app.NotKept{Err: errors.New("the disk is full")}
	for name, c := range map[string]struct {
		jobs []checks.Job
		err  error
		want int
		word string
	}{
		"nothing is affected":       {nil, nil, 0, "passed"},
		"all passed":                {done(passed, passed), nil, 0, "passed"},
		"one failed":                {done(passed, failed), nil, 1, "failed"},
		"one timed out":             {done(passed, late), nil, 1, "failed"},
		"one is held back":          {done(failed, held), nil, 1, "failed"},
		"one could not be run":      {done(passed, errored, held), nil, 3, "errored"},
		"red and our fault":         {done(errored, failed), nil, 1, "failed"},
		"not all is kept":           {done(passed), full, 3, "errored"},
		"red, and not all is kept":  {done(failed), full, 1, "failed"},
		"stopped":                   {append(done(passed), checks.Job{}), stopped{}, 130, "stopped"},
		"stopped after a red one":   {append(done(failed), checks.Job{}), stopped{}, 130, "stopped"},
		"stopped before it began":   {nil, stopped{}, 130, ""},
		"no engine":                 {nil, errors.New("the engine is away"), 3, ""},
		"it was lost while it ran":  {append(done(passed), checks.Job{}), errors.New("the engine is away"), 3, ""},
		"called wrongly":            {nil, misused("no such package"), 2, ""},
		"loktar.json has a mistake": {nil, &app.ManifestError{}, 3, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := &runFlags{form: formText}
			told := newProgress(screen{Writer: t.Output()}, nil, f)
			told.plan = &app.LocalPlan{Answer: &app.LocalAnswer{}, Log: func(checks.JobID) string { return "" }}
			cmd := &cobra.Command{}
			cmd.SetOut(t.Output())
			err := answers(func(cmd *cobra.Command, _ []string) error { return f.answer(cmd, told, c.jobs, c.err) })(cmd, nil)
			if got := exit(cmd, err); got != c.want {
				t.Errorf("exits with %d, want %d: %v", got, c.want, err)
			}
			if c.word != "" {
				if got := told.runJSON(c.jobs, err).Outcome; got != c.word {
					t.Errorf("the outcome is %q, want %q", got, c.word)
				}
			}
		})
	}
}
