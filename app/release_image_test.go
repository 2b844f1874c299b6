package app_test

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"maps"
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

	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner/docker/dockertest"
	"github.com/dudesons/loktar/runner/publish"
	"github.com/dudesons/loktar/runner/publish/publishtest"
	"github.com/dudesons/loktar/store"
)

// TestImagesSurviveDeath kills a server at each step of publishing an image,
// and before and after each tag that the registry gets. In the end the registry
// has each version once and latest at the newest, the store says the same, and
// the engine has the newest alone.
func TestImagesSurviveDeath(t *testing.T) {
	registry := publishtest.StartRegistry(t, "")
	to, err := url.Parse(registry.URL)
	if err != nil {
		t.Fatal(err)
	}
	gate := &tagGate{next: &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host
	}}}
	front := httptest.NewServer(gate)
	defer front.Close()
	w := &imageWorld{
		t: t, engine: dockertest.Engine(t), registry: registry, host: strings.TrimPrefix(front.URL, "http://"),
		hub: minihubtest.Start(t), data: t.TempDir(), name: "pets-" + strings.ToLower(rand.Text()[:8]),
	}
	defer w.forget()
	w.configure()
	w.start()
	w.repo = w.hub.Repo("acme", w.name, map[string]string{
		"loktar.json": `{"packages": [{"pkg_name": "Lib", "pkg_dir": "lib", "pkg_type": "docker", "test_type": "no-test", "build_info": {"extra_versions": ["stable"]}}]}`,
	})
	w.published(w.commit())

	for _, step := range []string{"highest", "reserved", "built", "kept", "uploaded", "published"} {
		w.child.arm(step)
		sha := w.commit()
		w.child.died("at the step " + step)
		id := publish.KeptImage(t.Context(), w.engine, publish.Release{Repo: checks.Repo{Owner: "acme", Name: w.name}, Package: checks.Package{Name: "Lib"}})
		w.start()
		w.published(sha)
		if _, config := w.text(strconv.Itoa(w.commits)); step == "kept" && (id == "" || config != id) {
			t.Errorf("the image %s was kept, and %s is published", id, config)
		}
	}
	// Somebody removes the image that was kept: it is built again.
	w.child.arm("kept")
	sha := w.commit()
	w.child.died("at the step kept")
	w.forget()
	w.start()
	w.published(sha)

	for _, tag := range []string{"", publish.Latest, "stable"} {
		for _, served := range []bool{false, true} {
			w.commits++
			at := tag
			if at == "" {
				at = strconv.Itoa(w.commits)
			}
			w.commits--
			gate.set(at, served, w.child.kill)
			sha := w.commit()
			w.child.died(fmt.Sprintf("at the tag %s, served: %v", at, served))
			gate.set("", false, nil)
			w.start()
			w.published(sha)
		}
	}
	w.child.kill()
	w.same()
}

// imageWorld is a hub, a registry of images, and a server that dies.
type imageWorld struct {
	t        *testing.T
	engine   *client.Client
	registry publishtest.Registry
	host     string // of the registry, by way of the gate
	hub      *minihubtest.Hub
	repo     *minihub.Repo
	data     string
	name     string // of the repository; no other test has it
	config   string
	commits  int
	child    *child
}

func (w *imageWorld) configure() {
	w.config = filepath.Join(w.t.TempDir(), "loktar.yml")
	text := fmt.Sprintf("listen: 127.0.0.1:0\ndata_dir: %s\ngithub: {url: %q, app_id: %d, private_key_file: %s, webhook_secret: secret}\nregistries:\n  images: {type: oci, url: \"http://%s/team\", repositories: [\"acme/*\"]}\n",
		w.data, w.hub.URL(), w.hub.App().ID(), w.hub.KeyFile(), w.host)
	if err := os.WriteFile(w.config, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *imageWorld) start() {
	w.child = startChild(w.t, "TestReleaseSurvivesDeath", w.config)
	w.hub.App().SetWebhook(w.child.url+"/webhook", "secret")
}

// commit is a merge that is to have its number as version.
func (w *imageWorld) commit() string {
	w.commits++
	return w.hub.Commit(w.repo, minihub.Commit{Branch: "main", Files: map[string]string{
		"lib/Dockerfile": "FROM scratch\nCOPY text /\n", "lib/text": "text " + strconv.Itoa(w.commits),
	}})
}

// published waits until the commit's release is green, and looks at all of the
// registry.
func (w *imageWorld) published(sha string) {
	w.t.Helper()
	var own minihub.CheckRun
	w.hub.Await(fmt.Sprintf("version %d", w.commits), func(v *minihub.View) bool {
		own, _ = v.CheckRun("acme/"+w.name, sha, checks.ReleaseName("Lib"))
		return own.Conclusion != ""
	})
	if own.Conclusion != "success" {
		w.t.Fatalf("version %d: %s %s %s", w.commits, own.Conclusion, own.Title, own.Summary)
	}
	want := map[string]string{}
	for n := 1; n <= w.commits; n++ {
		want[strconv.Itoa(n)] = "text " + strconv.Itoa(n)
	}
	want[publish.Latest], want["stable"] = want[strconv.Itoa(w.commits)], want[strconv.Itoa(w.commits)]
	var list struct{ Tags []string }
	w.get("tags/list", &list)
	got := map[string]string{}
	for _, tag := range list.Tags {
		got[tag], _ = w.text(tag)
	}
	if !maps.Equal(got, want) {
		w.t.Fatalf("after %d commits the registry has %v", w.commits, got)
	}
}

// text is what the image of a tag holds, with the digest of its configuration.
func (w *imageWorld) text(tag string) (text, config string) {
	var m struct {
		Config struct{ Digest string }
		Layers []struct{ Digest string }
	}
	w.get("manifests/"+tag, &m)
	if len(m.Layers) != 1 {
		w.t.Fatalf("%s has %d layers", tag, len(m.Layers))
	}
	body := w.open("blobs/"+m.Layers[0].Digest, "*/*").Body
	defer body.Close()
	unpacked, err := gzip.NewReader(body)
	if err != nil {
		w.t.Fatal(err)
	}
	in := tar.NewReader(unpacked)
	if h, err := in.Next(); err != nil || h.Name != "text" {
		w.t.Fatalf("%v, %v", h, err)
	}
	content, err := io.ReadAll(in)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(content), m.Config.Digest
}

func (w *imageWorld) open(path, accept string) *http.Response {
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.registry.URL+"/v2/team/lib/"+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Accept", accept)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK {
		res.Body.Close()
		w.t.Fatalf("GET %s: %d", path, res.StatusCode)
	}
	return res
}

const manifestTypes = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json"

func (w *imageWorld) get(path string, into any) {
	w.t.Helper()
	res := w.open(path, manifestTypes)
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(into); err != nil {
		w.t.Fatal(err)
	}
}

// same holds the store and the engine against the registry.
func (w *imageWorld) same() {
	s, err := store.Open(filepath.Join(w.data, "loktar.db"), store.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	defer s.Close()
	all, err := s.Publications(w.repo.ID(), "Lib", 1000)
	if err != nil || len(all) != w.commits {
		w.t.Errorf("the store has %d publications, %v", len(all), err)
	}
	for _, pub := range all {
		res := w.open("manifests/"+pub.Version, manifestTypes)
		res.Body.Close()
		digest := res.Header.Get("Docker-Content-Digest")
		if pub.State != checks.PublicationDone || len(pub.Items) == 0 || pub.Items[0].Digest != digest {
			w.t.Errorf("version %s is %s of %+v, and the registry has %s", pub.Version, pub.State, pub.Items, digest)
		}
	}
	var names []string
	for _, i := range w.images() {
		names = append(names, i.RepoTags...)
	}
	if want := []string{w.host + "/team/lib:" + strconv.Itoa(w.commits)}; !slices.Equal(names, want) {
		w.t.Errorf("the engine has %q, want %q", names, want)
	}
}

// images are the engine's of the repository.
func (w *imageWorld) images() []image.Summary {
	list, err := w.engine.ImageList(context.Background(), image.ListOptions{Filters: filters.NewArgs(filters.Arg("label", publish.LabelRepo+"=acme/"+w.name))})
	if err != nil {
		w.t.Error(err)
	}
	return list
}

// forget removes them.
func (w *imageWorld) forget() {
	for _, i := range w.images() {
		if _, err := w.engine.ImageRemove(context.Background(), i.ID, image.RemoveOptions{Force: true}); err != nil {
			w.t.Error(err)
		}
	}
}

// tagGate passes requests on to a registry, and calls stop before or after the
// one that sets a tag.
type tagGate struct {
	next http.Handler

	mu     sync.Mutex
	tag    string
	served bool
	stop   func()
}

func (g *tagGate) set(tag string, served bool, stop func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tag, g.served, g.stop = tag, served, stop
}

func (g *tagGate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	here, served, stop := r.Method == http.MethodPut && g.tag != "" && strings.HasSuffix(r.URL.Path, "/manifests/"+g.tag), g.served, g.stop
	g.mu.Unlock()
	if !here {
		g.next.ServeHTTP(w, r)
		return
	}
	if served {
		g.next.ServeHTTP(httptest.NewRecorder(), r)
	}
	stop()
	panic(http.ErrAbortHandler)
}
