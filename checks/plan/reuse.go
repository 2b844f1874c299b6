package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/markdown"
)

// reuse has what passed before at the same inputs pass again at once. What is
// affected is selected by the change, and skipped by the key: so a package
// that is red elsewhere keeps nobody waiting. Who asks for a run gets one, and
// a label that has everything tested does so too. What would have passed again,
// were the image the same, is told of.
func reuse(p *checks.Plan, ev checks.Event, ch checks.Change) {
	label := ch.Policy.FullLabel
	fresh := ev.Insist || label != "" && ev.PullRequest != nil && slices.Contains(ev.PullRequest.Labels, label)
	moved := map[string][]string{} // by image
	for i := range p.Jobs {
		j := &p.Jobs[i]
		if j.Release != nil || !Reusable(j.Package) {
			continue
		}
		j.Key = ch.Keys[j.Package.Name]
		if proof, ok := ch.Proofs[j.Package.Name]; ok && !fresh && j.Key != "" && proof.Key == j.Key {
			j.Result = &checks.Result{Outcome: checks.OutcomePassed, Image: proof.Image, Reused: &proof}
		} else if image, ok := ch.OtherImage[j.Package.Name]; ok && !fresh {
			moved[image] = append(moved[image], j.Package.Name)
		}
	}
	for i, image := range slices.Sorted(maps.Keys(moved)) {
		if i == maxNotes {
			break
		}
		p.Notes = append(p.Notes, markdown.Plain(fmt.Sprintf("Run again, although all else is as it was when it passed: %s. The image %s is another one since.",
			someOf(moved[image]), cmp.Or(image, "of the server")), maxWarning))
	}
}

// Reusable reports whether a green result of the package may stand for another
// run.
func Reusable(p checks.Package) bool { return p.Reuse && p.TestType != checks.TestNone }
