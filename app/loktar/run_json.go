package main

import (
	"errors"
	"path/filepath"
	"time"

	"github.com/dudesons/loktar/checks"
)

// jsonRun is what `loktar run --format json` prints.
type jsonRun struct {
	Version   int       `json:"version"`
	Base      jsonBase  `json:"base"`
	MergeBase string    `json:"merge_base"`
	Head      string    `json:"head"`
	Outcome   string    `json:"outcome,omitempty"`
	Seconds   float64   `json:"seconds"`
	Packages  []jsonJob `json:"packages"`
}

type jsonJob struct {
	jsonPackage
	Outcome     string              `json:"outcome,omitempty"`
	Cause       checks.Cause        `json:"cause,omitempty"`
	Detail      string              `json:"detail,omitempty"`
	Blame       string              `json:"blame,omitempty"`
	Attempt     int                 `json:"attempt,omitempty"`
	Seconds     float64             `json:"seconds,omitempty"`
	Log         string              `json:"log,omitempty"`
	Tests       *checks.TestCounts  `json:"tests,omitempty"`
	FailedTests []checks.FailedTest `json:"failed_tests,omitempty"`
	Annotations []checks.Annotation `json:"annotations,omitempty"`
	Unplaced    []string            `json:"unplaced,omitempty"`
	LeftOut     int                 `json:"left_out,omitempty"`
	Artifacts   []jsonArtifact      `json:"artifacts,omitempty"`
}

type jsonArtifact struct {
	checks.Artifact
	Path string `json:"path"`
}

// outcomes are those of packages, in the words of the format.
var outcomes = map[string]string{
	markPassed.word: "passed", markFailed.word: "failed", markTime.word: "timed_out", markErrored.word: "errored",
	markHeld.word: "held_back", markStopped.word: "stopped", markNever.word: "not_started",
}

// runJSON is how a run ended; err is what its command comes to.
func (t *progress) runJSON(jobs []checks.Job, err error) jsonRun {
	c := &t.plan.Answer.Change
	out := jsonRun{Version: 1, Base: jsonBase{t.plan.Answer.Base, c.BaseSHA}, MergeBase: c.MergeBase, Head: c.HeadSHA,
		Seconds: seconds(time.Since(t.began)), Packages: []jsonJob{}}
	for i := range jobs {
		out.Packages = append(out.Packages, t.jobJSON(&jobs[i]))
	}
	if t.flags.dry {
		return out
	}
	switch {
	case err == nil:
		out.Outcome = "passed"
	case errors.As(err, new(stopped)):
		out.Outcome = "stopped"
	case errors.As(err, new(no)):
		out.Outcome = "failed"
	default:
		out.Outcome = "errored"
	}
	return out
}

func (t *progress) jobJSON(j *checks.Job) jsonJob {
	out := jsonJob{jsonPackage: packageJSON(&j.Package)}
	out.Needs = j.Needs
	for _, why := range j.Reasons {
		out.Reasons = append(out.Reasons, reasonJSON(why))
	}
	if t.flags.dry {
		return out
	}
	r := &j.Result
	out.Outcome, out.Cause, out.Detail, out.Blame = outcomes[endOf(j).word], r.Cause, r.Detail, r.Blame
	out.Attempt, out.Seconds = j.Attempt, seconds(j.Duration())
	if j.Attempt > 0 {
		out.Log = t.plan.Log(j.ID())
	}
	if f := r.Findings; f != nil {
		if f.Tests.Total() > 0 {
			out.Tests = &f.Tests
		}
		out.FailedTests, out.Annotations, out.Unplaced, out.LeftOut = f.Failed, f.Annotations, f.Unplaced, f.LeftOut+f.UnplacedMore
	}
	for _, a := range r.Artifacts {
		out.Artifacts = append(out.Artifacts, jsonArtifact{a, filepath.Join(t.flags.artifacts, j.Package.Name, filepath.FromSlash(a.Name))})
	}
	return out
}

func seconds(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }
