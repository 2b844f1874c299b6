package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

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

// prove fills in ch.Keys, ch.Proofs and ch.OtherImage. all are the keys of the
// packages in the tree to test. A proof counts only while the images are those
// that the package passed in and beside. An engine that does not answer is no reason for
// the plan to wait: then nothing is reused.
func (p *prover) prove(ctx context.Context, ev checks.Event, ch *checks.Change, all map[string]string) error {
	ch.Keys, ch.Proofs, ch.OtherImage = map[string]string{}, map[string]checks.Proof{}, map[string]string{}
	packages, want := map[string]checks.Package{}, map[string]string{}
	for _, pkg := range ch.Manifest.Packages {
		if plan.Reusable(pkg) && all[pkg.Name] != "" {
			ch.Keys[pkg.Name], packages[pkg.Name] = limited(all[pkg.Name], pkg), pkg
			want[pkg.Name] = ch.Keys[pkg.Name]
		}
	}
	digests := map[string]string{}
	digest := func(image string) string {
		now, asked := digests[image]
		if !asked {
			var err error
			if now, err = p.digest(ctx, image); err != nil {
				now = ""
			}
			digests[image] = now
		}
		return now
	}
	// A proof in another image hides none of the next scope.
	for _, scope := range checks.ReadScopes(ev, ch.Tree) {
		found, err := p.proofs(ev.Repo.ID, []checks.Scope{scope}, want)
		if err != nil {
			return fmt.Errorf("read what passed before: %w", err)
		}
		for name, proof := range found {
			switch same, other, known := sameImages(packages[name], proof, digest); {
			case !known:
			case same:
				ch.Proofs[name] = proof
				delete(want, name)
				delete(ch.OtherImage, name)
			default:
				ch.OtherImage[name] = other
			}
		}
	}
	return ctx.Err()
}

// sameImages reports whether p would run in the images now that it passed in,
// its services too. When it would not, other is an image that is another one
// since. known is false where that cannot be told now.
func sameImages(p checks.Package, proof checks.Proof, digest func(image string) string) (same bool, other string, known bool) {
	now := digest(p.Image)
	if now == "" {
		return false, "", false
	}
	services := make(map[string]string, len(p.Services))
	var names []string
	for name, s := range p.Services {
		if services[name] = digest(s.Image); services[name] == "" {
			return false, "", false
		}
		names = append(names, s.Image)
	}
	if now != proof.Image {
		return false, p.Image, true
	}
	slices.Sort(names)
	return checks.ServiceImages(services) == proof.Services, strings.Join(slices.Compact(names), " or "), true
}

// limited is the key of a package's test: what the package is made of, and the
// limits that its steps passed within, which say nothing about others.
func limited(key string, p checks.Package) string {
	r := p.Resources
	sum := sha256.Sum256(fmt.Appendf(nil, "%s within %s, %g CPUs, %d bytes, %d processes", key, p.Timeout, r.CPUs, r.Memory, r.PIDs))
	return hex.EncodeToString(sum[:])
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

// keyOptions are the options of what keys cover, and of what is seen with them.
func keyOptions(ch *checks.Change) keys.Options {
	return keys.Options{Links: ch.Links, Everything: ch.LinksUnknown}
}

// packageKeys are the keys of all packages in the tree to test.
func packageKeys(ch *checks.Change, t *source.Tree) (map[string]string, error) {
	all, err := keys.Of(ch.Manifest, keyTree{t}, keyOptions(ch))
	if err != nil {
		return nil, fmt.Errorf("work out what packages are made of: %w", err)
	}
	return all, nil
}
