package source

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"

// someCommit is what a submodule of the tests is at.
var someCommit = "sub:" + strings.Repeat("1", 40)

// TestGaps moves one folder through trees, and leases each in a new one too.
func TestGaps(t *testing.T) {
	o := newOrigin(t)
	base := o.commit("plain", files{"a/f": "1", "b/p.bin": pointer})
	o.commit("sub", files{
		"vendor/x": someCommit, "a/\n\xff": someCommit,
		// What .gitmodules says is not looked at.
		".gitmodules": "[submodule \"../..\"]\n\tpath = ../../etc\n\turl = ext::sh -c true\n[submodule \"x\"]\n\tpath = a\n\turl = file:///etc\n",
	}, base)
	o.commit("lfs", files{
		".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n", "b/.gitattributes": "raw.bin -filter\nmine/** filter=lfs\n",
		"b/raw.bin": pointer, "b/mine/x": pointer, "b/mine/text": "text", "b/mine/later": "text\n" + pointer, "b/mine/large": pointer + strings.Repeat("x", maxPointer),
		"c/crlf.bin": strings.ReplaceAll(pointer, "\n", "\r\n"), "c/blank.bin": "\n\r\n" + pointer, "c/old.bin": "version https://hawser.github.com/spec/v1\n",
		"c/end.bin": "version https://git-lfs.github.com/spec/v1", "c/v2.bin": "version https://git-lfs.github.com/spec/v2\n", "c/empty.bin": "",
		"c/link.bin": "link:../b/p.bin", "c/sub.bin": someCommit, "c/n\n\"w.bin": pointer,
	}, base)
	o.commit("lfs2", files{"b/p.bin": "the content", "b/new.bin": pointer, "c/sub.bin": "-", "c/crlf.bin": "-"}, "refs/heads/lfs^0")
	o.commit("macro", files{"x/.gitattributes": "[attr]big filter=lfs\n", ".gitattributes": "[attr]big filter=lfs\n*.bin big\n"}, base)
	o.commit("linked", files{".gitattributes": "link:rules", "rules": "*.bin filter=lfs\n"}, base)
	lfs := []Gap{
		{"b/mine/x", GapLFS}, {"b/p.bin", GapLFS}, {"c/blank.bin", GapLFS}, {"c/crlf.bin", GapLFS}, {"c/end.bin", GapLFS},
		{"c/n\n\"w.bin", GapLFS}, {"c/old.bin", GapLFS}, {"c/sub.bin", GapSubmodule},
	}
	lfs2 := slices.DeleteFunc(slices.Clone(lfs), func(g Gap) bool {
		return g.Path == "b/p.bin" || g.Path == "c/crlf.bin" || g.Path == "c/sub.bin"
	})
	want := map[string][]Gap{
		"plain": nil, "linked": nil,
		"sub":   {{"a/\n\xff", GapSubmodule}, {"vendor/x", GapSubmodule}},
		"lfs":   lfs,
		"lfs2":  slices.Insert(lfs2, 1, Gap{"b/new.bin", GapLFS}),
		"macro": {{"b/p.bin", GapLFS}},
	}
	var branches []string
	for b := range want {
		branches = append(branches, b)
	}
	slices.Sort(branches)
	for _, b := range branches {
		if diff := cmp.Diff(want[b], lease(t, merged(t, o, 2, b), o.tree(b)).Gaps); diff != "" {
			t.Errorf("%s: %s", b, diff)
		}
	}
	s := merged(t, o, 1, branches...)
	for _, b := range []string{"lfs", "lfs2", "lfs", "plain", "sub", "plain", "sub", "lfs2", "macro", "linked", "lfs"} {
		l := lease(t, s, o.tree(b))
		if diff := cmp.Diff(want[b], l.Gaps); diff != "" {
			t.Errorf("moved to %s: %s", b, diff)
		}
		l.Release()
	}
}

// TestGapsAreNotBuiltUpWrongly moves folders at random between trees with the
// same attributes: what is worked out of the changes is what a look at all
// gives.
func TestGapsAreNotBuiltUpWrongly(t *testing.T) {
	o := newOrigin(t)
	base := o.commit("main", files{".gitattributes": "*.bin filter=lfs\n"})
	var branches []string
	for i := range 8 {
		change := files{}
		for j := range 4 {
			content := []string{pointer, "plain", someCommit, fmt.Sprintf("%s#%d", pointer, i)}[(i+j*(i/2+1))%4]
			change[fmt.Sprintf("d/%d.bin", j)] = content
		}
		b := fmt.Sprint("b", i)
		o.commit(b, change, base)
		branches = append(branches, b)
	}
	fresh := map[string][]Gap{}
	for _, b := range branches {
		fresh[b] = lease(t, merged(t, o, 1, b), o.tree(b)).Gaps
	}
	s := merged(t, o, 1, branches...)
	rapid.Check(t, func(r *rapid.T) {
		b := rapid.SampledFrom(branches).Draw(r, "branch")
		l, err := s.Lease(t.Context(), testRepo, o.tree(b))
		if err != nil {
			r.Fatal(err)
		}
		defer l.Release()
		if diff := cmp.Diff(fresh[b], l.Gaps); diff != "" {
			r.Errorf("%s: %s", b, diff)
		}
	})
}

func FuzzIsPointer(f *testing.F) {
	for _, s := range []string{pointer, "", "\n", "version ", "\r\nversion https://git-lfs.github.com/spec/v1\r", "version https://git-lfs.github.com/spec/v1 x"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if isPointer(b) && (len(b) > maxPointer || !strings.HasPrefix(strings.TrimSpace(string(b)), "version ")) {
			t.Errorf("%q is taken for a pointer", b)
		}
	})
}

func FuzzEachIndexed(f *testing.F) {
	f.Add([]byte("100644 008c45145fa54b3f2779e27b63bc905f64892fe8 0\td/x\x00"))
	f.Add([]byte("160000 x 0\t\x00\x00"))
	f.Fuzz(func(_ *testing.T, b []byte) {
		_ = eachIndexed(b, func(mode, _, path string) {
			if len(mode) != 6 || path == "" || strings.Contains(path, "\x00") {
				panic(fmt.Sprintf("%q %q", mode, path))
			}
		})
	})
}
