package app_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/dudesons/loktar/app"
	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner/disk"
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
	for name, fill := range map[string]func(testing.TB, string) func(){
		"bytes": dockertest.Fill, "inodes": dockertest.FillInodes,
		// There is enough to plan, and too little to run.
		"nearly": func(t testing.TB, dir string) func() { return fillBut(t, dir, disk.LittleBytes/2) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newFullWorld(t)
			w.ends("a disk with room", w.open("first"))

			running := w.open("running")
			w.hub.Await("a job to run", func(v *minihub.View) bool {
				c, ok := v.CheckRun("acme/pets", running, "slow")
				return ok && c.Status == "in_progress"
			})
			free := fill(t, w.data)
			w.readiness(http.StatusServiceUnavailable, "free some space where data_dir is", "jobs wait")
			later := w.open("later")
			w.waits(running, true)
			if name == "nearly" {
				w.waits(later, false)
			}

			// The server dies there, and another begins there.
			w.child.kill()
			w.start()
			w.readiness(http.StatusServiceUnavailable, "free some space where data_dir is", "jobs wait")
			after := w.open("after")
			w.waits(running, true)
			if name == "nearly" {
				w.waits(later, false)
				w.waits(after, false)
			}
			w.accepted()
			free()
			for what, head := range map[string]string{"what ran": running, "what came": later, "what came to the second": after} {
				w.ends(what, head)
			}
			w.readiness(http.StatusOK, "ready")
			w.ends("a disk that has room again", w.open("last"))
			w.child.end()
			wantNoneLeft(t, w.data)
			w.told(2)
		})
	}
}

// TestANewServerOnAFullDisk is told what to do, and does it.
func TestANewServerOnAFullDisk(t *testing.T) {
	for name, fill := range map[string]func(testing.TB, string) func(){"bytes": dockertest.Fill, "inodes": dockertest.FillInodes} {
		t.Run(name, func(t *testing.T) {
			at := dockertest.Disk(t, 64<<20, "-N", "512")
			cfg := config(t, "LOKTAR_DATA_DIR="+at)
			free := fill(t, at)
			if s, err := app.New(t.Context(), cfg, zerolog.Nop(), "test"); err == nil || s != nil || !strings.Contains(err.Error(), "The disk of "+at+" is full. Free some space there, and start Loktar again.") {
				t.Errorf("New = %v, %v", s, err)
			}
			free()
			start(t, cfg)
		})
	}
}

// fillBut is dockertest.Fill that leaves so many bytes.
func fillBut(t testing.TB, dir string, left int) (free func()) {
	name := filepath.Join(dir, ".left")
	if err := os.WriteFile(name, make([]byte, left), 0o600); err != nil {
		t.Fatal(err)
	}
	free = dockertest.Fill(t, dir)
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	return free
}

// TestWhatAFullDiskRefusedComesLater takes away also the room that the store set
// aside: a delivery that cannot be kept fails at GitHub, and is asked for again
// once it can be kept, by the same server.
func TestWhatAFullDiskRefusedComesLater(t *testing.T) {
	dockertest.Engine(t)
	w := newFullWorld(t)
	w.ends("a disk with room", w.open("first"))
	free := w.fillStore()
	var heads []string
	for refused := false; !refused; {
		if len(heads) == 50 {
			t.Fatal("the store takes all")
		}
		heads = append(heads, w.open(fmt.Sprint("topic-", len(heads)), "nothing"))
		w.hub.Await("the deliveries", func(v *minihub.View) bool {
			for _, d := range v.Deliveries() {
				if !d.Done {
					return false
				}
				refused = refused || d.Event == "pull_request" && d.StatusCode == http.StatusServiceUnavailable
			}
			return true
		})
	}
	t.Logf("%d pull requests until one was refused", len(heads))
	w.readiness(http.StatusServiceUnavailable, "Loktar cannot save anything", "asked for again later")
	free()
	for i, head := range heads {
		w.ends(fmt.Sprint("pull request ", i), head, "nothing")
	}
	w.readiness(http.StatusOK, "ready")
	w.child.end()
	wantNoneLeft(t, w.data)
	w.told(1)
}

// fillStore fills the disk, and leaves the store next to nothing.
func (w *fullWorld) fillStore() (free func()) {
	w.t.Helper()
	stop := func(s syscall.Signal) {
		if err := w.child.cmd.Process.Signal(s); err != nil {
			w.t.Fatal(err)
		}
	}
	stop(syscall.SIGSTOP)
	defer stop(syscall.SIGCONT)
	f, err := os.OpenFile(filepath.Join(w.data, "loktar.db"), os.O_RDWR, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	used := int64(0)
	page := int64(os.Getpagesize())
	for i := range int64(2) { // the two meta pages of bbolt, which tell how many are used
		var pages [8]byte
		if _, err := f.ReadAt(pages[:], i*page+56); err != nil {
			w.t.Fatal(err)
		}
		used = max(used, int64(binary.NativeEndian.Uint64(pages[:]))*page)
	}
	used += 8 * page // a transaction may be under way
	if err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, used, 1<<30); err != nil {
		w.t.Fatal(err)
	}
	return dockertest.Fill(w.t, w.data)
}

// fullWorld is a hub and a server whose data_dir is on a small disk.
type fullWorld struct {
	*jobsWorld
	log string
}

func newFullWorld(t *testing.T) *fullWorld {
	dir := t.TempDir()
	w := &fullWorld{&jobsWorld{t: t, hub: minihubtest.Start(t), data: filepath.Join(dockertest.Disk(t, 192<<20, "-N", "4096"), "data"), config: filepath.Join(dir, "loktar.yml")}, filepath.Join(dir, "log")}
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
	w.child = startChild(w.t, "TestAFullDiskUnderTheServer", w.config) // which serves for all
	w.hub.App().SetWebhook(w.child.url+"/webhook", "secret")
}

// open opens a pull request that changes packages; all where none is named.
func (w *fullWorld) open(branch string, names ...string) (head string) {
	files := map[string]string{}
	if len(names) == 0 {
		names = fullNames
	}
	for _, name := range names {
		files[name+"/change"] = branch
	}
	head = w.hub.Commit(w.repo, minihub.Commit{Branch: branch, From: "main", Files: files})
	w.hub.Open(w.repo, minihub.NewPull{Title: branch, Head: branch})
	return head
}

// waits waits until each check of a pull request says that it waits for room,
// or, where some may, has its end.
func (w *fullWorld) waits(head string, some bool) {
	w.t.Helper()
	w.hub.Await("the jobs to wait for room", func(v *minihub.View) bool {
		for _, name := range fullNames {
			c, ok := v.CheckRun("acme/pets", head, name)
			waits := ok && c.Status == "queued" && c.Title == "Waiting for room on the server's disk"
			if !waits && (!some || c.Status != "completed") {
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
func (w *fullWorld) ends(what, head string, names ...string) {
	w.t.Helper()
	if len(names) == 0 {
		names = fullNames
	}
	red := slices.Contains(names, "red")
	names = append([]string{checks.AggregateName}, names...)
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
		if c.Name == "red" || red && c.Name == checks.AggregateName {
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

// told holds what the servers logged: the operator is told of the disk once by
// each, and nothing again and again.
func (w *fullWorld) told(servers int) {
	text, err := os.ReadFile(w.log)
	if err != nil {
		w.t.Fatal(err)
	}
	told, said := map[string]int{}, map[string]int{}
	for line := range strings.Lines(string(text)) {
		var l struct {
			Pid                                      int
			Level, Message, Error, Package, Delivery string
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			w.t.Fatalf("%v: %s", err, line)
		}
		if l.Level == "debug" {
			continue
		}
		if strings.HasPrefix(l.Message, "the disk of data_dir") && !strings.Contains(line, w.data) {
			w.t.Errorf("the place is not named: %s", line)
		}
		told[l.Message]++
		if text := fmt.Sprint(l); l.Error != "" && !strings.HasPrefix(l.Message, "The delivery could not be saved") {
			if said[text]++; said[text] > 1 {
				w.t.Errorf("told again: %s", line)
			}
		}
	}
	if n := told["the disk of data_dir is full; free some space there: jobs wait until there is room again"]; n != servers {
		w.t.Errorf("%d servers told %d times of the disk", servers, n)
	}
	if n := told["the disk of data_dir has room again"]; n != 1 {
		w.t.Errorf("one server told %d times of room", n)
	}
}
