package caches

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
)

func contextOf(tb) context.Context { return context.Background() }

// crash is what a process dies of.
type crash struct{}

// model is what jobs see of a store, beside the store.
type model struct {
	t     *rapid.T
	dir   string
	store *Store
	die   int // at the point that is so far ahead; 0 never
	kept  map[string]map[string]string
	jobs  []*modelJob
	n     int
}

type modelJob struct {
	mounted
	from map[string]string // what it saw at first
	adds bool              // it removes nothing
}

func (m *model) open() {
	m.store = open(m.t, m.dir, Options{point: func(string) {
		if m.die > 0 {
			if m.die--; m.die == 0 {
				panic(crash{})
			}
		}
	}})
	m.store.most = 1 // folds come often
}

// dies runs do and reports whether it crashed.
func (m *model) dies(do func()) (dead bool) {
	defer func() {
		switch r := recover(); r {
		case nil:
		case crash{}:
			dead = true
		default:
			panic(r)
		}
	}()
	do()
	return false
}

func (m *model) id(v runner.CacheView, level checks.CacheLevel) string {
	return id(v.Repo, v.Place, level)
}

func (m *model) begin() {
	places := []checks.CachePlace{place, {Key: "venv", Path: "lib/.venv", Inside: true}}
	w := runner.CacheWant{Repo: 1, Place: rapid.SampledFrom(places).Draw(m.t, "place")}
	switch w.Write = rapid.SampledFrom([]checks.CacheLevel{"main", "own", "fork/1", "fork/2"}).Draw(m.t, "level"); {
	case w.Write.Fork():
		w.Reads = []checks.CacheLevel{w.Write, "own", "main"}
	case w.Write == "own":
		w.Reads = []checks.CacheLevel{"own", "main"}
	default:
		w.Reads = []checks.CacheLevel{"main"}
	}
	v := lease(m.t, m.store, w)
	m.n++
	j := &modelJob{mounted: show(m.t, v, filepath.Join(filepath.Dir(m.dir), fmt.Sprintf("mnt%d", m.n))), adds: rapid.Bool().Draw(m.t, "adds alone")}
	j.from = snapshot(m.t, j.dir)
	var best map[string]string
	for _, level := range w.Reads {
		if best = m.kept[m.id(v, level)]; best != nil {
			break
		}
	}
	m.jobs = append(m.jobs, j)
	if got := without(j.from); !maps.Equal(got, without(best)) {
		m.t.Fatalf("a job of %s sees\n%v\nand not\n%v", w.Write, got, best)
	}
}

// without is a snapshot without its root.
func without(m map[string]string) map[string]string {
	out := maps.Clone(m)
	delete(out, ".")
	if out == nil {
		out = map[string]string{}
	}
	return out
}

// work has a job do something.
func (m *model) work(j *modelJob) {
	name := rapid.SampledFrom([]string{"a", "b", "d", "d/a", "d/b", "d/e", "d/e/a"}).Draw(m.t, "name")
	p := filepath.Join(j.dir, name)
	m.n++
	if j.adds {
		_ = os.MkdirAll(filepath.Dir(p), 0o755)
		_ = os.WriteFile(p, fmt.Append(nil, "added ", m.n), 0o644)
		return
	}
	other := filepath.Join(j.dir, rapid.SampledFrom([]string{"a", "b", "d", "d/a", "d/b", "d/e"}).Draw(m.t, "other"))
	// What cannot be done is not.
	switch rapid.IntRange(0, 8).Draw(m.t, "what") {
	case 0:
		_ = os.WriteFile(p, fmt.Append(nil, "written ", m.n), 0o600)
	case 1:
		_ = os.Mkdir(p, 0o750)
	case 2:
		_ = os.RemoveAll(p)
	case 3:
		_ = os.Rename(p, other)
	case 4:
		_ = os.Link(p, other)
	case 5:
		_ = os.Symlink("/etc", p)
	case 6:
		_ = os.Lchown(p, 1000+m.n, 7)
	case 7:
		_ = os.Chmod(p, 0o700|os.ModeSetuid)
	default:
		_ = os.RemoveAll(p)
		_ = os.Mkdir(p, 0o711)
	}
}

// end ends a job, maybe in the middle of which the process dies.
func (m *model) end(i int) {
	j := m.jobs[i]
	m.jobs = slices.Delete(m.jobs, i, i+1)
	after := snapshot(m.t, j.dir)
	j.hide(m.t)
	if rapid.IntRange(0, 4).Draw(m.t, "fails") == 0 {
		m.store.Release(j.CacheView)
		return
	}
	if rapid.IntRange(0, 2).Draw(m.t, "dies") == 0 {
		m.die = rapid.IntRange(1, 20).Draw(m.t, "when")
	}
	key := m.id(j.CacheView, j.Write)
	before := m.kept[key]
	ways := []map[string]string{after}
	changed := false
	for name, now := range after {
		changed = changed || name != "." && j.from[name] != now
	}
	union := maps.Clone(before)
	for name, now := range after {
		if union != nil && j.from[name] != now {
			union[name] = now
		}
	}
	if !j.Place.Inside && union != nil {
		if ways = append(ways, union); j.adds {
			ways = ways[1:]
		}
	}
	if j.adds && !changed {
		ways = nil
	}
	var note string
	dead := m.dies(func() { note = save(m.t, m.store, j.CacheView) })
	m.die = 0
	if dead || note == "nothing new" || note != "saved" && note != "saved for this pull request alone" {
		ways = append(ways, before)
	}
	if dead {
		m.restart()
	}
	m.settle(j, key, ways)
}

// settle learns which of the ways it went.
func (m *model) settle(j *modelJob, key string, ways []map[string]string) {
	w := j.CacheWant
	w.Reads = []checks.CacheLevel{w.Write}
	v := lease(m.t, m.store, w)
	now := show(m.t, v, filepath.Join(filepath.Dir(m.dir), "look"))
	got := snapshot(m.t, now.dir)
	now.hide(m.t)
	m.store.Release(v)
	if v.From == "" {
		got = nil
	}
	delete(m.kept, key)
	if got != nil {
		m.kept[key] = got
	}
	if !slices.ContainsFunc(ways, func(way map[string]string) bool {
		return (way == nil) == (got == nil) && maps.Equal(without(way), without(got))
	}) {
		m.t.Fatalf("it keeps\n%v\nand none of\n%v", got, ways)
	}
}

// restart opens the store anew, as after a crash. Jobs that run go on.
func (m *model) restart() {
	m.store.trash.Wait()
	m.store.lock.Close()
	m.open()
	var wanted []runner.CacheView
	goOn := rapid.Bool().Draw(m.t, "jobs go on")
	for _, j := range m.jobs {
		if goOn {
			wanted = append(wanted, j.CacheView)
		} else {
			j.hide(m.t)
		}
	}
	if !goOn {
		m.jobs = nil
	}
	if lost, err := m.store.Settle(context.Background(), wanted...); err != nil || lost != nil {
		m.t.Fatalf("%v, %v", lost, err)
	}
}

// check holds that the disk has what the store knows of, and no more.
func (m *model) check() {
	m.store.trash.Wait()
	seen := map[string]string{}
	for _, j := range m.jobs {
		now := snapshot(m.t, j.dir)
		seen[j.ID] = now["."]
	}
	for dir, known := range map[string][]string{
		layersDir: slices.Collect(maps.Keys(m.store.layers)), viewsDir: slices.Collect(maps.Keys(m.store.views)), trashDir: nil,
	} {
		names, err := readNames(filepath.Join(m.dir, dir))
		slices.Sort(names)
		slices.Sort(known)
		if err != nil || !slices.Equal(names, known) {
			m.t.Fatalf("%s has %q, the store knows %q (%v)", dir, names, known, err)
		}
	}
	if len(m.store.views) != len(m.jobs) {
		m.t.Fatalf("%d leases of %d jobs", len(m.store.views), len(m.jobs))
	}
	for name, l := range m.store.layers {
		if whiteouts, err := lowest(m.store, name); err != nil || whiteouts {
			m.t.Fatalf("a lowest layer hides something (%v)", err)
		}
		if l.refs < 0 || l.leases < 0 || l.refs+l.leases == 0 {
			m.t.Fatalf("a layer has %+v", *l)
		}
	}
}

// lowest reports whether a layer that is the lowest of a stack hides something.
func lowest(s *Store, name string) (bool, error) {
	for _, e := range s.entries {
		if e.Layers[len(e.Layers)-1].Name != name {
			continue
		}
		hides := false
		err := filepath.WalkDir(s.path(layersDir, name), func(p string, _ os.DirEntry, err error) error {
			var st unix.Stat_t
			if err == nil {
				err = unix.Lstat(p, &st)
			}
			hides = hides || err == nil && st.Mode&unix.S_IFMT == unix.S_IFCHR
			return err
		})
		return hides, err
	}
	return false, nil
}

// TestStoreKeepsWhatJobsLeft holds the store against what the kernel showed to
// jobs that run beside one another, end, fail, and die with the process at any
// point, some going on when it comes back.
func TestStoreKeepsWhatJobsLeft(t *testing.T) {
	needsRoot(t)
	rapid.Check(t, func(r *rapid.T) {
		base, err := os.MkdirTemp("", "loktar-caches-")
		if err != nil {
			r.Fatal(err)
		}
		m := &model{t: r, dir: filepath.Join(base, "caches"), kept: map[string]map[string]string{}}
		defer func() {
			for _, j := range m.jobs {
				_ = unix.Unmount(j.dir, unix.MNT_DETACH)
			}
			_ = unix.Unmount(filepath.Join(base, "look"), unix.MNT_DETACH)
			if err := errors.Join(m.store.Close(), os.RemoveAll(base)); err != nil {
				r.Error(err)
			}
		}()
		m.open()
		if _, err := m.store.Settle(context.Background()); err != nil {
			r.Fatal(err)
		}
		for range rapid.IntRange(1, 40).Draw(r, "steps") {
			switch n := rapid.IntRange(0, 9).Draw(r, "step"); {
			case n < 4 && len(m.jobs) < 4: // one that nobody runs beside
				m.begin()
				last := len(m.jobs) - 1
				for range rapid.IntRange(0, 4).Draw(r, "works") {
					m.work(m.jobs[last])
				}
				m.end(last)
			case n < 6 && len(m.jobs) < 4:
				m.begin()
			case len(m.jobs) == 0:
			case n < 8:
				m.work(rapid.SampledFrom(m.jobs).Draw(r, "job"))
			default:
				m.end(rapid.IntRange(0, len(m.jobs)-1).Draw(r, "job that ends"))
			}
			m.check()
		}
	})
}
