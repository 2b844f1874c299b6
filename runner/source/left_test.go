package source

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/checks"
)

// TestLeftFoldersStay opens a Source again, as after a crash, while something
// still reads a folder of the one before.
func TestLeftFoldersStay(t *testing.T) {
	o := newOrigin(t)
	o.commit("main", files{"a": "1"})
	o.commit("next", files{"a": "2"})
	dir := filepath.Join(t.TempDir(), "data")
	before := openSource(t, Options{URL: o.url, AllowFile: true, Dir: dir})
	for _, b := range []string{"main", "next"} {
		if err := before.Fetch(t.Context(), 7, testRepo, o.git("rev-parse", "refs/heads/"+b)); err != nil {
			t.Fatal(err)
		}
	}
	left := lease(t, before, o.tree("main")).Dir
	unread := lease(t, before, o.tree("next")).Dir

	s := openSource(t, Options{URL: o.url, AllowFile: true, Dir: dir, Left: []string{left, "/etc/files", filepath.Join(dir, "worktrees", "1-99", "files")}})
	if _, err := os.Lstat(unread); err == nil {
		t.Error("a folder that nobody reads stayed")
	}
	for _, none := range []string{unread, "/etc/files", filepath.Join(dir, "worktrees", "1-99", "files")} {
		_, err := s.LeaseLeft(none)
		wantKind(t, err, checks.KindLost)
	}
	l, err := s.LeaseLeft(left)
	if err != nil {
		t.Fatal(err)
	}
	also, err := s.LeaseLeft(left)
	if err != nil {
		t.Fatal(err)
	}
	// New leases, also of that very tree, are other folders.
	for _, tree := range []string{"main", "next"} {
		if n := lease(t, s, o.tree(tree)); n.Dir == left {
			t.Errorf("the folder was leased for %s", tree)
		}
	}
	l.Release()
	l.Release()
	if diff := cmp.Diff(files{"a": "1"}, onDisk(t, left)); diff != "" {
		t.Error(diff)
	}
	also.Release()
	if _, err := os.Lstat(left); err == nil {
		t.Error("the folder stayed after its last lease")
	}
	_, err = s.LeaseLeft(left)
	wantKind(t, err, checks.KindLost)
}
