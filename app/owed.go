package app

import (
	"context"

	"github.com/dudesons/loktar/checks"
)

// owed is the end of a publication that the registry did not take. It is done
// at the next chance: a merge, or a re-run of its check. A registry that does
// not answer is no reason for other jobs to wait. One that was stopped in
// mid-upload is no fault of the registry's.
func (r *releases) owed(ctx context.Context, pkg checks.Package, version string, err error) (checks.Result, error) {
	if ctx.Err() != nil {
		return checks.Result{Outcome: checks.OutcomeCancelled}, nil
	}
	if checks.KindOf(err) != checks.KindUnavailable {
		return checks.Result{}, err
	}
	r.log.Warn().Err(err).Str("package", pkg.Name).Str("version", version).Msg("the registry is away; the package stays owed")
	return checks.Result{Outcome: checks.OutcomeErrored, Version: version,
		Detail: checks.PublicText(err, "The registry does not answer.") + " The package stays owed: the next merge publishes it, or a re-run of this check."}, nil
}
