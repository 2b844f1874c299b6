package app_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/dudesons/loktar/app"
	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/store"
)

// envCrash is the configuration's file in a child of TestReleaseSurvivesDeath.
const envCrash = "LOKTAR_TEST_CRASH"

// TestReleaseSurvivesDeath kills a server at each step of publishing, and
// before and after each request to the registry. In the end the registry has
// each version once, as it was built, and the store says the same.
func TestReleaseSurvivesDeath(t *testing.T) {
	if file := os.Getenv(envCrash); file != "" {
		crashingServer(t, file, func(s *app.Server, at func(string)) { app.Rig(s, builder{at}, at) })
		return
	}
	for kind, open := range places {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			testDeaths(t, open(t))
		})
	}
}

// The App may make tags, and the package asks for a tag and a release.
var writing = map[string]string{"metadata": "read", "checks": "write", "contents": "write", "pull_requests": "read", "merge_queues": "read"}

const announced = `{"git_tag": "v{{.Version}}", "github_release": true, `

func testDeaths(t *testing.T, p place) {
	w := &crashWorld{t: t, place: p, hub: minihubtest.StartWith(t, minihubtest.Options{Hub: minihub.Options{Permissions: writing}}), data: t.TempDir()}
	toll := &tollGate{}
	if p.target != "" {
		to, err := url.Parse(p.target)
		if err != nil {
			t.Fatal(err)
		}
		toll.next = &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host // S3 signs it
		}}
		s := httptest.NewServer(toll)
		defer s.Close()
		w.url = s.URL
	}
	w.configure()
	w.start()
	w.repo = w.hub.Repo("acme", "pets", map[string]string{"loktar.json": fmt.Sprintf(
		`{"packages": [{"pkg_name": "lib", "pkg_type": %q, "test_type": "no-test", "artifacts": ["dist/*.whl", "dist/*.tar.gz", "dist/*.jar", "dist/*.txt"], "build_info": %s}]}`, p.pkgType, strings.Replace(p.info, "{", announced, 1))})

	// The first is published in peace, which tells how many requests it takes.
	toll.set(0, false, nil)
	w.published(w.commit())
	requests := toll.methods()
	if (len(requests) == 0) != (p.target == "") {
		t.Fatalf("publishing took the requests %v", requests)
	}
	deaths := []string{"highest", "reserved", "building", "built", "kept", "opened", "opened again", "uploaded", "announced", "published"}
	for _, step := range deaths {
		w.child.arm(step)
		sha := w.commit()
		w.child.died("at the step " + step)
		w.start()
		w.published(sha)
	}
	for n, method := range requests {
		for _, served := range []bool{false, true} {
			if served && (method == http.MethodGet || method == http.MethodHead) {
				continue // it is as if the next one were not served
			}
			toll.set(n+1, served, w.child.kill)
			sha := w.commit()
			w.child.died(fmt.Sprintf("at %s, request %d, served: %v", method, n+1, served))
			toll.set(0, false, nil)
			w.start()
			w.published(sha)
		}
	}
	w.child.kill()
	w.same()
	t.Logf("%d deaths, %d of them at the requests %v", w.commits-1, w.commits-1-len(deaths), requests)
}

// crashWorld is a hub, a registry, and a server that dies.
type crashWorld struct {
	t       *testing.T
	place   place
	url     string // of the registry, by way of the toll gate
	hub     *minihubtest.Hub
	repo    *minihub.Repo
	data    string
	config  string
	commits int
	child   *child
}

func (w *crashWorld) configure() {
	w.config = filepath.Join(w.t.TempDir(), "loktar.yml")
	text := fmt.Sprintf("listen: 127.0.0.1:0\ndata_dir: %s\ngithub: {url: %q, app_id: %d, private_key_file: %s, webhook_secret: secret, writes_per_minute: 10000, writes_per_hour: 100000}\nrunner: {slots: 2}\nregistries:\n  place: {%s, repositories: [acme/pets]}\n",
		w.data, w.hub.URL(), w.hub.App().ID(), w.hub.KeyFile(), w.place.settings(w.url, secretFile(w.t, w.place.secret)))
	if err := os.WriteFile(w.config, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// start starts another server, which takes up what the one before left.
func (w *crashWorld) start() {
	w.child = startChild(w.t, "TestReleaseSurvivesDeath", w.config)
	w.hub.App().SetWebhook(w.child.url+"/webhook", "secret")
}

// commit is a merge that is to have its number as version.
func (w *crashWorld) commit() string {
	w.commits++
	return w.hub.Commit(w.repo, minihub.Commit{Branch: "main", Files: map[string]string{"lib/text": "text " + strconv.Itoa(w.commits) + "\n"}})
}

// published waits until the commit's release is green, and looks at all of
// the registry.
func (w *crashWorld) published(sha string) {
	w.t.Helper()
	var own, all minihub.CheckRun
	w.hub.Await(fmt.Sprintf("version %d", w.commits), func(v *minihub.View) bool {
		own, _ = v.CheckRun("acme/pets", sha, checks.ReleaseName("lib"))
		all, _ = v.CheckRun("acme/pets", sha, checks.AggregateName)
		return own.Conclusion != "" && all.Conclusion != ""
	})
	if own.Conclusion != "success" || all.Conclusion != "success" {
		w.t.Fatalf("version %d: %s %s %s", w.commits, own.Conclusion, own.Title, own.Summary)
	}
	if at, err := w.repo.TagAt(w.t.Context(), "v"+strconv.Itoa(w.commits)); at != sha || err != nil {
		w.t.Errorf("tag v%d is at %q, %v", w.commits, at, err)
	}
	if releases := w.hub.Releases("acme/pets"); len(releases) != w.commits || !strings.Contains(releases[w.commits-1].Body, "- Update (acme, ") {
		w.t.Errorf("after %d commits the releases are %+v", w.commits, releases)
	}
	files := w.place.files(w.t)
	if len(files) != w.commits {
		w.t.Fatalf("after %d commits there are %d versions", w.commits, len(files))
	}
	for n := 1; n <= w.commits; n++ {
		version := files["lib "+strconv.Itoa(n)]
		if len(version) != 2 {
			w.t.Fatalf("version %d has %d files", n, len(version))
		}
		for name, content := range version {
			if text, err := textOf(name, content); err != nil || text != "text "+strconv.Itoa(n) {
				w.t.Errorf("%s of version %d is of %q, %v", name, n, text, err)
			}
		}
	}
}

// same holds the store against the registry.
func (w *crashWorld) same() {
	s, err := store.Open(filepath.Join(w.data, "loktar.db"), store.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	defer s.Close()
	all, err := s.Publications(w.repo.ID(), "lib", 1000)
	if err != nil || len(all) != w.commits {
		w.t.Errorf("the store has %d publications, %v", len(all), err)
	}
	files := w.place.files(w.t)
	for _, pub := range all {
		there := files["lib "+pub.Version]
		if pub.State != checks.PublicationDone || len(pub.Items) != len(there) {
			w.t.Errorf("version %s is %s with %d files, and the registry has %d", pub.Version, pub.State, len(pub.Items), len(there))
		}
		for _, item := range pub.Items {
			sum := sha256.Sum256(there[item.Name])
			if hex.EncodeToString(sum[:]) != item.SHA256 {
				w.t.Errorf("%s of version %s is not what the store says", item.Name, pub.Version)
			}
		}
	}
	if owed, err := s.Owed(w.repo.ID()); err != nil || len(owed) != 0 {
		w.t.Errorf("still owed: %+v, %v", owed, err)
	}
}

// tollGate passes requests on to a registry, and calls stop before or after
// the one with the number at.
type tollGate struct {
	next http.Handler

	mu     sync.Mutex
	seen   []string // methods
	at     int
	served bool
	stop   func()
}

func (g *tollGate) set(at int, served bool, stop func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seen, g.at, g.served, g.stop = nil, at, served, stop
}

func (g *tollGate) methods() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.seen
}

func (g *tollGate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	g.seen = append(g.seen, r.Method)
	here, served, stop := len(g.seen) == g.at, g.served, g.stop
	g.mu.Unlock()
	if here && !served {
		stop()
		panic(http.ErrAbortHandler)
	}
	answer := httptest.NewRecorder()
	g.next.ServeHTTP(answer, r)
	if here {
		stop()
		panic(http.ErrAbortHandler)
	}
	for name, values := range answer.Header() {
		w.Header()[name] = slices.Clone(values)
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}
