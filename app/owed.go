package app

import (
	"context"

	"github.com/dudesons/loktar/checks"
)

// owed is the end of a publication that the registry did not take. One that
// does not answer has the job wait for it, while others go on. What it refuses
// is red: another commit may mend it. Whatever else it is stays owed until the
// next merge, or a re-run of its check. One that was stopped in mid-upload is
// no fault of the registry's.
func (r *releases) owed(ctx context.Context, pkg checks.Package, version string, err error) (checks.Result, error) {
	if ctx.Err() != nil {
		return checks.Result{Outcome: checks.OutcomeCancelled}, nil
	}
	const stays = " The package stays owed: the next merge publishes it, or a re-run of this check."
	switch checks.KindOf(err) {
	case checks.KindUnavailable:
		return checks.Result{}, &checks.Error{Kind: checks.KindAway, Err: err}
	case checks.KindRefused:
		r.log.Warn().Err(err).Str("package", pkg.Name).Str("version", version).Msg("the registry refused a release")
		return checks.Result{Outcome: checks.OutcomeFailed, Version: version, Detail: checks.PublicText(err, "The registry refused it.")}, nil
	}
	return checks.Result{}, checks.Errorf(checks.KindOf(err), err, "%s", checks.PublicText(err, "It could not be published. The server's log says why.")+stays)
}
