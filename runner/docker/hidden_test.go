package docker_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/runner"
	"github.com/dudesons/loktar/runner/docker"
)

// masked is a tree of which a package sees its folder, one dependency, and
// what a link of its own leads to.
func (b *bench) masked(steps ...string) runner.Task {
	b.t.Helper()
	b.write("services/pkg/own", "own\n")
	b.write("services/pkg/nested/hidden", "SECRET\n")
	b.write("services/other/hidden", "SECRET\n")
	b.write("services/lib/shown", "of lib\n")
	b.write("deep/a/b/shown", "deep\n")
	b.write("deep/a/b/hidden", "SECRET\n")
	b.write("far/hidden", "SECRET\n")
	for at, to := range map[string]string{"services/pkg/link": "../../far/hidden", "services/pkg/folder": "../other", "services/pkg/good": "../lib/shown"} {
		if err := os.Symlink(to, filepath.Join(b.tree, at)); err != nil {
			b.t.Fatal(err)
		}
	}
	t := b.task(steps...)
	t.Dir, t.Clean = "services/pkg", nil
	t.Hidden = []string{"Makefile", "deep/a/b/hidden", "far", "services/other", "services/pkg/nested"}
	return t
}

// hideWays are the ways in which files are hidden.
var hideWays = map[string][]func(*docker.Options){
	"by an overlay":                       nil,
	"by an overlay that the engine reads": {docker.ThroughEngine},
	"by a copy":                           {docker.Copying},
}

// TestHiddenCannotBeSeen has a job try to get at what is hidden: by its name,
// by what is around it, by links, and by what it may do to the folders there.
func TestHiddenCannotBeSeen(t *testing.T) {
	for way, change := range hideWays {
		t.Run(way, func(t *testing.T) {
			b := setUp(t, change...)
			task := b.masked(`
				find / -xdev -path /proc -prune -o -name hidden -print
				cd /workspace
				find . | sort
				cat services/pkg/own services/pkg/good deep/a/b/shown`, `
				for f in Makefile far/hidden services/other/hidden services/pkg/nested/hidden deep/a/b/hidden; do
					cat /workspace/$f ../../$f && exit 1
				done
				cat link folder/hidden && exit 1
				cd /workspace
				# Made again, they are empty.
				mkdir far services/other services/pkg/nested
				find far services/other services/pkg/nested -mindepth 1
				rm -r far services/other services/pkg/nested
				mkdir far && ls -A far
				touch far/hidden && cat far/hidden && rm far/hidden
				ls -A far
				# Folders around it, moved or removed, bring nothing back.
				mv deep moved && find moved && cat moved/a/b/hidden && exit 1
				mkdir -p deep/a/b && ls -A deep/a/b
				rm -r deep moved && mkdir deep && ls -A deep
				cp -a services copy && find copy -name hidden
				mv services/pkg/nested back 2>/dev/null && exit 1
				mv far services/other && ls -A services/other
				ln services/lib/shown services/pkg/nested && cat services/pkg/nested
				rm services/pkg/nested && ls -A services/pkg
				mount -t overlay none /mnt -o lowerdir=/workspace 2>/dev/null && exit 1
				setfattr -n trusted.overlay.redirect -v /far services/other 2>/dev/null && exit 1
				mknod services/pkg/disk b 254 0 2>/dev/null && exit 1
				true`)
			task.Clean = []string{"find /workspace -name hidden; cat /workspace/far/hidden; echo cleaned"}
			exit, out := b.run(task)
			if exit.Code != 0 {
				t.Fatalf("exit %+v\n%s", exit, out)
			}
			contains(t, out, "with declared files alone", "own\n", "of lib\n", "deep\n", "cleaned\n")
			if strings.Contains(out, "SECRET") {
				t.Errorf("the job read what is hidden:\n%s", out)
			}
			b.wantNothingLeft(t.Context())
			for _, name := range []string{"far/hidden", "services/other/hidden", "services/pkg/nested/hidden", "deep/a/b/hidden"} {
				if text, err := os.ReadFile(filepath.Join(b.tree, name)); string(text) != "SECRET\n" || err != nil {
					t.Errorf("%s of the tree: %q, %v", name, text, err)
				}
			}
			for _, name := range []string{"./far", "./services/other", "./services/pkg/nested", "./Makefile", "./deep/a/b/hidden"} {
				if strings.Contains(out, "\n"+name+"\n") {
					t.Errorf("%s was listed:\n%s", name, out)
				}
			}
			contains(t, out, "\n./deep/a/b/shown\n", "\n./services/pkg/folder\n")
		})
	}
}

// What is handed over after the steps shows no more than they saw.
func TestHiddenIsNotHandedOver(t *testing.T) {
	for way, change := range hideWays {
		t.Run(way, func(t *testing.T) {
			b := setUp(t, change...)
			got := taken{}
			task := b.masked("mkdir nested; echo made >nested/made; echo more >>own")
			task.Hidden = append(task.Hidden, "services/pkg/gone")
			b.write("services/pkg/gone/x", "SECRET\n")
			task.Artifacts = &runner.Artifacts{Globs: []string{"own", "nested/**", "gone/**"}, Collect: got.collect, MaxBytes: 1 << 20}
			var folder []string
			task.Folder = func(_ context.Context, dir string) error {
				return filepath.WalkDir(dir+"/.", func(file string, _ os.DirEntry, err error) error {
					name, _ := filepath.Rel(dir, file)
					folder = append(folder, name)
					return err
				})
			}
			exit, out := b.run(task)
			if exit.Code != 0 || exit.Refusal != "" {
				t.Fatalf("exit %+v\n%s", exit, out)
			}
			if d := cmp.Diff(taken{"own": "644 own\nmore\n", "nested/made": "644 made\n"}, got); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff([]string{".", "folder", "good", "link", "nested", "nested/made", "own"}, folder); d != "" {
				t.Error(d)
			}
		})
	}
}
