package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dudesons/loktar/app"
	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner/docker/dockertest"
)

// TestAFullDiskUnderTheServer fills the disk of data_dir, by its bytes and by
// its inodes, while jobs run, has more asked for, kills the server and starts
// it there. Once there is room all ends as its code deserves.
func TestAFullDiskUnderTheServer(t *testing.T) {
	if file := os.Getenv(envCrash); file != "" {
		app.Hasten()
		crashingServer(t, file, func(s *app.Server, _ func(string)) { app.HastenServer(s) })
		return
	}
	dockertest.Engine(t)
	for name, fill := range map[string]func(testing.TB, string) func(){"bytes": dockertest.Fill, "inodes": dockertest.FillInodes} {
		t.Run(name, func(t *testing.T) {
			w := newFullWorld(t)
			first := w.open("first")
			w.ends("a disk with room", first)

			running := w.open("running")
			w.hub.Await("a job to run", func(v *minihub.View) bool {
				c, ok := v.CheckRun("acme/pets", running, "slow")
				return ok && c.Status == "in_progress"
			})
			free := fill(t, w.data)
			w.readiness(http.StatusServiceUnavailable, "free some space where data_dir is", "jobs wait")
			later := w.open("later")
			w.waits(running)

			// The server dies there, and another begins there.
			w.child.kill()
			w.start()
			w.readiness(http.StatusServiceUnavailable, "free some space where data_dir is", "jobs wait")
			after := w.open("after")
			w.waits(running)
			w.accepted()
			free()
			for what, head := range map[string]string{"what ran": running, "what came": later, "what came to the second": after} {
				w.ends(what, head)
			}
			w.readiness(http.StatusOK, "ready")
			w.ends("a disk that has room again", w.open("last"))
			w.child.end()
			wantNoneLeft(t, w.data)
			w.told()
		})
	}
}

// fullWorld is a hub and a server whose data_dir is on a small disk.
type fullWorld struct {
	*jobsWorld
	log string
}

func newFullWorld(t *testing.T) *fullWorld {
	disk := dockertest.Disk(t, 192<<20)
	dir := t.TempDir()
	w := &fullWorld{&jobsWorld{t: t, hub: minihubtest.Start(t), data: filepath.Join(disk, "data"), config: filepath.Join(dir, "loktar.yml")}, filepath.Join(dir, "log")}
	text := fmt.Sprintf("listen: 127.0.0.1:0\ndata_dir: %s\ngithub: {url: %q, app_id: %d, private_key_file: %s, webhook_secret: secret, writes_per_minute: 10000, writes_per_hour: 100000}\n"+
		"runner: {slots: 2, image: %q}\ngit: {min_free: 0}\n", w.data, w.hub.URL(), w.hub.App().ID(), w.hub.KeyFile(), dockertest.Image(t))
	if err := os.WriteFile(w.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("LOKTAR_TEST_CRASH_LOG", w.log)
	t.Cleanup(func() {
		if t.Failed() {
			text, _ := os.ReadFile(w.log)
			t.Logf("the log:\n%s", text)
		}
	})
	files := map[string]string{"loktar.json": `{"packages": [
		{"pkg_name": "lib"}, {"pkg_name": "kept", "artifacts": ["out/*"]}, {"pkg_name": "nothing", "test_type": "no-test"},
		{"pkg_name": "red"}, {"pkg_name": "slow"}]}`}
	for _, name := range fullNames[:4] {
		files[name+"/Makefile"] = "ci:\n\t@mkdir -p out; echo $@ >out/x\nclean:\n"
	}
	files["red/Makefile"] = "ci:\n\t@exit 3\nclean:\n"
	files["slow/Makefile"] = "ci:\n\t@i=0; while [ $$i -lt 100 ]; do sleep 0.05; echo line $$i of what is long enough to fill a block; i=$$((i+1)); done\nclean:\n"
	w.repo = w.hub.Repo("acme", "pets", files)
	w.start()
	return w
}

var fullNames = []string{"lib", "kept", "nothing", "red", "slow"}

func (w *fullWorld) start() {
	w.child = startChild(w.t, "TestAFullDiskUnderTheServer", w.config)
	w.hub.App().SetWebhook(w.child.url+"/webhook", "secret")
}

// open opens a pull request that has all packages tested.
func (w *fullWorld) open(branch string) (head string) {
	files := map[string]string{}
	for _, name := range fullNames {
		files[name+"/change"] = branch
	}
	head = w.hub.Commit(w.repo, minihub.Commit{Branch: branch, From: "main", Files: files})
	w.hub.Open(w.repo, minihub.NewPull{Title: branch, Head: branch})
	return head
}

// waits waits until all checks of a pull request say that they wait for room.
func (w *fullWorld) waits(head string) {
	w.t.Helper()
	w.hub.Await("the jobs to wait for room", func(v *minihub.View) bool {
		for _, name := range fullNames {
			c, ok := v.CheckRun("acme/pets", head, name)
			if !ok || c.Status != "queued" || c.Title != "Waiting for room on the server's disk" {
				return false
			}
		}
		return true
	})
}

// accepted waits until all that GitHub told was taken, and not refused before.
func (w *fullWorld) accepted() {
	w.t.Helper()
	w.hub.Await("the deliveries to be taken", func(v *minihub.View) bool {
		for _, d := range v.Deliveries() {
			if !d.Done {
				return false
			}
			if d.Status != "OK" && d.StatusCode != http.StatusBadGateway { // nobody was there
				w.t.Errorf("%s.%s: %s", d.Event, d.Action, d.Status)
			}
		}
		return true
	})
}

// ends waits for the end of a pull request's checks, which is to be that of
// their code.
func (w *fullWorld) ends(what, head string) {
	w.t.Helper()
	names := append([]string{checks.AggregateName}, fullNames...)
	w.hub.Await("the end of "+what, func(v *minihub.View) bool {
		for _, name := range names {
			if c, ok := v.CheckRun("acme/pets", head, name); !ok || c.Status != "completed" {
				return false
			}
		}
		return true
	})
	all := w.hub.CheckRuns("acme/pets", head)
	if len(all) != len(names) {
		w.t.Errorf("%s has %d check runs, want one for each of %q", what, len(all), names)
	}
	for _, c := range all {
		want := "success"
		if c.Name == "red" || c.Name == checks.AggregateName {
			want = "failure"
		}
		if c.Conclusion != want {
			w.t.Errorf("%s: %s is %s: %s\n%s", what, c.Name, c.Conclusion, c.Title, c.Summary)
		}
	}
}

// readiness waits until GET /readyz answers so.
func (w *fullWorld) readiness(status int, words ...string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), minihubtest.Patience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		got, body := ask(w.t, w.child.url+"/readyz")
		missing := false
		for _, word := range words {
			missing = missing || !strings.Contains(body, word)
		}
		if got == status && !missing {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			w.t.Fatalf("readyz is %d %s, want %d and %q", got, body, status, words)
		}
	}
}

// told holds what the servers logged: the operator is told of the disk, and
// not again and again.
func (w *fullWorld) told() {
	text, err := os.ReadFile(w.log)
	if err != nil {
		w.t.Fatal(err)
	}
	count := map[string]int{}
	for line := range strings.Lines(string(text)) {
		var l struct{ Level, Message, Error string }
		if json.Unmarshal([]byte(line), &l) == nil && (l.Level == "warn" || l.Level == "error") {
			count[l.Message]++
			w.t.Log(strings.TrimSpace(line))
		}
	}
}
