package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/dudesons/loktar/checks"
	"github.com/google/go-cmp/cmp"
)

// merged opens a source on o whose mirror has the named branches.
func merged(t testing.TB, o *origin, idle int, branches ...string) *Source {
	t.Helper()
	s := openSource(t, Options{URL: o.url, AllowFile: true, IdleTrees: idle})
	for _, b := range branches {
		if err := s.Fetch(t.Context(), 7, testRepo, o.git("rev-parse", "refs/heads/"+b)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestLeaseHoldsExactlyTheTree(t *testing.T) {
	long := strings.Repeat("deep-folder-name-of-forty-characters-xxx/", 60) + "f"
	content := files{
		"a/f": "1", "run": "exec:#!/bin/sh\n", "link": "link:a/f", "dangling": "link:/no/such", "up": "link:../../..",
		"\xff\n\t": "x", "Case": "1", "case": "2", `b\c`: "x", long: "deep", "vendor/sub": "sub:" + strings.Repeat("1", 40),
		"big.bin":        "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n",
		".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n*.bat text eol=crlf\n", "w.bat": "a\nb\n",
		".gitmodules": "[submodule \"s\"]\n\tpath = vendor/sub\n\turl = ../s\n",
	}
	o := newOrigin(t)
	o.commit("main", content)
	s := merged(t, o, 2, "main")
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	l := lease(t, s, o.tree("main"))
	content["vendor/sub"] = "dir:"
	content["w.bat"] = "a\r\nb\r\n"
	if diff := cmp.Diff(content, onDisk(t, l.Dir)); diff != "" {
		t.Error(diff)
	}
	for dir := l.Dir; dir != s.opts.Dir; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("%s: %v, %v", dir, info.Mode(), err)
		}
	}
}

func TestLeaseMovesAnIdleFolder(t *testing.T) {
	o := newOrigin(t)
	base := o.commit("main", files{"a": "1", "d/e/f": "1", "to-link": "x", "to-dir": "x", "to-file/x": "1", "exec": "1", "sub": "sub:" + strings.Repeat("1", 40), "s.bat": "a\n"})
	o.commit("next", files{"a": "2", "d/e/f": "-", "to-link": "link:a", "to-dir": "-", "to-dir/x": "1", "to-file/x": "-", "to-file": "1", "exec": "exec:1", "sub": "-"}, base)
	o.commit("attr", files{".gitattributes": "*.bat eol=crlf\n"}, base)
	o.commit("empty", files{"a": "-", "d": "-", "to-link": "-", "to-dir": "-", "to-file": "-", "exec": "-", "sub": "-", "s.bat": "-"}, base)
	s := merged(t, o, 2, "main", "next", "attr", "empty")
	fresh := map[string]files{}
	branches := []string{"main", "next", "attr", "empty"}
	for _, b := range branches {
		l := lease(t, merged(t, o, 2, b), o.tree(b))
		fresh[b] = onDisk(t, l.Dir)
	}
	if fresh["attr"]["s.bat"] != "a\r\n" || len(fresh["empty"]) != 0 {
		t.Fatalf("fresh folders are %q", fresh)
	}
	first := ""
	for _, b := range []string{"main", "next", "main", "empty", "next", "empty", "attr", "main", "attr", "next"} {
		l := lease(t, s, o.tree(b))
		if diff := cmp.Diff(fresh[b], onDisk(t, l.Dir)); diff != "" {
			t.Fatalf("moved to %s: %s", b, diff)
		}
		if first == "" {
			first = l.Dir
		}
		if l.Dir != first {
			t.Errorf("%s has a folder of its own", b)
		}
		l.Release()
		l.Release()
	}
}

func TestLeaseSharesAndNeverChangesALeasedFolder(t *testing.T) {
	o := newOrigin(t)
	base := o.commit("main", files{"a": "1"})
	for i := range 4 {
		o.commit(fmt.Sprint("b", i), files{"a": fmt.Sprint("b", i)}, base)
	}
	s := merged(t, o, 1, "main", "b0", "b1", "b2", "b3")
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 12 {
				b := fmt.Sprint("b", (w+i)%4)
				l, err := s.Lease(t.Context(), testRepo, o.tree(b))
				if err != nil {
					t.Error(err)
					return
				}
				for range 3 {
					if got, err := os.ReadFile(filepath.Join(l.Dir, "a")); string(got) != b {
						t.Errorf("leased %s, read %q: %v", b, got, err)
					}
				}
				l.Release()
			}
		})
	}
	wg.Wait()
	one, two := lease(t, s, o.tree("main")), lease(t, s, o.tree("main"))
	if one.Dir != two.Dir {
		t.Error("two leases of one tree have two folders")
	}
	one.Release()
	if other := lease(t, s, o.tree("b0")); other.Dir == two.Dir {
		t.Error("a leased folder was given away")
	}
}

func TestLeaseKeepsFewIdleFolders(t *testing.T) {
	o := newOrigin(t)
	o.commit("main", files{"a": "1"})
	s := merged(t, o, 2, "main")
	var leases []*Lease
	for i := range 5 {
		b := fmt.Sprint("b", i)
		o.commit(b, files{"a": b}, "refs/heads/main^0")
		if err := s.Fetch(t.Context(), 7, testRepo, o.git("rev-parse", b)); err != nil {
			t.Fatal(err)
		}
		leases = append(leases, lease(t, s, o.tree(b)))
	}
	for _, l := range leases {
		l.Release()
	}
	left, err := os.ReadDir(s.trees.dir)
	if err != nil || len(left) != 2 {
		t.Errorf("%d folders are left: %v", len(left), err)
	}
	// The last one released is still there; one that was swept away is made again.
	if l := lease(t, s, leases[4].Tree); l.Dir != leases[4].Dir {
		t.Error("an idle folder was not found again")
	} else if l.Release(); os.RemoveAll(l.Dir) != nil {
		t.Error("not removed")
	}
	l := lease(t, s, leases[4].Tree)
	if diff := cmp.Diff(files{"a": "b4"}, onDisk(t, l.Dir)); diff != "" {
		t.Error(diff)
	}
}

func TestLeaseCancelled(t *testing.T) {
	o := newOrigin(t)
	o.commit("main", files{"a": "1"})
	s := merged(t, o, 2, "main")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Lease(ctx, testRepo, o.tree("main")); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	l := lease(t, s, o.tree("main"))
	if diff := cmp.Diff(files{"a": "1"}, onDisk(t, l.Dir)); diff != "" {
		t.Error(diff)
	}
}

func TestOldWorktreesAreRemovedAtNew(t *testing.T) {
	o := newOrigin(t)
	o.commit("main", files{"a": "1"})
	dir := t.TempDir()
	s := openSource(t, Options{Dir: dir, URL: o.url, AllowFile: true})
	if err := s.Fetch(t.Context(), 7, testRepo, o.git("rev-parse", "main")); err != nil {
		t.Fatal(err)
	}
	lease(t, s, o.tree("main"))
	next, err := New(Options{Dir: dir, URL: o.url, AllowFile: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := next.Close(); err != nil {
		t.Fatal(err)
	}
	for _, sub := range []string{"worktrees/*", "trash/*"} {
		if left, _ := filepath.Glob(filepath.Join(dir, sub)); len(left) > 0 {
			t.Errorf("%q are left", left)
		}
	}
	next = openSource(t, Options{Dir: dir, URL: func(checks.Repo) string { return "file:///no/such" }, AllowFile: true})
	lease(t, next, o.tree("main"))
}

func TestRestore(t *testing.T) {
	o := newOrigin(t)
	base := o.commit("main", files{"a": "1"})
	o.commit("topic", files{"b": "1"}, base)
	tip := o.commit("main", files{"c": "1"})
	s := o.source(t)
	ev := o.event("topic", "main")
	l := load(t, s, ev)
	run := checks.Run{ID: "r", Installation: 7, Repo: testRepo, PullRequest: ev.PullRequest, HeadSHA: l.Change.HeadSHA, BaseSHA: tip, Tree: l.Change.Tree}
	has := func(want bool) {
		t.Helper()
		if ok, err := s.Has(t.Context(), testRepo, run.Tree); ok != want || err != nil {
			t.Errorf("Has is %v, %v", ok, err)
		}
	}
	has(true)
	first := lease(t, s, run.Tree)
	first.Release()
	if err := os.RemoveAll(s.mirror(testRepo).dir); err != nil {
		t.Fatal(err)
	}
	has(false)
	s.trees.mu.Lock()
	idle := s.trees.idle[0]
	s.trees.unidle(idle)
	s.trees.forget(idle)
	s.trees.remove(idle)
	s.trees.mu.Unlock()
	_, err := s.Lease(t.Context(), testRepo, run.Tree)
	wantKind(t, err, checks.KindNotFound)
	o.commit("main", files{"later": "1"})
	if err := s.Restore(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	has(true)
	got := onDisk(t, lease(t, s, run.Tree).Dir)
	if diff := cmp.Diff(files{"a": "1", "b": "1", "c": "1"}, got); diff != "" {
		t.Error(diff)
	}
	run.Tree = o.tree(base)
	if err := s.Restore(t.Context(), run); err == nil || !strings.Contains(checks.PublicText(err, ""), "other files") {
		t.Errorf("another tree was taken: %v", err)
	}
	_, err = s.Lease(t.Context(), testRepo, strings.Repeat("a", 40))
	wantKind(t, err, checks.KindNotFound)
	if _, err := s.Lease(t.Context(), testRepo, "../../x"); err == nil {
		t.Error("a path was taken for a tree")
	}
}

func TestLeaseHeals(t *testing.T) {
	o := newOrigin(t)
	o.commit("main", files{"a": "1", "b": "2"})
	s := merged(t, o, 2, "main")
	m := s.mirror(testRepo)
	if _, err := m.run(t.Context(), "repack", "-adq"); err != nil {
		t.Fatal(err)
	}
	damage(t, m.dir)
	_, err := s.Lease(t.Context(), testRepo, o.tree("main"))
	wantKind(t, err, checks.KindNotFound)
	run := checks.Run{Installation: 7, Repo: testRepo, HeadSHA: o.git("rev-parse", "main"), BaseSHA: o.git("rev-parse", "main"), Tree: o.tree("main")}
	if err := s.Restore(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	lease(t, s, o.tree("main"))
}

// damage overwrites every pack and loose object in a mirror.
func damage(t testing.TB, dir string) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(filepath.Join(dir, "objects"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, "/info/") {
			return err
		}
		n++
		if err := os.Chmod(path, 0o600); err != nil {
			return err
		}
		return os.WriteFile(path, nil, 0o600)
	})
	if err != nil || n == 0 {
		t.Fatalf("%d objects damaged: %v", n, err)
	}
}
