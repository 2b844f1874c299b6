package app

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/store"
	"github.com/dudesons/loktar/store/logs"
)

// TestOldLogs: the logs of a run are compressed once all of it is done, also
// when that was in an earlier process, and go after their days.
func TestOldLogs(t *testing.T) {
	s, err := store.Open(filepath.Join(t.TempDir(), "loktar.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	dir := logs.Dir(t.TempDir())
	o := &oldLogs{keeper: logs.Keeper{Dir: dir}, days: 30, every: time.Hour, store: s, log: zerolog.Nop()}
	long := strings.Repeat("2026-11-22T16:00:00.000000000Z a line\n", 1000)
	seq := uint64(0)
	begin := func(id string, finished time.Time) checks.Run {
		t.Helper()
		seq++
		run := checks.Run{ID: id, Seq: seq, Repo: checks.Repo{ID: 1}, Created: time.Now(), Finished: finished}
		if err := s.Commit(t.Context(), checks.Commit{Runs: []checks.Run{run}}); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.Mkdir(filepath.Join(string(dir), id), 0o700), os.WriteFile(filepath.Join(string(dir), id, "p.log"), []byte(long), 0o600)); err != nil {
			t.Fatal(err)
		}
		return run
	}
	has := func(id, want string) {
		t.Helper()
		entries, err := os.ReadDir(filepath.Join(string(dir), id))
		if want == "" {
			if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s is there: %v, %v", id, entries, err)
			}
			return
		}
		if err != nil || len(entries) != 1 || entries[0].Name() != want {
			t.Errorf("%s: %v, %v; want %s", id, entries, err, want)
		}
		f, err := dir.Open(id, "p")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if text, err := io.ReadAll(f); string(text) != long {
			t.Errorf("%s: another log, %v", id, err)
		}
	}
	live := begin("live", time.Time{})
	begin("done", time.Now())
	begin("early", time.Now().AddDate(0, 0, -29))
	begin("old", time.Now().AddDate(0, 0, -31))
	o.ended("live")
	o.ended("done")
	o.ended("gone")
	o.pack(t.Context())
	has("live", "p.log")
	has("done", "p.log.zst")
	has("early", "p.log")
	live.Finished = time.Now()
	if err := s.Commit(t.Context(), checks.Commit{Runs: []checks.Run{live}}); err != nil {
		t.Fatal(err)
	}
	o.pack(t.Context())
	has("live", "p.log.zst")
	if len(o.waits) > 0 {
		t.Errorf("it waits for %v", o.waits)
	}
	o.sweep(t.Context())
	has("early", "p.log.zst")
	has("old", "")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o.run(ctx) // and returns
}
