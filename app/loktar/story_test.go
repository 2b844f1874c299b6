package main

import (
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
	"github.com/dudesons/loktar/checks/markdown"
	"github.com/dudesons/loktar/runner/docker/dockertest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"loktar": main})
}

// TestStories runs testdata/script: each file is a repository, what a person
// does with it, and what the pull request then shows. The server is the real
// program, the engine the real Docker, GitHub is minihub, held against
// GitHub's own description.
func TestStories(t *testing.T) { tell(t, "testdata/script/*.txt") }

// TestAffected runs testdata/affected: what a pull request changes, by real
// git, and which packages its checks then name.
func TestAffected(t *testing.T) { tell(t, "testdata/affected/*.txt") }

func tell(t *testing.T, pattern string) {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	engine, image := dockertest.Engine(t), dockertest.Image(t)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			w := &world{t: t, engine: engine, image: image}
			w.hub = minihubtest.StartWith(t, minihubtest.Options{Intercept: w.intercept})
			testscript.Run(t, testscript.Params{
				Files: []string{file}, Setup: w.setup, RequireExplicitExec: true, RequireUniqueNames: true,
				Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
					"repo": w.repo, "pull": w.pull, "push": w.push, "affected": w.affected, "owned": w.owned, "head": w.track, "branch": w.branch, "open": w.open, "access": w.access, "fork": w.fork, "close": w.close,
					"up": w.up, "check": w.check, "summary": w.summary, "annotation": w.annotation, "nocheck": w.nocheck,
					"count": w.count, "rerun": w.rerun, "get": w.get, "deliver": w.deliver, "clean": w.clean,
					"running": w.running, "hub": w.outage, "delivered": w.delivered,
				},
			})
		})
	}
}

// world is what one story happens in.
type world struct {
	t      *testing.T
	hub    *minihubtest.Hub
	engine *client.Client
	image  string
	work   string
	url    string // of the server
	repos  *minihub.Repo
	name   string // OWNER/NAME
	number int
	head   string
	past   []int64     // ids of check runs that a re-run made old
	dark   atomic.Bool // GitHub's REST API is down
}

const secret = "a webhook's secret"

func (w *world) setup(env *testscript.Env) error {
	w.work = env.WorkDir
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	addr := l.Addr().String()
	l.Close()
	w.url = "http://" + addr
	w.hub.App().SetWebhook(w.url+"/webhook", secret)
	for k, v := range map[string]string{
		"LOKTAR_LISTEN":                  addr,
		"LOKTAR_DATA_DIR":                filepath.Join(env.WorkDir, ".data"),
		"LOKTAR_GITHUB_URL":              w.hub.URL(),
		"LOKTAR_GITHUB_APP_ID":           strconv.FormatInt(w.hub.App().ID(), 10),
		"LOKTAR_GITHUB_PRIVATE_KEY_FILE": w.hub.KeyFile(),
		"LOKTAR_GITHUB_WEBHOOK_SECRET":   secret,
		"LOKTAR_RUNNER_IMAGE":            w.image,
		"LOKTAR_RUNNER_SLOTS":            "2",
		"PATH":                           env.Getenv("PATH"),
		"GIT_CONFIG_NOSYSTEM":            "1",
		"GIT_AUTHOR_NAME":                "Ann",
		"GIT_AUTHOR_EMAIL":               "ann@example.org",
		"GIT_COMMITTER_NAME":             "Ann",
		"GIT_COMMITTER_EMAIL":            "ann@example.org",
	} {
		env.Setenv(k, v)
	}
	return nil
}

// files reads a folder of the story: path -> content.
func (w *world) files(ts *testscript.TestScript, dir string) map[string]string {
	files := map[string]string{}
	root := ts.MkAbs(dir)
	ts.Check(filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		rel, _ := filepath.Rel(root, p)
		// A story's file cannot show a tab at the start of a line of make.
		if filepath.Base(p) == "Makefile" {
			b = regexp.MustCompile(`(?m)^    `).ReplaceAll(b, []byte("\t"))
		}
		files[filepath.ToSlash(rel)] = string(b)
		return err
	}))
	return files
}

// repo OWNER/NAME DIR: a repository with DIR on main, the App installed on it.
func (w *world) repo(ts *testscript.TestScript, _ bool, args []string) {
	owner, name, _ := strings.Cut(args[0], "/")
	w.repos, w.name = w.hub.Repo(owner, name, w.files(ts, args[1])), args[0]
	// Where its owner clones from and pushes to.
	ts.Setenv("URL", strings.Replace(w.repos.CloneURL(), "://", "://"+owner+":"+w.hub.UserToken(owner)+"@", 1))
}

// pull BRANCH DIR [DELETED...]: a commit with DIR on top of main, and a pull request of it.
func (w *world) pull(ts *testscript.TestScript, _ bool, args []string) {
	w.head = w.hub.Commit(w.repos, minihub.Commit{Branch: args[0], From: "main", Files: w.files(ts, args[1]), Delete: args[2:]})
	w.number = w.hub.Open(w.repos, minihub.NewPull{Title: "Change " + args[0], Head: args[0]})
}

// branch BRANCH DIR: a commit with DIR on top of main, without a pull request.
func (w *world) branch(ts *testscript.TestScript, _ bool, args []string) {
	w.head = w.hub.Commit(w.repos, minihub.Commit{Branch: args[0], From: "main", Files: w.files(ts, args[1])})
}

// open BRANCH [AUTHOR]: a pull request of a branch that is there.
func (w *world) open(ts *testscript.TestScript, _ bool, args []string) {
	head, err := w.repos.Tip(w.t.Context(), args[0])
	ts.Check(err)
	w.head = head
	p := minihub.NewPull{Title: "Change " + args[0], Head: args[0]}
	if len(args) > 1 {
		p.Author = args[1]
	}
	w.number = w.hub.Open(w.repos, p)
}

// access LOGIN PERMISSION: what somebody may do in the repository.
func (w *world) access(_ *testscript.TestScript, _ bool, args []string) {
	w.repos.SetAccess(args[0], args[1])
}

// push BRANCH DIR: another commit on BRANCH.
func (w *world) push(ts *testscript.TestScript, _ bool, args []string) {
	w.head = w.hub.Commit(w.repos, minihub.Commit{Branch: args[0], Files: w.files(ts, args[1])})
}

// fork OWNER DIR: a pull request from OWNER's fork.
func (w *world) fork(ts *testscript.TestScript, _ bool, args []string) {
	f, err := w.repos.Fork(args[0])
	ts.Check(err)
	w.head = w.hub.Commit(f, minihub.Commit{Branch: "change", From: "main", Files: w.files(ts, args[1]), Author: args[0]})
	w.number = w.hub.Open(w.repos, minihub.NewPull{Title: "From a fork", Head: args[0] + ":change", Author: args[0]})
}

// close: the pull request is closed.
func (w *world) close(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(w.repos.ClosePull(w.t.Context(), w.number, w.repos.Owner()))
}

// up [STATUS]: wait until /readyz answers STATUS (200).
func (w *world) up(ts *testscript.TestScript, _ bool, args []string) {
	want := "200"
	if len(args) > 0 {
		want = args[0]
	}
	w.until(ts, "/readyz to answer "+want, func() bool {
		status, _, err := w.fetch("/readyz")
		return err == nil && strconv.Itoa(status) == want
	})
}

func (w *world) fetch(path string) (int, string, error) {
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.url+path, nil)
	if err != nil {
		return 0, "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, string(b), err
}

// until polls what has no event to wait for.
func (w *world) until(ts *testscript.TestScript, what string, cond func() bool) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(minihubtest.Patience); !cond(); {
		select {
		case <-tick.C:
		case <-deadline:
			ts.Fatalf("%s: not within %s", what, minihubtest.Patience)
		}
	}
}

// find waits until the newest check run NAME of the head is concluded, or is
// in the status that want names.
func (w *world) find(name, want string) (run minihub.CheckRun) {
	w.hub.Await(fmt.Sprintf("check %s to be %s", name, want), func(v *minihub.View) bool {
		c, ok := v.CheckRun(w.name, w.head, name)
		run = c
		return ok && !slices.Contains(w.past, c.ID) && (c.Conclusion != "" || c.Status == want)
	})
	return run
}

// check NAME CONCLUSION [TITLE]: the newest check run NAME concludes so, with
// a title that matches the regular expression.
func (w *world) check(ts *testscript.TestScript, _ bool, args []string) {
	c := w.find(args[0], args[1])
	if got := c.Conclusion + c.Status; !strings.HasPrefix(got, args[1]) && c.Status != args[1] {
		ts.Fatalf("%s is %s %s (%s), want %s\n%s", args[0], c.Status, c.Conclusion, c.Title, args[1], c.Summary)
	}
	if len(args) > 2 && !regexp.MustCompile(args[2]).MatchString(c.Title) {
		ts.Fatalf("%s has the title %q, want %q", args[0], c.Title, args[2])
	}
}

// summary NAME REGEXP: what the concluded check's summary says.
func (w *world) summary(ts *testscript.TestScript, neg bool, args []string) {
	c := w.find(args[0], "completed")
	if regexp.MustCompile(args[1]).MatchString(c.Summary) == neg {
		ts.Fatalf("the summary of %s (match of %q is %v):\n%s", args[0], args[1], !neg, c.Summary)
	}
}

// annotation NAME PATH:LINE REGEXP: a remark on a line.
func (w *world) annotation(ts *testscript.TestScript, _ bool, args []string) {
	c := w.find(args[0], "completed")
	for _, a := range c.Annotations {
		if fmt.Sprintf("%s:%d", a.Path, a.StartLine) == args[1] && regexp.MustCompile(args[2]).MatchString(a.Message) {
			return
		}
	}
	ts.Fatalf("no such annotation: %+v", c.Annotations)
}

// nocheck NAME...: the run is concluded and has no such check.
func (w *world) nocheck(ts *testscript.TestScript, _ bool, args []string) {
	w.find("loktar", "completed")
	for _, c := range w.hub.CheckRuns(w.name, w.head) {
		if slices.Contains(args, c.Name) {
			ts.Fatalf("there is a check %s: %s", c.Name, c.Title)
		}
	}
}

// track BRANCH: its tip is what the next commands look at.
func (w *world) track(ts *testscript.TestScript, _ bool, args []string) {
	head, err := w.repos.Tip(w.t.Context(), args[0])
	ts.Check(err)
	w.head = head
}

// affected NAME...: the run is of these packages and no others, and each of
// them has a check.
func (w *world) affected(ts *testscript.TestScript, _ bool, args []string) {
	c := w.find("loktar", "completed")
	if want := "^" + markdown.Count(len(args), "package") + " passed"; !regexp.MustCompile(want).MatchString(c.Title) {
		ts.Fatalf("loktar is %s, %q; want %q of %v\n%s", c.Conclusion, c.Title, want, args, c.Summary)
	}
	w.owned(ts, false, args)
}

// owned NAME...: the run has a check of each of these packages.
func (w *world) owned(_ *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		w.find(name, "completed")
	}
}

// count NAME N: the head comes to have N check runs of that name.
func (w *world) count(_ *testscript.TestScript, _ bool, args []string) {
	w.hub.Await(args[1]+" check runs "+args[0], func(v *minihub.View) bool {
		n := 0
		for _, c := range v.CheckRuns(w.name, w.head) {
			if c.Name == args[0] {
				n++
			}
		}
		return strconv.Itoa(n) == args[1]
	})
}

// rerun NAME: press Re-run on the newest check run. Later commands see the
// new run's check NAME and aggregate only.
func (w *world) rerun(ts *testscript.TestScript, _ bool, args []string) {
	old, aggregate := w.find(args[0], "completed"), w.find("loktar", "completed")
	w.past = append(w.past, old.ID, aggregate.ID)
	ts.Check(w.hub.RerequestRun(old.ID, w.repos.Owner()))
}

// get PATH STATUS [REGEXP]: a page of the server. PATH may be @NAME: the
// details_url of the check run NAME, with what follows a blank appended.
func (w *world) get(ts *testscript.TestScript, neg bool, args []string) {
	path := args[0]
	if name, ok := strings.CutPrefix(path, "@"); ok {
		name, rest, _ := strings.Cut(name, "/")
		c := w.find(name, "completed")
		path = strings.TrimPrefix(c.DetailsURL, w.url)
		if rest != "" {
			path += "/" + rest
		}
	}
	status, body, err := w.fetch(path)
	ts.Check(err)
	if strconv.Itoa(status) != args[1] {
		ts.Fatalf("GET %s: %d, want %s\n%s", path, status, args[1], body)
	}
	if len(args) > 2 && regexp.MustCompile(args[2]).MatchString(body) == neg {
		ts.Fatalf("GET %s (match of %q is %v):\n%s", path, args[2], !neg, body)
	}
}

// deliver FILE STATUS [HEADER=VALUE...]: POST a body to /webhook as it is.
func (w *world) deliver(ts *testscript.TestScript, _ bool, args []string) {
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.url+"/webhook", strings.NewReader(ts.ReadFile(args[0])))
	ts.Check(err)
	req.Header.Set("Content-Type", "application/json")
	for _, h := range args[2:] {
		k, v, _ := strings.Cut(h, "=")
		req.Header.Set(k, v)
	}
	res, err := http.DefaultClient.Do(req)
	ts.Check(err)
	res.Body.Close()
	if strconv.Itoa(res.StatusCode) != args[1] {
		ts.Fatalf("POST /webhook: %d, want %s", res.StatusCode, args[1])
	}
}

// running N: wait until exactly N of this story's containers run.
func (w *world) running(ts *testscript.TestScript, _ bool, args []string) {
	w.until(ts, args[0]+" running containers", func() bool { return strconv.Itoa(len(w.containers(ts))) == args[0] })
}

// runs are the ids of the runs that the hub heard of.
func (w *world) runs() []string {
	var ids []string
	for _, c := range w.hub.CheckRuns(w.name, "") {
		id, _, _ := strings.Cut(c.ExternalID, "/")
		if id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (w *world) containers(ts *testscript.TestScript) []string {
	var out []string
	for _, id := range w.runs() {
		list, err := w.engine.ContainerList(w.t.Context(), container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", "loktar.run="+id))})
		ts.Check(err)
		for _, c := range list {
			out = append(out, c.Names...)
		}
	}
	return out
}

// clean: no container, volume or workspace of this story is left.
func (w *world) clean(ts *testscript.TestScript, _ bool, _ []string) {
	var left []string
	w.until(ts, "everything to be removed", func() bool {
		left = w.containers(ts)
		for _, id := range w.runs() {
			vols, err := w.engine.VolumeList(w.t.Context(), volume.ListOptions{Filters: filters.NewArgs(filters.Arg("label", "loktar.run="+id))})
			ts.Check(err)
			for _, v := range vols.Volumes {
				left = append(left, v.Name)
			}
		}
		entries, err := os.ReadDir(filepath.Join(w.work, ".data", "work"))
		ts.Check(err)
		for _, e := range entries {
			left = append(left, e.Name())
		}
		return len(left) == 0
	})
}

// hub down|up: GitHub's REST API answers 502, or as always.
func (w *world) outage(ts *testscript.TestScript, _ bool, args []string) {
	switch args[0] {
	case "down":
		w.dark.Store(true)
	case "up":
		w.dark.Store(false)
	default:
		ts.Fatalf("usage: hub down|up")
	}
}

func (w *world) intercept(rw http.ResponseWriter, r *http.Request) bool {
	if !w.dark.Load() || !strings.HasPrefix(r.URL.Path, "/api/") {
		return false
	}
	rw.WriteHeader(http.StatusBadGateway)
	return true
}

// delivered EVENT.ACTION: the server answered such a delivery with 2xx.
func (w *world) delivered(ts *testscript.TestScript, _ bool, args []string) {
	w.hub.Await("delivery "+args[0], func(v *minihub.View) bool {
		for _, d := range v.Deliveries() {
			if d.Event+"."+d.Action == args[0] && d.Status == "OK" {
				return true
			}
		}
		return false
	})
}
