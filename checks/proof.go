package checks

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Proof is a green result that may stand for a run of the same package at the
// same inputs.
type Proof struct {
	// Key is what the package was made of, and Image the digest of the image
	// that its steps ran in.
	Key   string `json:"key"`
	Image string `json:"image"`
	// Services is what ServiceImages made of the images of its services.
	Services string `json:"services,omitempty"`
	// Run is the run that it passed in, Commit that run's head.
	Run    string    `json:"run"`
	Commit string    `json:"commit"`
	Passed time.Time `json:"passed"`
}

// ServiceImages is one digest for those of the images of services, by the
// services' names; it is empty for none.
func ServiceImages(digests map[string]string) string {
	if len(digests) == 0 {
		return ""
	}
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(digests)) {
		fmt.Fprintf(h, "%q %q\n", name, digests[name])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// ProofTime is how long a proof counts: what a package does without declaring
// it, as reading the network, changes sooner or later.
const ProofTime = 14 * 24 * time.Hour

// Scope says who wrote a proof, and so who may read it: nothing that a
// stranger's code brought about is ever read by anyone else.
type Scope string

// ScopeMain is of the default branch. Everybody reads it.
const ScopeMain Scope = "main"

// ScopedProof is a proof of a package of a repository, in a scope.
type ScopedProof struct {
	Repo    int64
	Scope   Scope
	Package string
	Proof   Proof
}

// ReadScopes are the scopes whose proofs count for what an event wants tested,
// the best first. tree is the tree to test.
//
// The default branch reads its own alone, and those of the very same tree: a
// merge of exactly what was tested is not tested once more. A pull request, a
// branch and a tag also read their own.
func ReadScopes(ev Event, tree string) []Scope { return scopes(ev.PullRequest, ev.Push, tree, true) }

// WriteScopes are the scopes that a run's green results go to; none when its
// code is a stranger's. All who write elsewhere may write to the repository.
func WriteScopes(r *Run) []Scope {
	if r.Untrusted() {
		return nil
	}
	return scopes(r.PullRequest, r.Push, r.Tree, false)
}

// RefuteScopes are the scopes whose green results a run's red ones take back:
// all that it reads, for what failed once at the same inputs may fail again;
// none when its code is a stranger's.
func RefuteScopes(r *Run) []Scope {
	if r.Untrusted() {
		return nil
	}
	return scopes(r.PullRequest, r.Push, r.Tree, true)
}

func scopes(pr *PullRequest, push *Push, tree string, read bool) []Scope {
	var out []Scope
	main := push != nil && push.Default()
	if main || read {
		out = append(out, ScopeMain)
	}
	switch {
	case pr != nil && !pr.Fork():
		out = append(out, Scope("pull/"+strconv.Itoa(pr.Number)))
	case push != nil && !main:
		out = append(out, Scope(push.Ref))
	}
	if tree != "" && (read || !main) {
		out = append(out, Scope("tree/"+tree))
	}
	return out
}
