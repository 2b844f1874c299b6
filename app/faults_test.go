package app_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/app"
	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/configs"
	"github.com/dudesons/loktar/runner/sandboxtest"
	"github.com/dudesons/loktar/store"
)

const (
	// envPulls is how many pull requests TestFaults opens.
	envPulls   = "LOKTAR_TEST_FAULT_PULLS"
	faultPulls = 24
	faultSlots = 4
)

// TestFaults opens pull requests at a GitHub that answers every fifth call with
// a fault or a limit, loses deliveries and brings others twice or late, while
// the server is killed again and again. In the end every check run is there
// once and concluded as it should be, no package ran more often than the deaths
// explain, and no delivery was lost.
func TestFaults(t *testing.T) {
	if file := os.Getenv(envCrash); file != "" {
		faultyServer(t, file)
		return
	}
	pulls := faultPulls
	if s := os.Getenv(envPulls); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		pulls = n
	}
	w := newStormWorld(t)
	began := time.Now()
	w.open(pulls)
	most := time.Minute + time.Duration(pulls)*3*time.Second
	w.settle(most)
	for w.rest(); time.Since(began) < 2*most; w.rest() {
		lost := w.lost()
		if len(lost) == 0 {
			break
		}
		// What was lost again and again is asked for again at the start.
		w.start()
		ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
		_ = w.hub.Wait(ctx, func(v *minihub.View) bool {
			return slices.ContainsFunc(v.Deliveries(), func(d minihub.Delivery) bool { return d.Status == "OK" && slices.Contains(lost, d.GUID) })
		})
		stop()
		w.settle(most)
	}
	w.compare()
	t.Logf("%d pull requests in %v: %d calls, %d deaths, deliveries lost %d, twice %d, late %d; faults %v",
		pulls, time.Since(began).Round(time.Second), w.trouble.calls, w.deaths, w.post.lost, w.post.twice, w.post.held, w.trouble.seen)
}

type stormWorld struct {
	t       *testing.T
	rng     *rand.Rand
	trouble *weather
	post    *postman
	hub     *minihubtest.Hub
	repos   []*minihub.Repo
	config  string
	data    string
	runs    string // a line for each time that a package was run
	child   *child
	deaths  int
	wants   []stormWant
}

// stormWant is what has to become of a pull request's head.
type stormWant struct {
	repo, sha string
	checks    map[string]string // conclusions
	ran       []string          // lines of runs
}

func newStormWorld(t *testing.T) *stormWorld {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := func(n uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, n)) }
	w := &stormWorld{t: t, rng: random(1), data: t.TempDir(), runs: filepath.Join(t.TempDir(), "runs"),
		trouble: &weather{rng: random(2), part: 0.2, seen: map[string]int{}}, post: &postman{rng: random(3)}}
	w.hub = minihubtest.StartWith(t, minihubtest.Options{Hub: minihub.Options{RateLimit: 1 << 30}, AllowRefused: true, Intercept: w.trouble.intercept})
	w.trouble.serve = w.hub.Hub
	files := map[string]string{"lib/state": "green", "doc/state": "green", "api/x": "x"}
	files["loktar.json"] = fmt.Sprintf(`{"defaults": {"test_type": "command", "env": {"RUNS": %q}}, "packages": [
		{"pkg_name": "lib", "commands": ["echo lib $(cat state) >>$RUNS", "grep -q green state"]},
		{"pkg_name": "doc", "commands": ["echo doc $(cat state) >>$RUNS", "grep -q green state"]},
		{"pkg_name": "api", "depends_on": ["lib"], "commands": ["echo api $(cat ../lib/state) >>$RUNS"]}]}`, w.runs)
	for _, owner := range []string{"acme", "bolt", "crux"} {
		w.repos = append(w.repos, w.hub.Repo(owner, "pets", files))
	}
	w.config = filepath.Join(t.TempDir(), "loktar.yml")
	text := fmt.Sprintf("listen: 127.0.0.1:0\ndata_dir: %s\ngithub: {url: %q, app_id: %d, private_key_file: %s, webhook_secret: secret, writes_per_minute: 100000, writes_per_hour: 1000000}\nrunner: {slots: %d}\n",
		w.data, w.hub.URL(), w.hub.App().ID(), w.hub.KeyFile(), faultSlots)
	if err := os.WriteFile(w.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	post := httptest.NewServer(w.post)
	t.Cleanup(post.Close)
	w.start()
	w.hub.App().SetWebhook(post.URL+"/webhook", "secret")
	return w
}

func (w *stormWorld) start() {
	w.child = startChild(w.t, "TestFaults", w.config)
	w.post.moved(w.child.url)
}

// die kills the server at whatever it does, and starts another.
func (w *stormWorld) die() {
	w.child.kill()
	w.deaths++
	w.start()
}

// open opens pull requests, of which every second gets another head soon, and
// has the server die meanwhile.
func (w *stormWorld) open(n int) {
	for i := range n {
		repo, pkg, color := w.repos[i%len(w.repos)], "lib", "green"
		if i%2 == 1 {
			pkg = "doc"
		}
		if i%4 > 1 {
			color = "red"
		}
		branch := fmt.Sprintf("topic-%d", i)
		commit := func(from, state string) string {
			return w.hub.Commit(repo, minihub.Commit{Branch: branch, From: from, Files: map[string]string{pkg + "/state": state}})
		}
		state := fmt.Sprintf("%s-%d", color, i)
		sha := commit("main", state)
		w.hub.Open(repo, minihub.NewPull{Head: branch, Title: branch})
		if w.rng.IntN(2) == 0 {
			state += "-again"
			sha = commit("", state)
		}
		w.want(repo.FullName(), sha, pkg, color, state)
		if w.rng.IntN(8) == 0 {
			w.die()
		}
	}
}

func (w *stormWorld) want(repo, sha, pkg, color, state string) {
	want := stormWant{repo: repo, sha: sha, checks: map[string]string{pkg: "success", checks.AggregateName: "success"}, ran: []string{pkg + " " + state}}
	if color == "red" {
		want.checks[pkg], want.checks[checks.AggregateName] = "failure", "failure"
	}
	switch {
	case pkg == "lib" && color == "red":
		want.checks["api"] = "cancelled"
	case pkg == "lib":
		want.checks["api"] = "success"
		want.ran = append(want.ran, "api "+state)
	}
	w.wants = append(w.wants, want)
}

// settle waits until all is as it should be, and until nothing is without an
// end, with some more deaths at first.
func (w *stormWorld) settle(most time.Duration) {
	ctx, cancel := context.WithTimeout(w.t.Context(), most)
	defer cancel()
	for range 1 + len(w.wants)/30 {
		left := 0
		bounded, stop := context.WithTimeout(ctx, time.Duration(1+w.rng.IntN(4))*time.Second)
		_ = w.hub.Wait(bounded, func(v *minihub.View) bool { left = len(w.missing(v)); return left == 0 })
		stop()
		if left > 0 {
			w.die()
		}
	}
	var missing []string
	if err := w.hub.Wait(ctx, func(v *minihub.View) bool { missing = w.missing(v); return len(missing) == 0 }); err != nil {
		w.t.Fatalf("after %v, %d are missing:\n%s", most, len(missing), strings.Join(missing, "\n"))
	}
}

// missing is what is not yet as it should be.
func (w *stormWorld) missing(v *minihub.View) (out []string) {
	for _, want := range w.wants {
		for name, conclusion := range want.checks {
			if run, ok := v.CheckRun(want.repo, want.sha, name); !ok || run.Conclusion != conclusion {
				out = append(out, fmt.Sprintf("%s %.7s %s is %q, want %s", want.repo, want.sha, name, run.Conclusion, conclusion))
			}
		}
	}
	for _, repo := range v.Repos() {
		for _, run := range v.CheckRuns(repo, "") {
			if run.Status != "completed" {
				out = append(out, fmt.Sprintf("%s %.7s %s is %s", repo, run.HeadSHA, run.Name, run.Status))
			}
		}
	}
	return out
}

// rest has the server come to rest and end.
func (w *stormWorld) rest() {
	w.post.late.Wait()
	w.child.arm("quiet")
	w.child.kill()
}

// store is the store of a server that has ended.
func (w *stormWorld) store() *store.Store {
	w.t.Helper()
	s, err := store.Open(filepath.Join(w.data, "loktar.db"), store.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// lost are the deliveries that the store does not know, while no server runs.
func (w *stormWorld) lost() (guids []string) {
	s := w.store()
	defer s.Close()
	for _, d := range w.hub.Deliveries() {
		if d.Event != "pull_request" || d.Action != "opened" && d.Action != "synchronize" || slices.Contains(guids, d.GUID) {
			continue
		}
		_, known, err := s.Delivery(d.GUID)
		if err != nil {
			w.t.Error(err)
		}
		if !known {
			guids = append(guids, d.GUID)
		}
	}
	return guids
}

// compare holds the hub, the store and what was run against what should be.
func (w *stormWorld) compare() {
	type name struct{ repo, sha, check string }
	count := map[name]int{}
	w.hub.Read(func(v *minihub.View) {
		if missing := w.missing(v); len(missing) > 0 {
			w.t.Errorf("it did not stay as it was: %v", missing)
		}
		for _, repo := range v.Repos() {
			for _, run := range v.CheckRuns(repo, "") {
				count[name{repo, run.HeadSHA, run.Name}]++
			}
		}
	})
	for n, times := range count {
		if times != 1 {
			w.t.Errorf("%d check runs %s of %s at %.7s", times, n.check, n.repo, n.sha)
		}
	}
	for _, want := range w.wants {
		for _, check := range []string{"lib", "doc", "api", checks.AggregateName} {
			if _, wanted := want.checks[check]; !wanted && count[name{want.repo, want.sha, check}] > 0 {
				w.t.Errorf("%s at %.7s has a check %s that it should not have", want.repo, want.sha, check)
			}
		}
	}

	text, err := os.ReadFile(w.runs)
	if err != nil {
		w.t.Fatal(err)
	}
	ran := map[string]int{}
	extra := 0
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if ran[line]++; ran[line] > 1 {
			extra++
		}
	}
	for _, want := range w.wants {
		for _, line := range want.ran {
			if ran[line] == 0 {
				w.t.Errorf("%s never ran", line)
			}
		}
	}
	if extra > w.deaths*faultSlots {
		w.t.Errorf("%d runs too many after %d deaths with %d slots", extra, w.deaths, faultSlots)
	}

	for _, guid := range w.lost() {
		w.t.Errorf("delivery %s was lost:\n%s", guid, w.said(guid))
	}
	s := w.store()
	defer s.Close()
	if pending, err := s.Pending(10); err != nil || len(pending) > 0 {
		w.t.Errorf("pending %v, %v", pending, err)
	}
	if runs, _, _, err := s.Active(); err != nil || len(runs) > 0 {
		w.t.Errorf("%d runs have no end, %v", len(runs), err)
	}
	if all, err := s.Discards(10); err != nil || len(all) > 0 {
		w.t.Errorf("given up: %v, %v", all, err)
	}
}

// said is what the servers logged of something.
func (w *stormWorld) said(of string) (lines string) {
	text, err := os.ReadFile(filepath.Join(w.data, "log"))
	if err != nil {
		return err.Error()
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, of) {
			lines += line
		}
	}
	return lines
}

// quiet reports whether nothing is left to be done.
func quiet(s *store.Store) bool {
	pending, err1 := s.Pending(1)
	rows, err2 := s.Outbox(1)
	runs, _, _, err3 := s.Active()
	return errors.Join(err1, err2, err3) == nil && len(pending)+len(rows)+len(runs) == 0
}

// faultyServer serves with a sandbox of plain processes until it is killed, or
// its standard input ends. It answers a line there once it has nothing to do.
func faultyServer(t *testing.T, file string) {
	app.Hasten()
	cfg, err := configs.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.OpenFile(filepath.Join(cfg.DataDir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	s, err := app.New(t.Context(), cfg, zerolog.New(log).With().Timestamp().Logger(), "test")
	if err != nil {
		t.Fatal(err)
	}
	app.Rig(s, &sandboxtest.Dummy{}, func(string) {})
	app.HastenServer(s)
	go func() {
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); fmt.Println("armed") {
			for !quiet(app.StoreOf(s)) {
				<-time.After(50 * time.Millisecond)
			}
		}
		os.Exit(0)
	}()
	fmt.Println("listens at", s.Addr())
	if err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}
