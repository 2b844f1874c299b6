package caches

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
)

// tb is what testing.T and rapid.T have in common here.
type tb interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// needsRoot skips where no overlay can be mounted.
func needsRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root mounts an overlay")
	}
}

// mounted is a view as the kernel shows it to a job.
type mounted struct {
	runner.CacheView
	dir string
}

func show(t tb, v runner.CacheView, dir string) mounted {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	o := fmt.Sprintf("redirect_dir=off,metacopy=off,index=off,lowerdir=%s,upperdir=%s,workdir=%s", strings.Join(v.Lower, ":"), v.Upper, v.Work)
	if err := unix.Mount("overlay", dir, "overlay", unix.MS_NODEV|unix.MS_NOSUID, o); err != nil {
		t.Fatalf("mount: %v (%s)", err, o)
	}
	return mounted{v, dir}
}

func (m mounted) hide(t tb) {
	t.Helper()
	if err := unix.Unmount(m.dir, 0); err != nil {
		t.Fatal(err)
	}
}

// snapshot is all that a folder shows: mode, owner and content by name.
func snapshot(t tb, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(p, &st); err != nil {
			return err
		}
		text := ""
		switch {
		case d.Type()&fs.ModeSymlink != 0:
			text, err = os.Readlink(p)
		case d.Type().IsRegular():
			var b []byte
			b, err = os.ReadFile(p)
			text = string(b)
		}
		rel, _ := filepath.Rel(dir, p)
		out[rel] = fmt.Sprintf("%o %d:%d %s", st.Mode, st.Uid, st.Gid, text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var place = checks.CachePlace{Key: "pip", Path: "/root/.cache/pip"}

func want(level checks.CacheLevel, reads ...checks.CacheLevel) runner.CacheWant {
	return runner.CacheWant{Repo: 1, Place: place, Reads: append([]checks.CacheLevel{level}, reads...), Write: level}
}

func open(t tb, dir string, o Options) *Store {
	t.Helper()
	s, err := Open(contextOf(t), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func settled(t tb, dir string, o Options) *Store {
	t.Helper()
	s := open(t, dir, o)
	if lost, err := s.Settle(contextOf(t)); err != nil || lost != nil {
		t.Fatalf("%v, %v", lost, err)
	}
	return s
}

func lease(t tb, s *Store, w runner.CacheWant) runner.CacheView {
	t.Helper()
	v, err := s.Lease(contextOf(t), w)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func save(t tb, s *Store, v runner.CacheView) string {
	t.Helper()
	note, err := s.Save(contextOf(t), v)
	if err != nil {
		t.Fatal(err)
	}
	return note
}
