package plan

import (
	"slices"

	"github.com/dudesons/loktar/checks"
)

// reuse has what passed before at the same inputs pass again at once. What is
// affected is selected by the change, and skipped by the key: so a package
// that is red elsewhere keeps nobody waiting. Who asks for a run gets one, and
// a label that has everything tested does so too.
func reuse(p *checks.Plan, ev checks.Event, ch checks.Change) {
	label := ch.Policy.FullLabel
	fresh := ev.Insist || label != "" && ev.PullRequest != nil && slices.Contains(ev.PullRequest.Labels, label)
	for i := range p.Jobs {
		j := &p.Jobs[i]
		if j.Release != nil || !Reusable(j.Package) {
			continue
		}
		j.Key = ch.Keys[j.Package.Name]
		if proof, ok := ch.Proofs[j.Package.Name]; ok && !fresh && j.Key != "" && proof.Key == j.Key {
			j.Result = &checks.Result{Outcome: checks.OutcomePassed, Image: proof.Image, Reused: &proof}
		}
	}
}

// Reusable reports whether a green result of the package may stand for another
// run.
func Reusable(p checks.Package) bool { return p.Reuse && p.TestType != checks.TestNone }
