package app_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dudesons/loktar/app"
	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner/docker"
	"github.com/dudesons/loktar/runner/docker/dockertest"
	"github.com/dudesons/loktar/store"
)

const (
	// envDeaths is how often TestJobsSurviveDeath kills the server at random.
	envDeaths     = "LOKTAR_TEST_DEATHS"
	defaultDeaths = 200
	// maxLife bounds the time from a server's start to its death.
	maxLife = 1500 * time.Millisecond
)

// TestJobsSurviveDeath kills a busy server at each of docker.Steps and at
// random moments. Whatever comes of it, every check ends green and has what its
// reports tell, every attempt's log holds each line of the job once and in its
// place, so do those of its services, and nothing is left.
func TestJobsSurviveDeath(t *testing.T) {
	if file := os.Getenv(envCrash); file != "" {
		crashingServer(t, file, func(*app.Server, func(string)) {})
		return
	}
	t.Parallel()
	deaths, err := strconv.Atoi(os.Getenv(envDeaths))
	if err != nil {
		deaths = defaultDeaths
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("the moments are those of seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))

	dockertest.Engine(t)
	w := &jobsWorld{t: t, hub: minihubtest.Start(t), data: t.TempDir()}
	w.configure(dockertest.Image(t))
	w.repo = w.hub.Repo("acme", "pets", w.files())
	w.start()
	for _, step := range docker.Steps {
		w.open()
		w.child.arm(step)
		w.child.died("at the step " + step)
		w.start()
		w.green()
	}
	w.open()
	for range deaths {
		if w.isGreen() {
			w.green()
			w.open()
		}
		select {
		case <-time.After(time.Duration(random.Int64N(int64(maxLife)))):
		case <-w.child.ended:
			t.Fatal("the server ended by itself")
		}
		w.child.kill()
		w.start()
	}
	w.green()
	lines, attempts := w.logs()
	w.child.end()
	wantNoneLeft(t, w.data)
	if views, err := os.ReadDir(filepath.Join(w.data, "caches", "views")); err != nil || len(views) > 0 {
		t.Errorf("leases of caches that nobody ended: %v, %v", views, err)
	}
	t.Logf("%d deaths in %d runs, %d attempts of %d jobs, %d lines", len(docker.Steps)+deaths, w.runs, attempts, w.runs*len(crashPackages), lines)
}

// crashPackages are the packages of the busy run, by the entry of each. The one
// that is not given its secret has a variable of that name all the same, whose
// value is its own name.
var crashPackages = []string{
	`{"pkg_name": "plain"}`,
	`{"pkg_name": "offline", "network": false}`,
	`{"pkg_name": "kept", "artifacts": ["out/*"]}`,
	`{"pkg_name": "offline-kept", "network": false, "artifacts": ["out/*"], "reports": ["out/1"]}`,
	`{"pkg_name": "reported", "reports": ["out/*.xml"]}`,
	`{"pkg_name": "git", "git": true}`,
	`{"pkg_name": "declared", "sandbox": "declared"}`,
	`{"pkg_name": "secret", "secrets": ["TOKEN"]}`,
	`{"pkg_name": "true", "secrets": ["CI"]}`,
	`{"pkg_name": "needs", "depends_on": ["plain"]}`,
	`{"pkg_name": "cached", "cache": [{"key": "k", "paths": ["/var/kept"]}]}`,
	`{"pkg_name": "served", "services": {"db": {"image": "SERVICE", "env": {"RUN": "i=0; while :; do echo tick $i; i=$((i+1)); printf half; sleep 0.05; echo; done"}}}}`,
}

// crashLines is how many lines a job prints, and crashJob how: some at once,
// some in halves, and the secret where there is one.
const (
	crashLines = 40
	crashJob   = `mkdir -p out
i=0
while [ $i -lt 40 ]; do
	printf "$TOKEN line "
	[ $((i % 7)) -gt 0 ] || sleep 0.05
	echo "$i of $(basename "$PWD")"
	i=$((i + 1))
	echo $i >out/$((i / 20))
done
echo '<testsuite><testcase name="one"/><testcase name="two"><skipped/></testcase></testsuite>' >out/junit.xml
[ ! -d /var/kept ] || echo $i >>/var/kept/file
`
)

// jobsWorld is a hub and a server that dies while it is busy.
type jobsWorld struct {
	t      *testing.T
	hub    *minihubtest.Hub
	repo   *minihub.Repo
	data   string
	config string
	child  *child
	runs   int
	head   string
}

func (w *jobsWorld) configure(image string) {
	dir := w.t.TempDir()
	w.config = filepath.Join(dir, "loktar.yml")
	secret := filepath.Join(dir, "token")
	text := fmt.Sprintf("listen: 127.0.0.1:0\ndata_dir: %s\ngithub: {url: %q, app_id: %d, private_key_file: %s, webhook_secret: secret, writes_per_minute: 10000, writes_per_hour: 100000}\n"+
		"runner: {slots: 2, image: %q}\nsecrets:\n  TOKEN: {file: %s, repositories: [acme/pets]}\n  CI: {file: %s, repositories: [acme/pets], for: publish}\n", w.data, w.hub.URL(), w.hub.App().ID(), w.hub.KeyFile(), image, secret, secret)
	for name, text := range map[string]string{w.config: text, secret: "line of a secret"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *jobsWorld) files() map[string]string {
	files := map[string]string{"loktar.json": strings.ReplaceAll(`{"packages": [`+strings.Join(crashPackages, ",\n")+`]}`, "SERVICE", dockertest.Service(w.t))}
	for _, name := range crashNames() {
		files[name+"/Makefile"] = "ci:\n\t@sh job.sh\nclean:\n\t@rm -r out; echo cleaned\n"
		files[name+"/job.sh"] = crashJob
	}
	return files
}

func crashNames() (names []string) {
	for _, entry := range crashPackages {
		names = append(names, strings.Split(entry, `"`)[3])
	}
	return names
}

func (w *jobsWorld) start() {
	w.child = startChild(w.t, "TestJobsSurviveDeath", w.config)
	w.hub.App().SetWebhook(w.child.url+"/webhook", "secret")
}

// open opens a pull request that has all packages tested.
func (w *jobsWorld) open() {
	w.runs++
	branch, files := "topic-"+strconv.Itoa(w.runs), map[string]string{}
	for _, name := range crashNames() {
		files[name+"/change"] = branch
	}
	w.head = w.hub.Commit(w.repo, minihub.Commit{Branch: branch, From: "main", Files: files})
	w.hub.Open(w.repo, minihub.NewPull{Title: branch, Head: branch})
}

func (w *jobsWorld) isGreen() bool {
	return slices.ContainsFunc(w.hub.CheckRuns("acme/pets", w.head), func(c minihub.CheckRun) bool {
		return c.Name == checks.AggregateName && c.Status == "completed"
	})
}

// green waits until the pull request that was opened last is.
func (w *jobsWorld) green() {
	w.t.Helper()
	names := append(crashNames(), checks.AggregateName)
	w.hub.Await("the end of run "+strconv.Itoa(w.runs), func(v *minihub.View) bool {
		return !slices.ContainsFunc(names, func(name string) bool {
			c, ok := v.CheckRun("acme/pets", w.head, name)
			return !ok || c.Status != "completed"
		})
	})
	all := w.hub.CheckRuns("acme/pets", w.head)
	if len(all) != len(names) {
		w.t.Errorf("run %d has %d check runs, want one for each of %q", w.runs, len(all), names)
	}
	for _, c := range all {
		if c.Conclusion != "success" {
			w.t.Errorf("run %d: %s is %s: %s\n%s", w.runs, c.Name, c.Conclusion, c.Title, c.Summary)
		}
		if c.Name == "reported" && !strings.Contains(c.Summary+c.Text, "**Tests:** 1 passed, 1 skipped") {
			w.t.Errorf("run %d: what its reports tell is lost:\n%s\n%s", w.runs, c.Summary, c.Text)
		}
	}
}

// logs holds each attempt of each job to what it has to print, and counts.
func (w *jobsWorld) logs() (lines, attempts int) {
	seen := 0
	for _, c := range w.hub.CheckRuns("acme/pets", "") {
		if c.Name == checks.AggregateName {
			continue
		}
		l, a := w.log(c)
		lines, attempts, seen = lines+l, attempts+a, seen+1
	}
	if want := w.runs * len(crashPackages); seen != want {
		w.t.Errorf("%d check runs, want %d", seen, want)
	}
	return lines, attempts
}

func (w *jobsWorld) log(c minihub.CheckRun) (lines, attempts int) {
	page, err := url.Parse(c.DetailsURL)
	if err != nil {
		w.t.Fatal(err)
	}
	file, name := page.Path+"/log", c.Name
	text := get(w.t, w.child.url+file)
	if strings.Contains(text, "of a secret") {
		w.t.Errorf("%s holds the secret", file)
	}
	attempt := []string(nil)
	var all [][]string
	for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		stamp, rest, _ := strings.Cut(line, " ")
		own := !strings.HasSuffix(stamp, "Z")
		switch {
		case own && strings.Contains(rest, " Attempt "):
			all, attempt = append(all, attempt), nil
		case !own:
			attempt = append(attempt, rest)
		}
	}
	all = append(all, attempt)
	before := " line "
	if name == "secret" {
		before = "*** line "
	}
	for n, got := range all {
		var want []string
		for i := range crashLines {
			want = append(want, fmt.Sprintf("%s%d of %s", before, i, name))
		}
		want = append(want, "cleaned")
		if last := n == len(all)-1; !last {
			// Of an attempt that was lost the end may be missing, from anywhere.
			k := len(got)
			for k > 0 && (k > len(want) || !strings.HasPrefix(want[k-1], got[k-1])) {
				w.t.Errorf("%s, attempt %d, line %d is %q", file, n+1, k, got[k-1])
				k--
			}
			want = append(slices.Clone(want[:max(k-1, 0)]), got[max(k-1, 0):]...)
		}
		if !slices.Equal(got, want) {
			w.t.Errorf("%s, attempt %d of %d, prints\n%s\nwant\n%s", file, n+1, len(all), strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		lines += len(got)
	}
	if name == "served" {
		w.serviceLog(page.Path + "/services/db/log")
	}
	return lines, len(all)
}

// serviceLog holds each attempt of a service to what it has to print.
func (w *jobsWorld) serviceLog(file string) {
	text, n, ticks := get(w.t, w.child.url+file), 0, 0
	for line := range strings.Lines(text) {
		stamp, rest, _ := strings.Cut(line, " ")
		if !strings.HasSuffix(stamp, "Z") {
			if !strings.Contains(rest, " Attempt ") {
				w.t.Errorf("%s says %q", file, rest)
			}
			n = 0
			continue
		}
		want := "half\n"
		if n%2 == 0 {
			want = fmt.Sprintf("tick %d\n", n/2)
			ticks++
		}
		if n++; rest != want && !strings.HasPrefix(want, strings.TrimSuffix(rest, "\n")) {
			w.t.Errorf("%s has %q, want %q", file, rest, want)
		}
	}
	if ticks == 0 {
		w.t.Errorf("%s is empty", file)
	}
}

func get(t *testing.T, address string) string {
	t.Helper()
	status, text := ask(t, address)
	if status != http.StatusOK {
		t.Fatalf("GET %s: %d", address, status)
	}
	return text
}

func ask(t *testing.T, address string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("GET %s: %v", address, err)
	}
	return res.StatusCode, string(text)
}

// wantNoneLeft fails when a server that ended left anything of its jobs at the
// engine or on the machine. data is its data_dir.
func wantNoneLeft(t *testing.T, data string) {
	t.Helper()
	s, err := store.Open(filepath.Join(data, "loktar.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	mine := docker.LabelInstance + "=" + s.InstanceID()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	left, err := dockertest.Left(t.Context(), dockertest.Engine(t), mine, data)
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v\n%s", err, strings.Join(left, "\n"))
	}
	if entries, err := os.ReadDir(filepath.Join(data, "git", "trash")); err != nil || len(entries) > 0 {
		t.Errorf("git/trash holds %v, %v", entries, err)
	}
}
