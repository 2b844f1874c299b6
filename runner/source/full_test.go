package source

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner/docker/dockertest"
)

// TestAFullDiskIsToldAsSuch fetches, checks out and makes .git folders with so
// many blocks, or inodes, left: each either goes well or names the disk, and
// goes well once there is room.
func TestAFullDiskIsToldAsSuch(t *testing.T) {
	o := newOrigin(t)
	big := files{"loktar.json": "{}"}
	for i := range 20 {
		big[fmt.Sprintf("dir%d/file", i)] = large(20 << 10)
	}
	base := o.commit("main", big)
	o.commit("topic", files{"dir1/file": large(100 << 10), "b": "1"}, base)
	o.commit("main", files{"c": "1"}) // so that there is something to merge
	ev := o.event("topic", "main")
	run := checks.Run{Repo: testRepo, PullRequest: ev.PullRequest}
	for _, kind := range []string{"blocks", "inodes"} {
		for _, left := range []int{0, 1, 2, 5, 10, 20, 30, 60, 120, 250} {
			t.Run(fmt.Sprint(left, " ", kind), func(t *testing.T) {
				disk := dockertest.Disk(t, 24<<20, "-N", "1024")
				s := openSource(t, Options{Dir: filepath.Join(disk, "git"), URL: o.url, AllowFile: true})
				// all goes through what a job takes, and returns the first error.
				all := func() error {
					l, err := s.Load(t.Context(), ev)
					if err != nil {
						return err
					}
					run.Tree, run.BaseSHA, run.HeadSHA = l.Change.Tree, l.Change.BaseSHA, l.Change.HeadSHA
					if err := l.Close(); err != nil {
						return err
					}
					lease, err := s.Lease(t.Context(), testRepo, run.Tree)
					if err != nil {
						return err
					}
					defer lease.Release()
					_, err = s.DotGit(t.Context(), lease, run, "/objects")
					return err
				}
				free := leave(t, disk, kind, left)
				for range 2 {
					if err := all(); err != nil && checks.CauseOf(err) != checks.CauseDiskFull {
						t.Error(err)
					}
				}
				free()
				if err := all(); err != nil {
					t.Errorf("a disk that has room again: %v", err)
				}
			})
		}
	}
}

// leave fills a disk but for so many blocks or inodes.
func leave(t *testing.T, disk, kind string, n int) (free func()) {
	t.Helper()
	few, err := os.MkdirTemp(disk, ".few-")
	if err != nil {
		t.Fatal(err)
	}
	if kind == "blocks" {
		err = os.WriteFile(filepath.Join(few, "f"), make([]byte, n*4096), 0o600)
	}
	for i := 0; kind == "inodes" && err == nil && i < n; i++ {
		err = os.Symlink("nothing", filepath.Join(few, fmt.Sprint(i)))
	}
	if err != nil {
		t.Fatal(err)
	}
	fill := dockertest.FillInodes
	if kind == "blocks" {
		fill = dockertest.Fill
	}
	free = fill(t, disk)
	if err := os.RemoveAll(few); err != nil {
		t.Fatal(err)
	}
	return free
}
