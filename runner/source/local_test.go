package source

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/checks"
)

// local opens a clone of o with a working tree.
func (o *origin) local(t *testing.T) (*Local, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "clone")
	o.git("clone", "--quiet", o.dir, dir)
	l, err := OpenLocal(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l, dir
}

func TestLocal(t *testing.T) {
	o := newOrigin(t)
	base := o.commit("main", files{"a/f": "1", "ln": "link:a", "loktar.json": "{}"})
	head := o.commit("topic", files{"a/f": "2", "b/f": "1"}, base)
	tip := o.commit("main", files{"c/f": "1"})
	l, dir := o.local(t)
	if l.Top() != dir || l.Shallow() {
		t.Errorf("the root is %s", l.Top())
	}
	for rev, want := range map[string]string{"HEAD": tip, "main": tip, "HEAD~1": base, "origin/topic": head, head: head, "nosuch": "", "": "", "--all": "", "HEAD:a": "", "a\nb": ""} {
		if got, err := l.Commit(rev); got != want || err != nil {
			t.Errorf("%q is %s, %v", rev, got, err)
		}
	}
	if got, why, err := l.MergeBase(t.Context(), tip, head); got != base || why != "" || err != nil {
		t.Errorf("the merge base is %s, %q, %v", got, why, err)
	}
	list, unbounded, err := l.Diff(t.Context(), base, head)
	if diff := cmp.Diff([]Edit{{"a/f", o.git("rev-parse", base+":a/f")}, {Path: "b/f"}}, list); diff != "" || unbounded != "" || err != nil {
		t.Error(diff, unbounded, err)
	}
	tree, err := l.TreeID(head)
	if err != nil || tree != o.tree(head) {
		t.Errorf("the tree is %s, %v", tree, err)
	}
	links, unbounded, err := l.Links(t.Context(), "", nil, tree)
	if diff := cmp.Diff([]checks.Link{{Path: "ln", Target: "a"}}, links); diff != "" || unbounded != "" || err != nil {
		t.Error(diff, unbounded, err)
	}
	// What was known of a tree that is gone is not trusted.
	again, _, err := l.Links(t.Context(), strings.Repeat("1", 40), []checks.Link{{Path: "x", Target: "y"}}, tree)
	if diff := cmp.Diff(links, again); diff != "" || err != nil {
		t.Error(diff, err)
	}
	blob, text, problem, err := l.Manifest(l.Tree(tree), func(string) bool { return false })
	if blob == "" || string(text) != "{}" || problem != "" || err != nil {
		t.Errorf("loktar.json is %s %q %q %v", blob, text, problem, err)
	}
}

// objectsOf lists the files of a repository's object folder.
func objectsOf(t *testing.T, dir string) (out []string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(dir, ".git"), func(p string, d os.DirEntry, err error) error {
		out = append(out, p)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestLocalWritesNothing(t *testing.T) {
	o := newOrigin(t)
	base := o.commit("main", files{"a/f": "1", ".gitignore": "ignored\n"})
	head := o.commit("topic", files{"b/f": "1"}, base)
	o.commit("main", files{"c/f": "1"})
	clash := o.commit("clash", files{"c/f": "2"}, base)
	l, dir := o.local(t)
	tip, err := l.Commit("main")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"new file": "x", "ignored": "x", "a/f": "changed"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before := objectsOf(t, dir)
	tree, conflicts, err := l.Merged(t.Context(), tip, head)
	if err != nil || len(conflicts) > 0 {
		t.Fatal(conflicts, err)
	}
	if entries, err := l.Tree(tree).List("."); len(entries) != 4 || err != nil {
		t.Errorf("merged are %v, %v", names(entries), err)
	}
	if _, conflicts, err = l.Merged(t.Context(), tip, clash); len(conflicts) != 1 || err != nil {
		t.Errorf("conflicts are %q, %v", conflicts, err)
	}
	tree, err = l.Uncommitted(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	list, _, err := l.Diff(t.Context(), tip, tree)
	if diff := cmp.Diff([]Edit{{"a/f", o.git("rev-parse", base+":a/f")}, {Path: "new file"}}, list); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if diff := cmp.Diff(before, objectsOf(t, dir)); diff != "" {
		t.Errorf("the repository was written to: %s", diff)
	}
	scratch := l.scratch
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(scratch); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", scratch, err)
	}
}

// TestLocalRunsNothing: what a repository's own configuration would run is not.
func TestLocalRunsNothing(t *testing.T) {
	o := newOrigin(t)
	base := o.commit("main", files{"a/f": "1"})
	head := o.commit("topic", files{"a/f": "2"}, base)
	l, dir := o.local(t)
	mark := filepath.Join(t.TempDir(), "ran")
	for key, value := range map[string]string{"core.fsmonitor": "touch " + mark, "diff.external": "touch " + mark, "core.pager": "touch " + mark, "core.hooksPath": dir} {
		o.git("-C", dir, "config", key, value)
	}
	if err := os.WriteFile(filepath.Join(dir, "post-index-change"), []byte("#!/bin/sh\ntouch "+mark+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.Diff(t.Context(), base, head); err != nil {
		t.Error(err)
	}
	if _, err := l.Uncommitted(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(mark); !os.IsNotExist(err) {
		t.Errorf("a program of the repository ran: %v", err)
	}
}

func TestLocalOfNothing(t *testing.T) {
	_, err := OpenLocal(t.Context(), t.TempDir())
	wantKind(t, err, checks.KindNotFound)
	if !strings.Contains(checks.PublicText(err, ""), "git init") {
		t.Error(err)
	}
}
