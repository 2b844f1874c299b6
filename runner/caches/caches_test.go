package caches

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// keep has a job write files of so many bytes to a cache, and returns the note.
func keep(t *testing.T, s *Store, w runner.CacheWant, name string, size int) string {
	t.Helper()
	v := lease(t, s, w)
	if err := os.WriteFile(filepath.Join(v.Upper, name), bytes.Repeat([]byte{1}, size), 0o600); err != nil {
		t.Fatal(err)
	}
	return save(t, s, v)
}

// levels are what is kept of place, as KEY:LEVEL.
func levels(s *Store) string {
	var all []string
	for _, e := range s.entries {
		all = append(all, e.Place.Key+":"+string(e.Level))
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func of(key string, level checks.CacheLevel) runner.CacheWant {
	w := want(level)
	w.Place.Key = key
	return w
}

func TestBounds(t *testing.T) {
	needsRoot(t)
	now := time.Unix(1e9, 0)
	s := settled(t, t.TempDir(), Options{MaxBytes: 8 << 20, Keep: time.Hour, now: func() time.Time { return now }})
	defer s.Close()
	step := func(key string, level checks.CacheLevel, size int, want string) {
		t.Helper()
		now = now.Add(time.Minute)
		note := keep(t, s, of(key, level), key, size)
		if !strings.HasPrefix(note, "saved") && size <= 2<<20 {
			t.Errorf("%s: %s", key, note)
		}
		if got := levels(s); got != want {
			t.Errorf("after %s: %s, want %s", key, got, want)
		}
	}
	const mb = 1 << 20
	step("a", "main", 2*mb, "a:main")
	step("b", "own", 2*mb, "a:main b:own")
	step("big", "own", 2*mb+5000, "a:main b:own")
	// Forks have a quarter together, and put nobody else out.
	step("f", "fork/1", mb, "a:main b:own f:fork/1")
	step("g", "fork/2", mb, "a:main b:own f:fork/1 g:fork/2")
	step("h", "fork/2", mb/2, "a:main b:own g:fork/2 h:fork/2")
	// What is read counts as used; what is in use stays.
	v := lease(t, s, of("a", "main"))
	s.Release(v)
	held := lease(t, s, of("g", "fork/2"))
	step("c", "own", 2*mb, "a:main b:own c:own g:fork/2 h:fork/2")
	step("d", "main", 2*mb, "a:main c:own d:main g:fork/2 h:fork/2")
	s.Release(held)
	now = now.Add(58*time.Minute + 30*time.Second)
	s.Sweep()
	if got := levels(s); got != "c:own d:main" {
		t.Errorf("after an hour: %s", got)
	}
	other := of("c", "main")
	other.Repo = 2
	keep(t, s, other, "x", 1)
	if err := s.Forget(1); err != nil || levels(s) != "c:main" {
		t.Errorf("%v: %s", err, levels(s))
	}
}

// TestForkSharesWhatItRead: what a fork keeps costs what it wrote.
func TestForkSharesWhatItRead(t *testing.T) {
	needsRoot(t)
	s := settled(t, t.TempDir(), Options{MaxBytes: 16 << 20})
	defer s.Close()
	keep(t, s, want("own"), "a", 3<<20)
	keep(t, s, want("fork/1", "own"), "b", 1<<20)
	if got := s.forks(); got < 1<<20 || got > 1<<20+8192 {
		t.Errorf("forks have %d bytes", got)
	}
	if got := s.usage(nil); got < 4<<20 || got > 4<<20+8192 {
		t.Errorf("all have %d bytes", got)
	}
	keep(t, s, want("own"), "c", 1<<20)
	v := lease(t, s, want("fork/1", "own"))
	m := show(t, v, filepath.Join(t.TempDir(), "mnt"))
	got := slices.Sorted(maps.Keys(snapshot(t, m.dir)))
	m.hide(t)
	s.Release(v)
	if !slices.Equal(got, []string{".", "a", "b"}) {
		t.Errorf("the fork sees %q", got)
	}
}

// TestReboot: what may not have come to the disk before the machine went down
// does not count; what did does.
func TestReboot(t *testing.T) {
	needsRoot(t)
	for _, lost := range []bool{false, true} {
		dir := t.TempDir()
		s := settled(t, dir, Options{})
		keep(t, s, want("main"), "a", 1)
		if lost {
			s.trash.Wait()
			s.lock.Close()
		} else if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "boot"), []byte("another"), 0o600); err != nil {
			t.Fatal(err)
		}
		s = settled(t, dir, Options{})
		if got := levels(s); (got == "") != lost {
			t.Errorf("lost %v: it has %q", lost, got)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOneProcessHasIt(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	defer s.Close()
	if _, err := Open(t.Context(), dir, Options{}); checks.KindOf(err) != checks.KindUnavailable {
		t.Errorf("a second one has it: %v", err)
	}
}

// TestDisk: whatever stands on the disk, the store opens and has what is whole.
func TestDisk(t *testing.T) {
	needsRoot(t)
	dir := t.TempDir()
	s := settled(t, dir, Options{})
	keep(t, s, of("whole", "main"), "a", 1)
	keep(t, s, of("gone", "main"), "a", 1)
	keep(t, s, of("cut", "main"), "a", 1)
	keep(t, s, of("moved", "main"), "a", 1)
	outside := filepath.Join(dir, "outside")
	if err := os.WriteFile(outside, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for key, e := range s.entries {
		path := s.path(entriesDir, key+".json")
		var err error
		switch e.Place.Key {
		case "gone":
			err = os.RemoveAll(s.path(layersDir, e.Layers[0].Name))
		case "cut":
			err = os.Truncate(path, 20)
		case "moved":
			e.Layers[0].Name = "../outside"
			text, _ := json.Marshal(e)
			err = os.WriteFile(path, text, 0o600)
			e.Layers[0].Name = "outside"
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s.trash.Wait()
	s.lock.Close()
	for _, name := range []string{"entries/x.json", "entries/y.tmp", "layers/none/x", "views/none/upper/x", "trash/x/y"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s = settled(t, dir, Options{})
	if got := levels(s); got != "whole:main" {
		t.Errorf("it has %q", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for sub, want := range map[string]int{entriesDir: 1, layersDir: 1, viewsDir: 0, trashDir: 0} {
		if names, err := readNames(filepath.Join(dir, sub)); err != nil || len(names) != want {
			t.Errorf("%s has %q, %v", sub, names, err)
		}
	}
	if _, err := os.Stat(outside); err != nil {
		t.Error(err)
	}
}

// TestSettleKeepsWhatIsWanted: the view of a job that goes on is there, and what
// it reads, though another took its place meanwhile.
func TestSettleKeepsWhatIsWanted(t *testing.T) {
	needsRoot(t)
	dir := t.TempDir()
	s := settled(t, dir, Options{})
	inside := want("own")
	inside.Place.Inside, inside.Place.Path = true, "venv"
	keep(t, s, inside, "base", 1)
	v, dropped := lease(t, s, inside), lease(t, s, inside)
	m := show(t, v, filepath.Join(t.TempDir(), "mnt"))
	keep(t, s, inside, "newer", 1)
	if err := s.Forget(1); err != nil {
		t.Fatal(err)
	}
	s.trash.Wait()
	s.lock.Close()

	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var back runner.CacheView
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, Options{})
	defer s.Close()
	if _, err := s.Lease(t.Context(), inside); err == nil {
		t.Error("it was leased before it settled")
	}
	odd := back
	odd.ID = "../views"
	away := dropped
	away.Lower = []string{s.path(layersDir, "none")}
	lost, err := s.Settle(t.Context(), back, odd, away)
	if err != nil || !slices.Equal(lost, []string{"../views", away.ID}) {
		t.Errorf("lost %q, %v", lost, err)
	}
	if err := os.WriteFile(filepath.Join(m.dir, "late"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	m.hide(t)
	if note := save(t, s, back); note != "saved" {
		t.Error(note)
	}
	v = lease(t, s, inside)
	m = show(t, v, m.dir)
	defer s.Release(v)
	defer m.hide(t)
	if got := slices.Sorted(maps.Keys(snapshot(t, m.dir))); !slices.Equal(got, []string{".", "base", "late"}) {
		t.Errorf("it has %q", got)
	}
	if _, err := s.Save(t.Context(), away); err == nil {
		t.Error("what is lost was saved")
	}
}

// TestTooMuch: what would take others' files or time is not kept.
func TestTooMuch(t *testing.T) {
	needsRoot(t)
	s := settled(t, t.TempDir(), Options{})
	defer s.Close()
	v := lease(t, s, want("own"))
	fd, err := unix.Open(v.Upper, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	for i := 0; i < 5000 && err == nil; i++ {
		if err = unix.Mkdirat(fd, "d", 0o700); err == nil {
			var next int
			next, err = unix.Openat(fd, "d", unix.O_RDONLY|unix.O_DIRECTORY, 0)
			unix.Close(fd)
			fd = next
		}
	}
	unix.Close(fd)
	if err != nil {
		t.Fatal(err)
	}
	if note := save(t, s, v); note != "not saved, as it has more than 256 folders one in another" {
		t.Error(note)
	}
}

// TestWithoutTheRights says so once, and keeps nothing.
func TestWithoutTheRights(t *testing.T) {
	var log bytes.Buffer
	s, err := Open(zerolog.New(&log).WithContext(t.Context()), t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.cannot = checks.Errorf(checks.KindConfig, nil, "No.")
	if _, err := s.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lease(t.Context(), want("own")); checks.PublicText(err, "") != "No." {
		t.Errorf("%v", err)
	}
}
