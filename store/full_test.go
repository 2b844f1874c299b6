package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner/docker/dockertest"
	"github.com/dudesons/loktar/store"
)

// TestAFullDisk has others fill the disk: the store goes on with the room that
// it set aside, then refuses and says why, and goes on once there is room. It
// opens on the full disk too, with all that it accepted.
func TestAFullDisk(t *testing.T) {
	dir := dockertest.Disk(t, 64<<20)
	path := filepath.Join(dir, "loktar.db")
	s := open(t, dir, store.Options{})
	free := dockertest.Fill(t, dir)
	text := strings.Repeat("x", 2<<10)
	n, given := 0, 0
	// accept hands in some events at once, and counts those that are taken.
	accept := func(s *store.Store, some int) (failed error) {
		errs := make(chan error)
		for range some {
			given++
			go func(guid string) {
				_, err := s.Accept(t.Context(), checks.Event{Delivery: guid, Kind: checks.EventPush, Name: text})
				errs <- err
			}(fmt.Sprint(given))
		}
		for range some {
			if err := <-errs; err != nil {
				failed = err
			} else {
				n++
			}
		}
		return failed
	}
	var err error
	for _, some := range []int{100, 1} {
		for err = nil; err == nil && n < 100_000; {
			err = accept(s, some)
		}
	}
	if n < 2000 {
		t.Errorf("the room that was set aside is good for %d events", n)
	}
	if checks.CauseOf(err) != checks.CauseDiskFull || !strings.Contains(checks.PublicText(err, ""), "data_dir") {
		t.Fatalf("after %d events: %v", n, err)
	}
	if err := s.Writable(t.Context()); checks.CauseOf(err) != checks.CauseDiskFull {
		t.Errorf("the store says that it can be written: %v", err)
	}
	held := func(s *store.Store) {
		t.Helper()
		all, err := s.Pending(100_000)
		if err != nil || len(all) != n {
			t.Errorf("%d events, %v; want the %d that were accepted", len(all), err, n)
		}
	}
	held(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mustCheck(t, path)

	s = open(t, dir, store.Options{})
	held(s)
	if err := accept(s, 100); checks.CauseOf(err) != checks.CauseDiskFull {
		t.Errorf("another event on the full disk: %v", err)
	}
	free()
	if err := accept(s, 100); err != nil {
		t.Error(err)
	}
	if err := s.Writable(t.Context()); err != nil {
		t.Error(err)
	}
	held(s)
}

// TestANewStoreOnAFullDisk leaves no half of a file that is in the way later.
func TestANewStoreOnAFullDisk(t *testing.T) {
	for name, fill := range map[string]func(testing.TB, string) func(){
		"bytes": dockertest.Fill, "inodes": dockertest.FillInodes,
		"all but a few bytes": func(t testing.TB, dir string) func() {
			few := filepath.Join(dir, "few")
			if err := os.WriteFile(few, make([]byte, 8<<10), 0o600); err != nil {
				t.Fatal(err)
			}
			free := dockertest.Fill(t, dir)
			if err := os.Remove(few); err != nil {
				t.Fatal(err)
			}
			return free
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := dockertest.Disk(t, 32<<20, "-N", "512")
			free := fill(t, dir)
			path := filepath.Join(dir, "loktar.db")
			s, err := store.Open(path, store.Options{})
			if err == nil {
				t.Fatal("a store was made", s.Close())
			}
			if checks.CauseOf(err) != checks.CauseDiskFull || !strings.Contains(err.Error(), "The disk of "+dir+" is full. Free some space there") {
				t.Error(err)
			}
			free()
			open(t, dir, store.Options{})
		})
	}
}
