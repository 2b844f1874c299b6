package source

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dudesons/loktar/checks"
	"github.com/google/go-cmp/cmp"
)

// raw writes a tree object of any entries, as hash-object --literally does.
func (o *origin) raw(entries ...Entry) string {
	var b strings.Builder
	for _, e := range entries {
		id, err := hex.DecodeString(e.OID)
		if err != nil {
			o.t.Fatal(err)
		}
		b.WriteString(string(e.Mode) + " " + e.Name + "\x00" + string(id))
	}
	return o.gitIn([]byte(b.String()), "hash-object", "-t", "tree", "-w", "--literally", "--stdin")
}

func (o *origin) blob(content string) string {
	return o.gitIn([]byte(content), "hash-object", "-w", "--stdin")
}

// TestHostileTreesStayInside leases trees that no honest git makes and looks
// at everything around the folder.
func TestHostileTreesStayInside(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.Mkdir(outside, 0o755); err != nil {
		t.Fatal(err)
	}
	o := newOrigin(t)
	o.commit("main", files{"ok": "1"})
	evil, good := o.blob("evil"), o.blob("good")
	file := func(name string) Entry { return Entry{ModeFile, name, evil} }
	dir := func(name string, e ...Entry) Entry { return Entry{ModeFolder, name, o.raw(e...)} }
	link := func(name, to string) Entry { return Entry{ModeSymlink, name, o.blob(to)} }
	for name, tc := range map[string]struct {
		tree    string
		refused bool
		want    files
	}{
		"dot git folder":      {tree: o.raw(dir(".git", file("config"))), refused: true},
		"dot git file":        {tree: o.raw(file(".git")), refused: true},
		"dot git in a folder": {tree: o.raw(dir("d", dir(".git", file("config")))), refused: true},
		"dot git by case":     {tree: o.raw(dir(".GiT", file("config"))), refused: true},
		"dot git for NTFS":    {tree: o.raw(dir("git~1", file("config"))), refused: true},
		"dot git for HFS":     {tree: o.raw(dir(".g\u200cit", file("config"))), refused: true},
		"parent":              {tree: o.raw(dir("..", file("evil"))), refused: true},
		"parent file":         {tree: o.raw(file("..")), refused: true},
		"parent below":        {tree: o.raw(dir("a", dir("..", dir("..", file("evil"))))), refused: true},
		"dot":                 {tree: o.raw(dir(".", file("evil"))), refused: true},
		"slash in a name":     {tree: o.raw(file("../evil")), refused: true},
		"absolute name":       {tree: o.raw(file(outside + "/evil")), refused: true},
		"link as gitmodules":  {tree: o.raw(link(".gitmodules", outside+"/evil")), refused: true},
		"link then file below it": {
			tree: o.raw(link("a", outside), dir("a", file("evil"))),
		},
		"file below then link": {
			tree: o.raw(dir("a", file("evil")), link("a", outside)),
		},
		"links by case": {
			tree: o.raw(link("A", outside), dir("a", file("evil"))),
			want: files{"A": "link:" + outside, "a/evil": "evil"},
		},
		"same name twice":     {tree: o.raw(file("a"), Entry{ModeFile, "a", good})},
		"name over 255 bytes": {tree: o.raw(file(strings.Repeat("n", 256))), refused: true},
		"path over 4096 bytes": {tree: func() string {
			e := file("f")
			for range 20 {
				e = dir(strings.Repeat("d", 250), e)
			}
			return o.raw(e)
		}(), refused: true},
		"link target over 4096 bytes": {tree: o.raw(link("l", strings.Repeat("x", 5000))), refused: true},
		"odd modes":                   {tree: o.raw(Entry{"104777", "setuid", evil}, Entry{"100664", "w", evil}), want: files{"setuid": "exec:evil", "w": "evil"}},
		"device mode":                 {tree: o.raw(Entry{"060000", "dev", evil})},
		"not UTF-8":                   {tree: o.raw(file("\xff\xfe")), want: files{"\xff\xfe": "evil"}},
		"case colliding":              {tree: o.raw(file("A"), file("a")), want: files{"A": "evil", "a": "evil"}},
	} {
		t.Run(name, func(t *testing.T) {
			sha := o.git("commit-tree", tc.tree, "-m", "x")
			o.git("update-ref", "refs/heads/hostile", sha)
			s := merged(t, o, 2, "main")
			if err := s.Fetch(t.Context(), 7, testRepo, sha); err != nil {
				t.Fatal(err)
			}
			before := around(t, s)
			for _, how := range []string{"fresh", "moved"} {
				if how == "moved" {
					lease(t, s, o.tree("main")).Release()
				}
				l, err := s.Lease(t.Context(), testRepo, tc.tree)
				switch {
				case tc.refused:
					wantKind(t, err, checks.KindRefused)
				case err != nil:
					t.Logf("%s: %v", how, err)
				case tc.want != nil:
					if diff := cmp.Diff(tc.want, onDisk(t, l.Dir)); diff != "" {
						t.Error(diff)
					}
				}
				if tc.want != nil && err != nil {
					t.Error(err)
				}
				if l != nil {
					if _, err := os.Lstat(filepath.Join(l.Dir, ".git")); err == nil {
						t.Error("there is a .git")
					}
					l.Release()
				}
				lease(t, s, o.tree("main")).Release()
			}
			if left := onDisk(t, outside); len(left) > 0 {
				t.Errorf("written outside: %q", left)
			}
			if diff := cmp.Diff(before, around(t, s)); diff != "" {
				t.Errorf("written around: %s", diff)
			}
			l, err := s.Load(t.Context(), o.event("hostile", "main"))
			if err != nil {
				wantKind(t, err, checks.KindRefused)
			}
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// around lists what is beneath the data folder outside of worktree files,
// mirrors' objects and the trash.
func around(t *testing.T, s *Source) []string {
	t.Helper()
	var list []string
	for _, glob := range []string{"*", "home/*", "mirrors/*", "mirrors/*/*", "mirrors/*/hooks/*"} {
		found, err := filepath.Glob(filepath.Join(s.opts.Dir, glob))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			if base := filepath.Base(f); base != "worktrees" && base != "gc.log" {
				list = append(list, f)
			}
		}
	}
	return list
}
