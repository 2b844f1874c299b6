package engine

import "github.com/dudesons/loktar/checks"

// proven are the proofs that a job's end makes: of a green result in an image
// that is known by its content, which was not red before. Nothing else makes one.
func proven(run *checks.Run, j *checks.Job) []checks.ScopedProof {
	if j.Result.Outcome != checks.OutcomePassed || j.Result.Reused != nil || j.Result.Cause == checks.CauseFlaky || j.Key == "" || j.Result.Image == "" || j.Release != nil {
		return nil
	}
	if len(j.Result.Services) != len(j.Package.Services) {
		return nil // what they ran is not known
	}
	return scoped(run, j, checks.Proof{
		Key: j.Key, Image: j.Result.Image, Services: checks.ServiceImages(j.Result.Services), Run: run.ID, Commit: run.HeadSHA, Passed: j.Finished,
	}, checks.WriteScopes(run))
}

// refuted are the proofs that a job's end takes back: where a package failed,
// that it passed before at the same inputs says nothing.
func refuted(run *checks.Run, j *checks.Job) []checks.ScopedProof {
	return taken(run, j, j.Result.Outcome)
}

// taken are those that an attempt takes back which came to o.
func taken(run *checks.Run, j *checks.Job, o checks.Outcome) []checks.ScopedProof {
	if o != checks.OutcomeFailed && o != checks.OutcomeTimedOut || j.Key == "" || j.Release != nil {
		return nil
	}
	return scoped(run, j, checks.Proof{Key: j.Key}, checks.RefuteScopes(run))
}

// reused are the proofs that a new run hands on: what its tree passed with
// counts where its own results would, as long as it would have.
func reused(a *activeRun) []checks.ScopedProof {
	var out []checks.ScopedProof
	for _, j := range a.jobs {
		if p := j.Result.Reused; p != nil && j.CarriedFrom == "" {
			out = append(out, scoped(&a.run, j, *p, checks.WriteScopes(&a.run))...)
		}
	}
	return out
}

func scoped(run *checks.Run, j *checks.Job, p checks.Proof, scopes []checks.Scope) []checks.ScopedProof {
	var out []checks.ScopedProof
	for _, s := range scopes {
		out = append(out, checks.ScopedProof{Repo: run.Repo.ID, Scope: s, Package: j.Package.Name, Proof: p})
	}
	return out
}
