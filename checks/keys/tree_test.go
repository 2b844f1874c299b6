package keys_test

import (
	"crypto/sha1"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/keys"
)

// files are a repository by path. What starts with "->" is a link to what
// follows, with "@" a submodule, with "!" an executable file.
type files map[string]string

func (f files) clone() files {
	out := files{}
	for p, s := range f {
		out[p] = s
	}
	return out
}

func (f files) mode(p string) keys.Mode {
	switch {
	case strings.HasPrefix(f[p], "->"):
		return "120000"
	case strings.HasPrefix(f[p], "@"):
		return "160000"
	case strings.HasPrefix(f[p], "!"):
		return "100755"
	}
	return "100644"
}

func (f files) paths() []string {
	out := make([]string, 0, len(f))
	for p := range f {
		out = append(out, p)
	}
	slices.Sort(out)
	return out
}

// put puts content at a path, in place of what is above and below it.
func (f files) put(p, content string) {
	for other := range f {
		if strings.HasPrefix(other, p+"/") || strings.HasPrefix(p, other+"/") {
			delete(f, other)
		}
	}
	f[p] = content
}

// links are those that lead somewhere in the repository.
func (f files) links() (out []checks.Link) {
	for _, p := range f.paths() {
		if target, ok := strings.CutPrefix(f[p], "->"); ok && !path.IsAbs(target) {
			if to := path.Join(path.Dir(p), target); to != ".." && !strings.HasPrefix(to, "../") && to != p {
				out = append(out, checks.Link{Path: p, Target: to})
			}
		}
	}
	return out
}

// diff are the paths that differ, in git's order.
func (f files) diff(to files) (out []string) {
	for p, s := range f {
		if now, ok := to[p]; !ok || now != s {
			out = append(out, p)
		}
	}
	for p := range to {
		if _, ok := f[p]; !ok {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}

// tree is a repository as git lists it. It counts what it is asked.
type tree struct {
	sorted  []string
	entries map[string]keys.Entry
	folders map[string][]keys.Entry
	listed  []keys.Entry // of sorted
	asked   struct{ entry, list, files int }
	fail    error
}

func (f files) tree() *tree {
	t := &tree{sorted: f.paths(), entries: map[string]keys.Entry{}, folders: map[string][]keys.Entry{".": {}}}
	add := func(p string, e keys.Entry) {
		e.Name = path.Base(p)
		t.entries[p] = e
		t.folders[path.Dir(p)] = append(t.folders[path.Dir(p)], e)
	}
	var dirs []string
	seen := map[string]bool{".": true}
	for _, p := range t.sorted {
		add(p, keys.Entry{Mode: f.mode(p), OID: oid(f[p])})
		t.listed = append(t.listed, t.entries[p])
		for d := path.Dir(p); !seen[d]; d = path.Dir(d) {
			seen[d] = true
			dirs = append(dirs, d)
		}
	}
	slices.SortFunc(dirs, func(a, b string) int { return strings.Count(b, "/") - strings.Count(a, "/") })
	order := func(d string) {
		slices.SortFunc(t.folders[d], func(a, b keys.Entry) int { return strings.Compare(gitName(a), gitName(b)) })
	}
	for _, d := range dirs { // the deepest first
		order(d)
		add(d, keys.Entry{Mode: keys.ModeFolder, OID: oid(fmt.Sprint(t.folders[d]))})
	}
	order(".")
	return t
}

func gitName(e keys.Entry) string {
	if e.Mode == keys.ModeFolder {
		return e.Name + "/"
	}
	return e.Name
}

func oid(s string) string { return fmt.Sprintf("%x", sha1.Sum([]byte(s))) }

func (t *tree) Entry(p string) (keys.Entry, bool, error) {
	t.asked.entry++
	e, ok := t.entries[p]
	return e, ok, t.fail
}

func (t *tree) List(dir string) ([]keys.Entry, error) {
	t.asked.list++
	return t.folders[dir], t.fail
}

func (t *tree) Files(do func(string, keys.Entry) error) error {
	t.asked.files++
	for i, p := range t.sorted {
		if err := do(p, t.listed[i]); err != nil {
			return err
		}
	}
	return t.fail
}
