package runner_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dudesons/loktar/runner"
)

// folder is the runner.Files of a folder on disk.
type folder struct{ *os.Root }

func openFolder(t testing.TB, dir string) folder {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return folder{root}
}

func (f folder) ReadDir(_ context.Context, name string, _ int) (entries []runner.FileEntry, err error) {
	list, err := fs.ReadDir(f.FS(), name)
	for _, e := range list {
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		entries = append(entries, runner.FileEntry{Name: e.Name(), Mode: info.Mode(), Size: info.Size()})
	}
	slices.Reverse(entries) // any order will do
	return entries, err
}

func (f folder) Open(_ context.Context, name string) (io.ReadCloser, error) { return f.Root.Open(name) }

// listed is a runner.Files that only tells of files: names and sizes.
type listed map[string]int64

func (l listed) ReadDir(_ context.Context, dir string, most int) (entries []runner.FileEntry, err error) {
	folders := map[string]bool{}
	for name, size := range l {
		rest, ok := strings.CutPrefix(name, dir+"/")
		if dir == "." {
			rest, ok = name, true
		}
		elem, _, deeper := strings.Cut(rest, "/")
		switch {
		case !ok || len(entries) == most:
		case !deeper:
			entries = append(entries, runner.FileEntry{Name: elem, Mode: 0o644, Size: size})
		case !folders[elem]:
			folders[elem] = true
			entries = append(entries, runner.FileEntry{Name: elem, Mode: 0o755 | fs.ModeDir})
		}
	}
	return entries, nil
}

func (l listed) Open(_ context.Context, name string) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader(name)), nil
}

// names is a Collect that keeps names.
func names(into *[]string) runner.Collect {
	return func(_ context.Context, name string, _ int64, _ fs.FileMode, _ func() (io.ReadCloser, error)) error {
		*into = append(*into, name)
		return nil
	}
}

func TestCollectFrom(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]fs.FileMode{"b": 0o600, "a/x": 0o4755, "a/y": 0o666, "c/z": 0o644} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte("in "+name), mode); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	n, why, err := runner.CollectFrom(t.Context(), openFolder(t, dir), &runner.Artifacts{
		Globs: []string{"a/", "./b", "b"},
		Collect: func(_ context.Context, name string, size int64, mode fs.FileMode, open func() (io.ReadCloser, error)) error {
			r, err := open()
			if err != nil {
				return err
			}
			defer r.Close()
			text, err := io.ReadAll(r)
			got = append(got, fmt.Sprintf("%s %d %o %s", name, size, mode, text))
			return err
		},
	})
	if n != 3 || why != "" || err != nil {
		t.Errorf("%d, %q, %v", n, why, err)
	}
	if diff := cmp.Diff([]string{"a/x 6 755 in a/x", "a/y 6 644 in a/y", "b 4 644 in b"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestCollectFromRefuses(t *testing.T) {
	many := listed{}
	for i := range 1001 {
		many[fmt.Sprintf("dist/%04d", i)] = 1
	}
	crowd := listed{}
	for i := range 500_001 {
		crowd[fmt.Sprint("f", i)] = 1
	}
	for name, c := range map[string]struct {
		files listed
		globs []string
		words string
	}{
		"many":            {many, []string{"dist/**"}, "`dist/1000` is one file more than the 1000 that a package may have as artifacts (`dist/**`)."},
		"crowded":         {crowd, []string{"*.whl"}, "more than 500000 files where artifacts are looked for (`*.whl`)"},
		"large":           {listed{"a": 1, "b": 10 << 30}, []string{"*"}, "`b` has 10 GiB; with it, the artifacts are larger than the 10 GiB"},
		"sizes wrap":      {listed{"a": 1, "b": 1<<63 - 1}, []string{"*"}, "`b` has"},
		"long name":       {listed{strings.Repeat("x", 513): 1}, []string{"*"}, "at most 512 bytes"},
		"direction":       {listed{"a\u202egpj.exe": 1}, []string{"*"}, "printable"},
		"deep":            {listed{strings.Repeat("0123456789/", 200) + "a": 1}, []string{"**/a"}, "more than 2048 bytes"},
		"bad glob":        {nil, []string{"a["}, "`a[` in `artifacts` cannot be read"},
		"empty glob":      {nil, []string{""}, "empty"},
		"long glob":       {nil, []string{strings.Repeat("a", 5000)}, "longer than 4096"},
		"explosive glob":  {nil, []string{strings.Repeat("{a,b}", 7)}, "more than 64 alternatives"},
		"explosive glob2": {nil, []string{strings.Repeat("{a,{b,{c,d}}}", 20)}, "more than 64 alternatives"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			n, why, err := runner.CollectFrom(t.Context(), c.files, &runner.Artifacts{Globs: c.globs, Collect: names(&got)})
			if n != 0 || err != nil || !strings.Contains(why, c.words) || len(got) > 0 {
				t.Errorf("%d, %q, %v; took %d", n, why, err, len(got))
			}
		})
	}
}

func TestCollectFromFaults(t *testing.T) {
	files := listed{"a": 1, "bb": 9}
	read := func(_ context.Context, _ string, _ int64, _ fs.FileMode, open func() (io.ReadCloser, error)) error {
		r, err := open()
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, r)
		return err
	}
	n, why, err := runner.CollectFrom(t.Context(), files, &runner.Artifacts{Globs: []string{"*"}, Collect: read})
	if n != 0 || why != "" || !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), `"bb"`) {
		t.Errorf("a file that is shorter than it was: %d, %q, %v", n, why, err)
	}
	files["a"] = 0
	if _, _, err = runner.CollectFrom(t.Context(), files, &runner.Artifacts{Globs: []string{"a"}, Collect: read}); err == nil {
		t.Error("a file that is longer than it was is taken")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err = runner.CollectFrom(ctx, files, &runner.Artifacts{Globs: []string{"*"}, Collect: read}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// Looking into no more folders than need be finds what looking into all does.
func TestCollectFromFindsWhatMatches(t *testing.T) {
	elem := rapid.SampledFrom([]string{"a", "b", "ab", "a.x", "dist"})
	globElem := rapid.SampledFrom([]string{"a", "b", "*", "**", "?", "*.x", "[ab]", "{a,b/ab}", "{a,b}*", `\a`, "a**", "dist"})
	rapid.Check(t, func(rt *rapid.T) {
		files := listed{}
		for range rapid.IntRange(0, 12).Draw(rt, "files") {
			files["f-"+strings.Join(rapid.SliceOfN(elem, 1, 4).Draw(rt, "name"), "/")] = 1
			files[strings.Join(rapid.SliceOfN(elem, 1, 3).Draw(rt, "name"), "/")+"/leaf.x"] = 1
			files[strings.Join(rapid.SliceOfN(elem, 1, 3).Draw(rt, "name"), "/")+"/leaf.x"] = 1
		}
		glob := strings.Join(append(rapid.SliceOfN(globElem, 0, 3).Draw(rt, "glob"), rapid.SampledFrom([]string{"*", "leaf.x", "**", "*.x"}).Draw(rt, "last")), "/")
		var want, got []string
		for name := range files {
			if ok, _ := doublestar.Match(glob, name); ok {
				want = append(want, name)
			}
		}
		slices.Sort(want)
		n, why, err := runner.CollectFrom(t.Context(), files, &runner.Artifacts{Globs: []string{glob}, Collect: names(&got)})
		if why != "" || err != nil || n != len(want) || !slices.Equal(got, want) {
			rt.Fatalf("%q in %v: got %v (%q, %v), want %v", glob, files, got, why, err, want)
		}
	})
}

func FuzzCollectFrom(f *testing.F) {
	f.Add("dist/*.whl", "dist/a.whl")
	f.Add("{a,b}/**/[!x]", "a/b/../c")
	f.Add(`\`, "a\x00b")
	f.Fuzz(func(t *testing.T, glob, name string) {
		if len(name) > 4000 || name == "" || path.Clean("/"+name) != "/"+name {
			return
		}
		var got []string
		_, _, err := runner.CollectFrom(t.Context(), listed{name: 1}, &runner.Artifacts{Globs: []string{glob}, Collect: names(&got)})
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range got {
			if g != name || !fs.ValidPath(g) || strings.ContainsFunc(g, func(r rune) bool { return r < ' ' || r == '\\' }) {
				t.Errorf("%q took %q", glob, g)
			}
		}
	})
}
