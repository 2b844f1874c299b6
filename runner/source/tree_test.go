package source

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/checks"
)

func names(entries []Entry) []string {
	var out []string
	for _, e := range entries {
		out = append(out, string(e.Mode)+" "+e.Name)
	}
	return out
}

func TestTrees(t *testing.T) {
	o := newOrigin(t)
	base := o.commit("main", files{"a/f": "base", "kept/f": "1", "gone/f": "1"})
	o.commit("main", files{"later": "1"})
	o.commit("topic", files{
		"a/f": "head", "a/x": "exec:1", "a/l": "link:../kept/f", "a/s": "sub:" + strings.Repeat("1", 40), "a/d/e/g": "1", "gone/f": "-",
	}, base)
	l := load(t, o.source(t), o.event("topic", "main"))
	list := func(tree *Tree, dir string) []string {
		t.Helper()
		entries, err := tree.List(dir)
		if err != nil {
			t.Fatal(err)
		}
		return names(entries)
	}
	for dir, want := range map[string][]string{
		".": {"40000 a", "40000 kept", "100644 later"},
		"a": {"40000 d", "100644 f", "120000 l", "160000 s", "100755 x"}, "a/d": {"40000 e"}, "a/d/e": {"100644 g"},
		"gone": nil, "a/f": nil, "a/l": nil, "a/s": nil, "a/f/x": nil, "": nil, "a/": nil, "/a": nil, "../a": nil, "a//d": nil,
		strings.Repeat("a/", 1<<20) + "a": nil,
	} {
		if diff := cmp.Diff(want, list(l.Tree(), dir)); diff != "" {
			t.Errorf("%.50q: %s", dir, diff)
		}
	}
	if diff := cmp.Diff([]string{"40000 a", "40000 gone", "40000 kept"}, list(l.BaseTree(), ".")); diff != "" {
		t.Error(diff)
	}
	for dir, same := range map[string]bool{".": false, "a": false, "kept": true} {
		head, err := l.Tree().ID(dir)
		if err != nil {
			t.Fatal(err)
		}
		old, err := l.BaseTree().ID(dir)
		if err != nil || !isObjectName(head) || (head == old) != same {
			t.Errorf("%s is %s, was %s, %v", dir, head, old, err)
		}
	}
	if root, err := l.Tree().ID("."); root != l.Change.Tree || err != nil {
		t.Errorf("the root is %s, %v", root, err)
	}
	if id, err := l.Tree().ID("a/f"); id != "" || err != nil {
		t.Errorf("a file is the folder %s, %v", id, err)
	}
	for path, want := range map[string]string{"a/f": "head", "a/l": "../kept/f"} {
		e, ok, err := l.Tree().Entry(path)
		if err != nil || !ok {
			t.Fatal(path, ok, err)
		}
		if body, err := l.Tree().Read(e.OID, 100); string(body) != want || err != nil {
			t.Errorf("%s is %q, %v", path, body, err)
		}
		var large *TooLargeError
		if _, err := l.Tree().Read(e.OID, 3); !errors.As(err, &large) {
			t.Errorf("%s was read whole: %v", path, err)
		}
	}
	folder, _, _ := l.Tree().Entry("a")
	if _, err := l.Tree().Read(folder.OID, 1000); checks.KindOf(err) != checks.KindNotFound {
		t.Errorf("a folder was read: %v", err)
	}
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Error(err)
	}
	if _, err := l.Tree().List("a/d/e/f"); err != nil {
		t.Errorf("what was read is forgotten: %v", err)
	}
	if _, err := l.BaseTree().List("gone"); err == nil {
		t.Error("a closed tree was read")
	}
}

func TestTreesOfNothing(t *testing.T) {
	o := newOrigin(t)
	base := o.commit("main", files{"a": "1"})
	o.commit("topic", files{"a": "-"}, base)
	l := load(t, o.source(t), o.event("topic", "main"))
	if entries, err := l.Tree().List("."); entries == nil || len(entries) > 0 || err != nil {
		t.Errorf("an empty root has %v, %v", entries, err)
	}
	o.commit("alone", files{"b": "1"})
	l = load(t, o.source(t), o.event("alone", "main"))
	if l.BaseTree() != nil {
		t.Error("there is a base without a merge base")
	}
}

func TestTreeForgets(t *testing.T) {
	o := newOrigin(t)
	o.commit("main", files{"a/b/f": "1", "a/c/f": "1"})
	l := load(t, o.source(t), o.event("main", "main"))
	tree := l.Tree()
	for _, dir := range []string{"a/b", "a/c", "a/b"} {
		tree.listed = maxListed
		if entries, err := tree.List(dir); len(entries) != 1 || err != nil {
			t.Fatalf("%s has %v, %v", dir, entries, err)
		}
		if tree.listed > 10 {
			t.Errorf("%d entries are remembered", tree.listed)
		}
	}
}

// The end of the context that something was loaded with ends its process,
// closed or not: goleak would see it.
func TestTreeEndsWithItsContext(t *testing.T) {
	o := newOrigin(t)
	o.commit("main", files{"a/f": "1"})
	l, err := o.source(t).Load(t.Context(), o.event("main", "main"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Tree().List("a"); err != nil {
		t.Error(err)
	}
}

// TestLoadHundredThousandFiles changes more files than are listed by any
// interface of GitHub, as files and as links.
func TestLoadHundredThousandFiles(t *testing.T) {
	const n = 100_050
	o := newOrigin(t)
	o.commit("main", files{"a": "1", "l": "link:a"})
	var in bytes.Buffer
	in.WriteString("blob\nmark :1\ndata 4\n../a\n")
	for branch, mode := range map[string]string{"files": "100644", "links": "120000"} {
		fmt.Fprintf(&in, "commit refs/heads/%s\ncommitter a <a@b> 0 +0000\ndata 1\nc\nfrom refs/heads/main^0\n", branch)
		for i := range n {
			fmt.Fprintf(&in, "M %s :1 d%d/f%d\n", mode, i%100, i)
		}
		in.WriteString("\n")
	}
	o.gitIn(in.Bytes(), "fast-import", "--quiet")
	s := o.source(t)
	c := load(t, s, o.event("files", "main")).Change
	if len(c.Files) != n || c.Unbounded != "" || !c.CommitsUnknown || len(c.Links) != 1 {
		t.Errorf("%d files, %d links, %q, %d commits", len(c.Files), len(c.Links), c.Unbounded, len(c.Commits))
	}
	c = load(t, s, o.event("links", "main")).Change
	if c.Files != nil || c.Links != nil || !c.LinksUnknown || !strings.Contains(c.Unbounded, "more than 100000 symbolic links") || c.Tree == "" {
		t.Errorf("%d files, %d links, %q", len(c.Files), len(c.Links), c.Unbounded)
	}
	c = load(t, s, o.event("main", "main")).Change
	if len(c.Links) != 1 || c.Unbounded != "" {
		t.Errorf("links are %v, %q", c.Links, c.Unbounded)
	}
}
