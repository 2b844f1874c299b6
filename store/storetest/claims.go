package storetest

import (
	"testing"

	"github.com/dudesons/loktar/checks"
)

func testClaims(t *testing.T, open Open) {
	dir := t.TempDir()
	s := open(t, dir, newClock().now)
	one, other := checks.Repo{ID: 1, Owner: "acme", Name: "pets"}, checks.Repo{ID: 2, Owner: "acme", Name: "shop"}
	claim := func(what string, repo, want checks.Repo) {
		t.Helper()
		same(t, what+" for "+repo.FullName(), get(s.Claim(t.Context(), what, repo))(t), want)
	}
	claim("oci lib", one, one)
	claim("oci lib", other, one)
	claim("oci lib2", other, other)
	mustClose(t, s)
	s = open(t, dir, newClock().now)
	defer func() { mustClose(t, s) }()
	claim("oci lib", other, one)
	// It was renamed, and what bears its old name is somebody else.
	renamed := checks.Repo{ID: 1, Owner: "acme", Name: "animals"}
	claim("oci lib", renamed, renamed)
	claim("oci lib", checks.Repo{ID: 3, Owner: "acme", Name: "pets"}, renamed)
	// It was deleted and made again.
	again := checks.Repo{ID: 4, Owner: "Acme", Name: "Animals"}
	claim("oci lib", again, again)
	claim("oci lib", other, again)
	_, err := s.Claim(t.Context(), "", one)
	wantKind(t, err, checks.KindRefused)
}
