package storetest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
)

func proof(key, run string, passed time.Time) checks.Proof {
	return checks.Proof{Key: key, Image: "sha256:i", Run: run, Commit: shaA, Passed: passed}
}

func testProofs(t *testing.T, open Open) {
	clk := newClock()
	dir := t.TempDir()
	s := open(t, dir, clk.now)
	put := func(scope checks.Scope, pkg string, p checks.Proof) {
		t.Helper()
		must(t, s.Commit(t.Context(), checks.Commit{Proofs: []checks.ScopedProof{{Repo: 11, Scope: scope, Package: pkg, Proof: p}}}))
	}
	want := func(repo int64, scopes []checks.Scope, wanted map[string]string, runs ...string) {
		t.Helper()
		var got []string
		for pkg, p := range get(s.Proofs(repo, scopes, wanted))(t) {
			got = append(got, pkg+" "+p.Run)
		}
		slices.Sort(got)
		same(t, "proofs", got, runs)
	}
	main := []checks.Scope{checks.ScopeMain}
	want(11, main, map[string]string{"lib": "k1"})
	passed := clk.now()
	put(checks.ScopeMain, "lib", proof("k1", "r1", passed))
	put("pull/7", "api", proof("k2", "r2", passed))
	put("pull/7", "lib", proof("k1", "r3", passed))
	put("pull/70", "lib", proof("k9", "r4", passed))
	want(11, main, map[string]string{"lib": "k1", "api": "k2"}, "lib r1")
	want(11, main, map[string]string{"lib": "k2", "li": "k1", "libk": "1", "": "k1"})
	want(12, main, map[string]string{"lib": "k1"})
	want(11, []checks.Scope{"pull/7", checks.ScopeMain}, map[string]string{"lib": "k1", "api": "k2"}, "api r2", "lib r3")
	want(11, []checks.Scope{checks.ScopeMain, "pull/7"}, map[string]string{"lib": "k1", "api": "k2"}, "api r2", "lib r1")
	want(11, []checks.Scope{"pull/7"}, map[string]string{"lib": "k9"})
	want(11, []checks.Scope{"pull"}, map[string]string{"lib": "k1"})
	want(11, nil, map[string]string{"lib": "k1"})

	// An older proof does not take the place of a newer one.
	put(checks.ScopeMain, "lib", proof("k1", "older", passed.Add(-time.Hour)))
	want(11, main, map[string]string{"lib": "k1"}, "lib r1")
	put(checks.ScopeMain, "lib", proof("k1", "newer", passed.Add(time.Hour)))
	want(11, main, map[string]string{"lib": "k1"}, "lib newer")
	mustClose(t, s)
	s = open(t, dir, clk.now)
	defer func() { mustClose(t, s) }()
	want(11, main, map[string]string{"lib": "k1"}, "lib newer")

	// They age out.
	clk.advance(checks.ProofTime)
	want(11, []checks.Scope{"pull/7", checks.ScopeMain}, map[string]string{"lib": "k1", "api": "k2"}, "lib newer")
	clk.advance(time.Hour)
	want(11, []checks.Scope{"pull/7", checks.ScopeMain}, map[string]string{"lib": "k1", "api": "k2"})
	put(checks.ScopeMain, "lib", proof("k1", "again", clk.now()))
	want(11, main, map[string]string{"lib": "k1"}, "lib again")

	// One of a day to come does not count, and makes way.
	put(checks.ScopeMain, "lib", proof("k1", "tomorrow", clk.now().Add(25*time.Hour)))
	want(11, main, map[string]string{"lib": "k1"})
	put(checks.ScopeMain, "lib", proof("k1", "now", clk.now()))
	want(11, main, map[string]string{"lib": "k1"}, "lib now")

	// What is refuted counts no more, until it passes again.
	put(checks.ScopeMain, "api", proof("k1", "beside", clk.now()))
	put("pull/7", "lib", proof("k1", "elsewhere", clk.now()))
	refute := func(scope checks.Scope, pkg, key string) {
		t.Helper()
		must(t, s.Commit(t.Context(), checks.Commit{Refuted: []checks.ScopedProof{{Repo: 11, Scope: scope, Package: pkg, Proof: checks.Proof{Key: key}}}}))
	}
	refute(checks.ScopeMain, "lib", "k2")
	want(11, main, map[string]string{"lib": "k1", "api": "k1"}, "api beside", "lib now")
	refute(checks.ScopeMain, "lib", "k1")
	want(11, main, map[string]string{"lib": "k1", "api": "k1"}, "api beside")
	want(11, []checks.Scope{"pull/7"}, map[string]string{"lib": "k1"}, "lib elsewhere")
	put(checks.ScopeMain, "lib", proof("k1", "mended", clk.now().Add(-time.Minute)))
	want(11, main, map[string]string{"lib": "k1"}, "lib mended")
	wantKind(t, s.Commit(t.Context(), checks.Commit{Refuted: []checks.ScopedProof{{Repo: 11, Scope: "main", Package: "lib"}}}), checks.KindRefused)

	for _, bad := range []checks.ScopedProof{
		{Repo: 11, Package: "lib", Proof: proof("k", "r", passed)},
		{Repo: 11, Scope: "main", Proof: proof("k", "r", passed)},
		{Repo: 11, Scope: "main", Package: "lib"},
		{Repo: 11, Scope: "ma\x00in", Package: "lib", Proof: proof("k", "r", passed)},
		{Repo: 11, Scope: "main", Package: strings.Repeat("x", 5000), Proof: proof("k", "r", passed)},
	} {
		wantKind(t, s.Commit(t.Context(), checks.Commit{Proofs: []checks.ScopedProof{bad}}), checks.KindRefused)
	}
}

// testProofsModel: whatever is written in whatever scopes, what is read is of
// the scopes asked for, of the very key, and young enough.
func testProofsModel(t *testing.T, open Open) {
	clk := newClock()
	s := open(t, t.TempDir(), clk.now)
	defer mustClose(t, s)
	scope := rapid.SampledFrom([]checks.Scope{"main", "main2", "pull/1", "pull/11", "refs/heads/main", "tree/a"})
	pkg, key := rapid.SampledFrom([]string{"a", "ab", "b"}), rapid.SampledFrom([]string{"k", "kk", "b"})
	repo := int64(0)
	rapid.Check(t, func(r *rapid.T) {
		repo++
		type place struct {
			scope    checks.Scope
			pkg, key string
		}
		model := map[place]checks.Proof{}
		for i := range rapid.IntRange(1, 12).Draw(r, "steps") {
			clk.advance(time.Duration(rapid.IntRange(0, 10).Draw(r, "days")) * 24 * time.Hour)
			at := place{scope.Draw(r, "scope"), pkg.Draw(r, "package"), key.Draw(r, "key")}
			p := proof(at.key, fmt.Sprint("r", i), clk.now().Add(-time.Duration(rapid.IntRange(0, 20).Draw(r, "ago"))*24*time.Hour))
			must(r, s.Commit(t.Context(), checks.Commit{Proofs: []checks.ScopedProof{{Repo: repo, Scope: at.scope, Package: at.pkg, Proof: p}}}))
			if old, ok := model[at]; !ok || p.Passed.After(old.Passed) {
				model[at] = p
			}
			scopes := rapid.SliceOfN(scope, 0, 3).Draw(r, "scopes")
			wanted := rapid.MapOf(pkg, key).Draw(r, "wanted")
			expect := map[string]checks.Proof{}
			for _, sc := range slices.Backward(scopes) {
				for name, k := range wanted {
					if p, ok := model[place{sc, name, k}]; ok && clk.now().Sub(p.Passed) < checks.ProofTime {
						expect[name] = p
					}
				}
			}
			if got := get(s.Proofs(repo, scopes, wanted))(r); !maps.Equal(got, expect) {
				r.Fatalf("read %v of %v in %v, want %v", got, wanted, scopes, expect)
			}
		}
	})
}
