package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"github.com/dudesons/loktar/checks"
)

// observe has the histories of a package's tests take in what an attempt of the
// job came to, and names in r the tests that are flaky. What a stranger's code
// came to is compared with them, and never kept.
func (e *Engine) observe(c *checks.Commit, run *checks.Run, j *checks.Job, r *checks.Result, now time.Time) {
	f := r.Findings
	if f == nil || f.Tests.Total() == 0 || j.Release != nil {
		return
	}
	all, err := e.o.Store.TestHistories(run.Repo.ID, j.Package.Name)
	if err != nil {
		e.o.Log.Error().Err(err).Str(fieldPackage, j.Package.Name).Msg("cannot read how its tests ended before; none is named as flaky")
		return
	}
	at := checks.TestOutcome{Inputs: inputs(j, r), Run: run.ID, Commit: run.HeadSHA, At: now}
	changed := checks.Observe(all, f.Seen, at)
	for _, h := range changed {
		if !run.Untrusted() {
			c.Tests = append(c.Tests, checks.ScopedTestHistory{Repo: run.Repo.ID, Package: j.Package.Name, TestHistory: h})
		}
		all = slices.DeleteFunc(all, func(old checks.TestHistory) bool { return old.Name == h.Name })
	}
	f.Flaky = checks.Flaky(append(all, changed...), f.Seen, at.Inputs)
}

// inputs stands for what a job's package is made of and the image that it ran
// in. Where that is not known, it is the job's own.
func inputs(j *checks.Job, r *checks.Result) string {
	of := j.Key + " in " + r.Image
	if j.Key == "" || r.Image == "" {
		of = j.ID().String()
	}
	sum := sha256.Sum256([]byte(of))
	return hex.EncodeToString(sum[:8])
}
