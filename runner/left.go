package runner

import (
	"context"
	"maps"
	"slices"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner/redact"
)

// Resumer is a Sandbox whose jobs go on when the process ends that ran them,
// and can be taken up by the next one.
type Resumer interface {
	Sandbox

	// Left tells what is left of an attempt that an earlier process of the
	// same instance ran. It is false once it was resumed or abandoned, and for
	// all attempts of this process's own. It asks nobody and is cheap.
	Left(id checks.JobID, attempt int) (Left, bool)

	// Env tells what variables of these names have in what is left of a job,
	// all of them, in memory alone: nothing else tells what the secrets were
	// that it got. Errors are those of Resume.
	Env(ctx context.Context, id checks.JobID, names []string) (map[string]string, error)

	// Resume goes on with what is left of t's job, as Run would have: what the
	// job printed from its very start goes to out once more, see ResumeLog.
	// t is what Run had, with the files that Left names. An error of kind
	// checks.KindLost says that there is nothing to go on with: it is removed,
	// and the job is to be run anew. Otherwise results, errors and what holds
	// of ctx are those of Run.
	Resume(ctx context.Context, t Task, out Output) (Exit, error)

	// Abandon gives up what is left of a job, and removes it, whether or not ctx
	// has ended; what cannot be removed now is before the next job starts. gone
	// is called, by then, once nothing shows the job's caches any more. It is not
	// called where nothing was left.
	Abandon(ctx context.Context, id checks.JobID, gone func())
}

// Left is what an earlier process left of an attempt of a job.
type Left struct {
	Job     checks.JobID `json:"job"`
	Attempt int          `json:"attempt"`
	// Tree, Hidden and Git are those of its Task. As long as it may be
	// resumed, nothing in them may change.
	Tree   string   `json:"tree"`
	Hidden []string `json:"hidden,omitempty"`
	Git    *Git     `json:"git,omitempty"`
	// Secrets are the names of its Task's: what has such a name otherwise, as the
	// package names it and did not get it, is no secret.
	Secrets []string `json:"secrets,omitempty"`
	// Caches are its Task's. Their leases go on.
	Caches []CacheView `json:"caches,omitempty"`
}

// Left reports whether an earlier process left something of the attempt that
// job is in. Then Run goes on with that.
func (r *Runner) Left(job checks.Job) bool {
	_, ok := r.left(job)
	return ok
}

func (r *Runner) left(job checks.Job) (Left, bool) {
	if s, ok := r.o.Sandbox.(Resumer); ok && r.o.Again != nil {
		return s.Left(job.ID(), job.Attempt)
	}
	return Left{}, false
}

// Abandon gives up what Left told of, with the leases of its caches.
func (r *Runner) Abandon(ctx context.Context, job checks.Job) {
	left, ok := r.left(job)
	if !ok {
		return
	}
	r.o.Sandbox.(Resumer).Abandon(ctx, job.ID(), func() {
		for _, v := range left.Caches {
			r.o.Caches.Release(v)
		}
	})
}

// leftSecrets are those that what is left of a job was given, and keeps them out
// of its log.
func (r *Runner) leftSecrets(ctx context.Context, left Left, log *Log) (map[string]string, error) {
	if len(left.Secrets) == 0 {
		return nil, nil
	}
	held, err := r.o.Sandbox.(Resumer).Env(ctx, left.Job, left.Secrets)
	if err != nil {
		return nil, err
	}
	log.Mask(redact.New(slices.Collect(maps.Values(held))...))
	return held, nil
}
