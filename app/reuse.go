package app

import (
	"context"
	"fmt"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/keys"
	"github.com/dudesons/loktar/checks/plan"
	"github.com/dudesons/loktar/runner/source"
)

// prover finds out what passed before at the same inputs.
type prover struct {
	proofs func(repo int64, scopes []checks.Scope, want map[string]string) (map[string]checks.Proof, error)
	// digest is the digest of an image as it is now, "" when it is not known.
	digest func(ctx context.Context, image string) (string, error)
}

// prove fills in ch.Keys and ch.Proofs. all are the keys of the packages in
// the tree to test. A proof counts only while the image is the one that the
// package passed in. An engine that does not answer is no reason for the plan
// to wait: then nothing is reused.
func (p *prover) prove(ctx context.Context, ev checks.Event, ch *checks.Change, all map[string]string) error {
	ch.Keys = map[string]string{}
	images := map[string]string{}
	for _, pkg := range ch.Manifest.Packages {
		if plan.Reusable(pkg) {
			ch.Keys[pkg.Name], images[pkg.Name] = all[pkg.Name], pkg.Image
		}
	}
	found, err := p.proofs(ev.Repo.ID, checks.ReadScopes(ev, ch.Tree), ch.Keys)
	if err != nil {
		return fmt.Errorf("read what passed before: %w", err)
	}
	digests := map[string]string{}
	for name, proof := range found {
		image := images[name]
		now, asked := digests[image]
		if !asked {
			if now, err = p.digest(ctx, image); err != nil {
				now = ""
			}
			digests[image] = now
		}
		if now == "" || now != proof.Image {
			delete(found, name)
		}
	}
	ch.Proofs = found
	return ctx.Err()
}

// reusable reports whether there is any package in m whose results may be
// reused.
func reusable(m *checks.Manifest) bool {
	for _, pkg := range m.Packages {
		if plan.Reusable(pkg) {
			return true
		}
	}
	return false
}

// packageKeys are the keys of all packages in the tree to test.
func packageKeys(ch *checks.Change, t *source.Tree) (map[string]string, error) {
	all, err := keys.Of(ch.Manifest, keyTree{t}, keys.Options{Links: ch.Links})
	if err != nil {
		return nil, fmt.Errorf("work out what packages are made of: %w", err)
	}
	return all, nil
}
