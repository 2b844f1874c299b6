package app_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dudesons/loktar/app"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/store"
	"github.com/dudesons/loktar/store/logs"
)

// TestLogsSurviveDeath kills a server at each of logs.Steps and at random
// moments while it compresses logs and removes those whose time is over.
// Whenever that is, each log reads as it was written, from the file and from
// the server; once it is left alone each is there once and nothing else is.
func TestLogsSurviveDeath(t *testing.T) {
	if file := os.Getenv(envCrash); file != "" {
		crashingServer(t, file, func(s *app.Server, _ func(string)) { app.HastenLogs(s) })
		return
	}
	t.Parallel()
	const deaths = 30
	seed := uint64(time.Now().UnixNano())
	t.Logf("the moments are those of seed %d", seed)
	w := &logsWorld{t: t, hub: minihubtest.Start(t), data: t.TempDir(), random: rand.New(rand.NewPCG(seed, 0)), kept: map[string][]byte{}}
	w.config = filepath.Join(t.TempDir(), "loktar.yml")
	text := fmt.Sprintf("listen: 127.0.0.1:0\ndata_dir: %s\ngithub: {url: %q, app_id: %d, private_key_file: %s, webhook_secret: secret}\nlogs: {keep: %d}\n",
		w.data, w.hub.URL(), w.hub.App().ID(), w.hub.KeyFile(), logsDays)
	if err := os.WriteFile(w.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, step := range logs.Steps {
		w.addRuns()
		c := startChild(t, "TestLogsSurviveDeath", w.config, step)
		c.died("at the step " + step)
		w.whole(w.last())
	}
	within := 0
	for range deaths {
		w.addRuns()
		c := startChild(t, "TestLogsSurviveDeath", w.config)
		stop := time.After(time.Duration(w.random.Int64N(int64(time.Second))))
		for dead := false; !dead; {
			select {
			case <-stop:
				dead = true
			default:
				w.served(c)
			}
		}
		c.kill()
		if half, err := filepath.Glob(filepath.Join(w.data, "logs", "*", "*.tmp")); err == nil && len(half) > 0 {
			within++
		}
		w.whole(w.last())
	}
	c := startChild(t, "TestLogsSurviveDeath", w.config)
	w.settled()
	for range w.kept {
		w.served(c)
	}
	c.end()
	w.whole(slices.Collect(maps.Keys(w.kept)))
	t.Logf("%d deaths, %d logs; %d of the moments at random were within a compression", len(logs.Steps)+deaths, len(w.kept), within)
}

// logsWorld is the folder of a server that dies, and what has to be in it.
type logsWorld struct {
	t      *testing.T
	hub    *minihubtest.Hub
	data   string
	config string
	random *rand.Rand
	runs   uint64
	kept   map[string][]byte // logs by RUN/PACKAGE
	names  []string          // the keys of kept, oldest first
	over   []string          // runs whose time is over
}

const (
	logsDays  = 30
	logsLarge = 2 << 20
)

// addRuns adds one run whose logs are kept and one whose time is over.
func (w *logsWorld) addRuns() {
	w.t.Helper()
	s, err := store.Open(filepath.Join(w.data, "loktar.db"), store.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	defer s.Close()
	for _, age := range []int{1, logsDays + 1} {
		w.runs++
		finished := time.Now().AddDate(0, 0, -age)
		run := checks.Run{ID: fmt.Sprintf("RUN%d", w.runs), Seq: w.runs, Repo: checks.Repo{ID: 7, Owner: "acme", Name: "pets"}, Created: finished, Finished: finished}
		c := checks.Commit{Runs: []checks.Run{run}}
		for i, name := range []string{"large", "lib / publish", "small"} {
			c.Jobs = append(c.Jobs, checks.Job{Run: run.ID, Package: checks.Package{Name: name}, Index: i, State: checks.StateDone, Started: finished, Finished: finished})
			size := []int{w.random.IntN(logsLarge), 100 << 10, 100}[i]
			w.write(run.ID, name, size, age < logsDays)
		}
		if err := s.Commit(w.t.Context(), c); err != nil {
			w.t.Fatal(err)
		}
		if age > logsDays {
			w.over = append(w.over, run.ID)
		}
	}
}

func (w *logsWorld) write(run, name string, size int, kept bool) {
	var b bytes.Buffer
	for b.Len() < size {
		fmt.Fprintf(&b, "2026-11-22T16:00:00.000000000Z %s %s prints %x\n", run, name, w.random.Uint64())
	}
	dir := filepath.Join(w.data, "logs", run)
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, url.PathEscape(name)+".log"), b.Bytes(), 0o600)); err != nil {
		w.t.Fatal(err)
	}
	if kept {
		w.kept[run+"/"+name], w.names = b.Bytes(), append(w.names, run+"/"+name)
	}
}

// served reads one of the logs from the server, whole or from a place on.
func (w *logsWorld) served(c *child) {
	for key, want := range w.kept { // the first of any order
		run, name, _ := strings.Cut(key, "/")
		address := c.url + "/runs/" + run + "/" + url.PathEscape(name) + "/log"
		req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, address, nil)
		if err != nil {
			w.t.Fatal(err)
		}
		at := w.random.IntN(len(want))
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", at))
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			w.t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusPartialContent || !bytes.Equal(got, want[at:]) {
			w.t.Errorf("%s from %d on: %s, %d of %d bytes, %v", address, at, res.Status, len(got), len(want)-at, err)
		}
		return
	}
}

// last are the logs that were being compressed, or were just before.
func (w *logsWorld) last() []string { return w.names[max(0, len(w.names)-12):] }

// whole reads logs that are kept, as they are in the folder.
func (w *logsWorld) whole(keys []string) {
	w.t.Helper()
	dir := logs.Dir(filepath.Join(w.data, "logs"))
	for _, key := range keys {
		want := w.kept[key]
		run, name, _ := strings.Cut(key, "/")
		f, err := dir.Open(run, name)
		if err != nil {
			w.t.Errorf("%s: %v", key, err)
			continue
		}
		if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, want) {
			w.t.Errorf("%s has %d bytes, want %d: %v", key, len(got), len(want), err)
		}
		f.Close()
	}
}

// settled waits until each log that is kept is there once, compressed where
// that frees room, and nothing else is.
func (w *logsWorld) settled() {
	w.t.Helper()
	want := map[string]bool{}
	for key, text := range w.kept {
		run, name, _ := strings.Cut(key, "/")
		suffix := ".log"
		if len(text) > 4<<10 {
			suffix = ".log.zst"
		}
		want[filepath.Join(run, url.PathEscape(name)+suffix)] = true
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(minihubtest.Patience); ; {
		var wrong []string
		seen := 0
		err := filepath.WalkDir(filepath.Join(w.data, "logs"), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			name, _ := filepath.Rel(filepath.Join(w.data, "logs"), path)
			if seen++; !want[name] {
				wrong = append(wrong, name)
			}
			return nil
		})
		for _, run := range w.over {
			if _, err := os.Stat(filepath.Join(w.data, "logs", run)); !errors.Is(err, fs.ErrNotExist) {
				wrong = append(wrong, run)
			}
		}
		if err == nil && len(wrong) == 0 && seen == len(want) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			w.t.Fatalf("%d files, want %d; %v should not be there: %v", seen, len(want), wrong, err)
		}
	}
}
