package app

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
)

// someSide draws what a tree may say, in the keys that are packed.
func someSide(t *rapid.T) *side {
	text := rapid.SampledFrom([]string{"", "a", "b/c", "x\x00\xff", "ünï", strings.Repeat("long/", 300)})
	texts := rapid.Custom(func(t *rapid.T) []string {
		if list := rapid.SliceOfN(text, 0, 3).Draw(t, "list"); len(list) > 0 {
			return list
		}
		return nil
	})
	m := &checks.Manifest{GlobalInputs: texts.Draw(t, "global"), Ignore: texts.Draw(t, "ignore")}
	for range rapid.IntRange(1, 4).Draw(t, "packages") {
		p := checks.Package{Name: text.Draw(t, "name"), Dir: text.Draw(t, "dir"), PkgType: "whl", TestType: checks.TestMake, Type: text.Draw(t, "type"),
			DependsOn: texts.Draw(t, "needs"), DependenciesType: texts.Draw(t, "kinds"), ExcludeKeywords: texts.Draw(t, "keywords"), Inputs: texts.Draw(t, "inputs")}
		p.BuildInfo.RegistryPrefix = text.Draw(t, "prefix")
		m.Packages = append(m.Packages, p)
	}
	line, yes := rapid.IntRange(0, 1<<30), rapid.Bool()
	for range rapid.IntRange(0, 3).Draw(t, "edges") {
		m.Edges = append(m.Edges, checks.Edge{From: text.Draw(t, "from"), To: text.Draw(t, "to"), File: text.Draw(t, "file"), Line: line.Draw(t, "line"), Cyclic: yes.Draw(t, "cyclic")})
		m.Unread = append(m.Unread, checks.FileProblem{Package: text.Draw(t, "package"), File: text.Draw(t, "file"), Line: line.Draw(t, "line"), Message: text.Draw(t, "message"), Warning: yes.Draw(t, "warning")})
	}
	s := &side{tree: "1111", blob: "2222", manifest: m, linked: true, partial: true}
	s.reads = texts.Draw(t, "reads")
	for range rapid.IntRange(0, 3).Draw(t, "links") {
		s.links = append(s.links, checks.Link{Path: text.Draw(t, "path"), Target: text.Draw(t, "target")})
	}
	return s
}

func keptCache(dir string) localCache { return localCache{dir: dir, program: "test"} }

func TestCacheGivesBackWhatWasKept(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		c := keptCache(t.TempDir())
		want := someSide(r)
		whole := *want
		whole.partial = false
		c.keep(&whole)
		got := c.side(want.tree, nil)
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(side{})); diff != "" {
			r.Error(diff)
		}
		if near := c.side(want.tree, got); near == nil || &near.manifest.Packages[0] != &got.manifest.Packages[0] {
			r.Error("two sides of one loktar.json do not share its packages")
		}
	})
}

func TestCacheRefusesWhatIsDamaged(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		dir := t.TempDir()
		c, s := keptCache(dir), someSide(r)
		s.partial = false
		c.keep(s)
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil || len(files) != 2 {
			r.Fatal(files, err)
		}
		file := rapid.SampledFrom(files).Draw(r, "file")
		data, err := os.ReadFile(file)
		if err != nil {
			r.Fatal(err)
		}
		if at := rapid.IntRange(0, len(data)-1).Draw(r, "at"); rapid.Bool().Draw(r, "cut") {
			data = data[:at]
		} else {
			data[at] ^= byte(rapid.IntRange(1, 255).Draw(r, "bits"))
		}
		if err := os.WriteFile(file, data, 0o600); err != nil {
			r.Fatal(err)
		}
		if got := c.side(s.tree, nil); got != nil {
			r.Errorf("%s is taken: %+v", file, got)
		}
	})
}

func TestCacheFileUnderAnotherName(t *testing.T) {
	c := keptCache(t.TempDir())
	s := &side{tree: "1111", blob: "2222", linked: true, manifest: &checks.Manifest{Packages: []checks.Package{{Name: "a"}}}}
	c.keep(s)
	if err := os.Rename(c.path("tree", "1111"), c.path("tree", "3333")); err != nil {
		t.Fatal(err)
	}
	if c.side("3333", nil) != nil {
		t.Error("what was kept of one tree is taken for another")
	}
	if other := (localCache{c.dir, "other"}); other.manifest("2222") != nil || c.manifest("2222") == nil {
		t.Error("what another program kept is taken, or what this one kept is not")
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := keptCache(t.TempDir())
	for i := range maxKept + 50 {
		c.keep(&side{tree: strings.Repeat("1", i+1), blob: "2222", linked: true, manifest: &checks.Manifest{}})
	}
	entries, err := os.ReadDir(c.dir)
	if err != nil || len(entries) > maxKept {
		t.Errorf("%d files are kept: %v", len(entries), err)
	}
}

func TestNoCache(t *testing.T) {
	for _, dir := range []string{"", "/dev/null"} {
		c := openLocalCache(dir)
		c.keep(&side{tree: "1", blob: "2", linked: true, manifest: &checks.Manifest{}})
		if c.side("1", nil) != nil {
			t.Errorf("%q keeps something", dir)
		}
	}
	if openLocalCache(t.TempDir()).program == "" {
		t.Error("this program has no id")
	}
}

// FuzzUnpack looks for a file that makes reading panic or take much memory.
func FuzzUnpack(f *testing.F) {
	var p packer
	p.manifest(&checks.Manifest{Packages: []checks.Package{{Name: "a", Inputs: []string{"b"}}}})
	f.Add(p.pack("x")[8:])
	f.Fuzz(func(_ *testing.T, data []byte) {
		for _, read := range []func(*unpacker){func(u *unpacker) { u.manifest() }, func(u *unpacker) { u.edges() }, func(u *unpacker) { u.unread() }, func(u *unpacker) { u.links() }} {
			if u := unpack(append(binary.LittleEndian.AppendUint64(nil, checksum("x", data)), data...), "x"); u != nil {
				read(u)
			}
		}
	})
}
