package app_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/app"
	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/configs"
	"github.com/dudesons/loktar/runner/publish/publishtest"
)

// trouble is what goes wrong with the registry of the package of its name.
type trouble struct {
	name   string
	fault  publishtest.Fault
	reads  bool // all requests meet it, at each merge, and not the uploads alone
	secret bool // the secret is wrong, in place of a fault
	// red: nobody tries it again until somebody asks.
	red bool
}

var troubles = []trouble{
	{name: "down", fault: publishtest.Down, reads: true},
	{name: "hanging", fault: publishtest.Hanging},
	{name: "error", fault: publishtest.Error},
	{name: "broken", fault: publishtest.Broken},
	{name: "cut", fault: publishtest.Cut},
	{name: "full", fault: http.StatusInsufficientStorage},
	{name: "large", fault: http.StatusRequestEntityTooLarge, red: true},
	{name: "forbidden", fault: http.StatusForbidden, red: true},
	{name: "secret", secret: true, red: true},
}

// TestReleaseSurvivesFaults has a registry in trouble for three merges, each
// package in another. When it is mended, what a merge published last is the
// last merge's state: without anybody's doing where the registry was away,
// and at a re-run or the next merge where somebody had to mend something.
func TestReleaseSurvivesFaults(t *testing.T) {
	for _, kind := range []string{"s3", "pypi"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			testFaults(t, places[kind](t))
		})
	}
}

func testFaults(t *testing.T, p place) {
	w := &faultWorld{t: t, place: p, hub: minihubtest.Start(t), felt: map[string]*atomic.Int64{}, proxies: map[string]*publishtest.Proxy{}, secrets: map[string]string{}}
	w.start()
	w.repo = w.hub.Repo("acme", "pets", map[string]string{"loktar.json": w.manifest()})
	sha := w.merge()
	for _, f := range troubles {
		w.await(sha, f.name, "success")
	}

	for _, f := range troubles {
		w.harm(f)
	}
	for range 3 {
		sha = w.merge()
		for _, f := range troubles {
			if f.red {
				w.await(sha, f.name, "failure", "action_required")
				continue
			}
			before := int64(0)
			if f.reads {
				before = w.felt[f.name].Load()
			}
			w.hub.Await("the trouble of "+f.name, func(v *minihub.View) bool {
				_, ok := v.CheckRun("acme/pets", sha, checks.ReleaseName(f.name))
				return ok && w.felt[f.name].Load() > before
			})
		}
	}
	for _, f := range troubles {
		w.mend(f)
	}
	for i, f := range troubles {
		if f.red && i%2 == 0 {
			w.again(sha, f.name)
		}
	}
	for i, f := range troubles {
		if !f.red || i%2 == 0 {
			w.await(sha, f.name, "success")
			w.last(f.name)
		}
	}
	sha = w.merge()
	for _, f := range troubles {
		w.await(sha, f.name, "success")
		w.last(f.name)
	}
	w.each()
}

type faultWorld struct {
	t       *testing.T
	place   place
	hub     *minihubtest.Hub
	repo    *minihub.Repo
	merges  int
	proxies map[string]*publishtest.Proxy
	secrets map[string]string        // the file of each package's registry
	felt    map[string]*atomic.Int64 // how often a package met its trouble
}

// start starts a server with a registry for each package.
func (w *faultWorld) start() {
	var text strings.Builder
	fmt.Fprintf(&text, "listen: 127.0.0.1:0\ndata_dir: %s\ngithub: {url: %q, app_id: %d, private_key_file: %s, webhook_secret: secret, writes_per_minute: 10000, writes_per_hour: 100000}\nrunner: {slots: %d}\nregistries:\n",
		w.t.TempDir(), w.hub.URL(), w.hub.App().ID(), w.hub.KeyFile(), len(troubles))
	for _, f := range troubles {
		w.proxies[f.name], w.felt[f.name] = publishtest.StartProxy(w.t, w.place.target), &atomic.Int64{}
		w.secrets[f.name] = secretFile(w.t, w.place.secret)
		fmt.Fprintf(&text, "  %s: {%s, repositories: [acme/pets], packages: [%s]}\n", f.name, w.place.settings(w.proxies[f.name].URL, w.secrets[f.name]), f.name)
	}
	file := filepath.Join(w.t.TempDir(), "loktar.yml")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		w.t.Fatal(err)
	}
	cfg, err := configs.Load(file, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	w.hub.App().SetWebhook("http://"+rigged(w.t, cfg).Addr()+"/webhook", "secret")
}

// rigged runs a server without an engine until the test ends.
func rigged(t *testing.T, cfg configs.Config) *app.Server {
	t.Helper()
	s, stop := serve(t, cfg, zerolog.Nop(), func(s *app.Server) { app.Rig(s, builder{func(string) {}}, nil) })
	t.Cleanup(stop)
	return s
}

func (w *faultWorld) manifest() string {
	var entries []string
	for _, f := range troubles {
		entries = append(entries, fmt.Sprintf(`{"pkg_name": %q}`, f.name))
	}
	return fmt.Sprintf(`{"defaults": {"pkg_type": %q, "test_type": "no-test", "artifacts": ["dist/*.whl", "dist/*.tar.gz", "dist/*.jar", "dist/*.txt"], "build_info": %s}, "packages": [%s]}`,
		w.place.pkgType, w.place.info, strings.Join(entries, ", "))
}

// merge changes all packages.
func (w *faultWorld) merge() string {
	w.merges++
	files := map[string]string{}
	for _, f := range troubles {
		files[f.name+"/text"] = "text " + strconv.Itoa(w.merges) + "\n"
	}
	return w.hub.Commit(w.repo, minihub.Commit{Branch: "main", Files: files})
}

func (w *faultWorld) harm(f trouble) {
	if f.secret {
		w.write(w.secrets[f.name], "wrong")
	}
	w.proxies[f.name].Set(func(r *http.Request) publishtest.Fault {
		if !f.reads && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			return publishtest.None
		}
		w.felt[f.name].Add(1)
		return f.fault
	})
}

func (w *faultWorld) mend(f trouble) {
	if f.secret {
		w.write(w.secrets[f.name], w.place.secret)
	}
	w.proxies[f.name].Set(nil)
}

func (w *faultWorld) write(file, secret string) {
	if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// again presses Re-run on a package's release, whose old check no longer
// counts then.
func (w *faultWorld) again(sha, pkg string) {
	old := w.await(sha, pkg, "failure", "action_required")
	if err := w.hub.RerequestRun(old.ID, "acme"); err != nil {
		w.t.Fatal(err)
	}
	w.hub.Await("the re-run of "+pkg, func(v *minihub.View) bool {
		c, ok := v.CheckRun("acme/pets", sha, checks.ReleaseName(pkg))
		return ok && c.ID != old.ID
	})
}

// await waits for the end of a package's release.
func (w *faultWorld) await(sha, pkg string, want ...string) (c minihub.CheckRun) {
	w.t.Helper()
	w.hub.Await(pkg+" to be published", func(v *minihub.View) bool {
		c, _ = v.CheckRun("acme/pets", sha, checks.ReleaseName(pkg))
		return c.Conclusion != ""
	})
	if !slices.Contains(want, c.Conclusion) {
		w.t.Errorf("merge %d: %s is %s, want %s: %s\n%s", w.merges, pkg, c.Conclusion, want, c.Title, c.Summary)
	}
	if strings.Contains(c.Summary+c.Title, w.place.secret) {
		w.t.Errorf("%s tells the secret:\n%s", pkg, c.Summary)
	}
	return c
}

// last: the highest version of the package is the last merge's.
func (w *faultWorld) last(pkg string) {
	w.t.Helper()
	top, of := 0, ""
	for name, files := range w.place.files(w.t) {
		if own, version, _ := strings.Cut(name, " "); own == pkg {
			if n, err := strconv.Atoi(version); err != nil {
				w.t.Error(err)
			} else if n > top {
				top, of = n, text(w.t, files)
			}
		}
	}
	if want := "text " + strconv.Itoa(w.merges); of != want {
		w.t.Errorf("version %d of %s is of %q, want %q", top, pkg, of, want)
	}
}

// each: no merge's state has two versions, and every version is whole.
func (w *faultWorld) each() {
	seen := map[string]string{}
	for name, files := range w.place.files(w.t) {
		if len(files) != 2 {
			w.t.Errorf("%s has %d files", name, len(files))
		}
		own, _, _ := strings.Cut(name, " ")
		of := own + " " + text(w.t, files)
		if seen[of] != "" {
			w.t.Errorf("%q is %s and %s", of, seen[of], name)
		}
		seen[of] = name
	}
}

// text is what the commit said of which a version is.
func text(t testing.TB, files map[string][]byte) string {
	t.Helper()
	all := map[string]bool{}
	for name, content := range files {
		own, err := textOf(name, content)
		if err != nil {
			t.Fatal(err)
		}
		all[own] = true
	}
	if len(all) != 1 {
		t.Errorf("a version is of %v", all)
	}
	for own := range all {
		return own
	}
	return ""
}
