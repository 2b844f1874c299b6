package publish_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner/docker/dockertest"
	"github.com/dudesons/loktar/runner/publish"
	"github.com/dudesons/loktar/runner/publish/publishtest"
)

// imageRelease is a release of an image that was built for it, under a prefix
// of the registry at host.
func imageRelease(t *testing.T, engine *client.Client, host, version string) publish.Release {
	t.Helper()
	// Tests share the engine: none may take another's image for its own.
	r := release("docker", "Pet_API", version)
	r.Repo.Name = strings.ToLower(strings.NewReplacer("/", "-", "_", "-", ",", "").Replace(t.Name()))
	r.Package.BuildInfo.RegistryPrefix = host + "/team"
	r.Package.BuildInfo.ExtraVersions = []string{"stable"}
	return built(t, engine, r)
}

func built(t *testing.T, engine *client.Client, r publish.Release) publish.Release {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, map[string]string{"Dockerfile": "FROM " + dockertest.Image(t) + "\nARG LOKTAR_VERSION\nENV V=$LOKTAR_VERSION\nCMD [\"/bin/sh\",\"-c\",\"echo version $V\"]\n"})
	id, err := publish.BuildImage(t.Context(), engine, publish.Build{Dir: dir, Release: r})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeImages(t, engine, r) })
	r.Image = id
	return r
}

// removeImages removes what the engine has of the release's package.
func removeImages(t *testing.T, engine *client.Client, r publish.Release) {
	ctx := context.Background()
	images, err := engine.ImageList(ctx, image.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", publish.LabelRepo+"="+r.Repo.FullName()))})
	if err != nil {
		t.Errorf("list images: %v", err)
	}
	for _, i := range images {
		_, _ = engine.ImageRemove(ctx, i.ID, image.RemoveOptions{Force: true, PruneChildren: true})
	}
}

// tags are the manifests' digests of what the registry has, by tag.
func tags(t *testing.T, r publishtest.Registry, repo string) map[string]string {
	t.Helper()
	var list struct{ Tags []string }
	getJSON(t, r.URL+"/v2/"+repo+"/tags/list", &list)
	found := map[string]string{}
	for _, tag := range list.Tags {
		req := must(http.NewRequest(http.MethodHead, r.URL+"/v2/"+repo+"/manifests/"+tag, nil))
		req.Header.Set("Accept", "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json")
		resp := must(http.DefaultClient.Do(req))
		resp.Body.Close()
		found[tag] = resp.Header.Get("Docker-Content-Digest")
	}
	http.DefaultClient.CloseIdleConnections()
	return found
}

func TestImagesPublish(t *testing.T) {
	engine := dockertest.Engine(t)
	registry := publishtest.StartRegistry(t, "")
	p := publish.NewOCI(publish.OCIOptions{Engine: engine})
	one := imageRelease(t, engine, registry.Host, "1")
	wantState(t, p, one, publish.Absent)
	wantHighest(t, p, one.Package, 0)
	out := mustPublish(t, p, one)
	names := make([]string, 0, 3)
	for _, i := range out.Items {
		names = append(names, strings.TrimPrefix(i.Name, registry.Host))
	}
	if want := []string{"/team/pet_api:1", "/team/pet_api:latest", "/team/pet_api:stable"}; !slices.Equal(names, want) {
		t.Errorf("published %q, want %q", names, want)
	}
	wantState(t, p, one, publish.Complete)

	// The image is what docker runs after it was pulled by its digest.
	removeImages(t, engine, one)
	ref := registry.Host + "/team/pet_api@" + out.Items[0].Digest
	command(t, ".", nil, "docker", "pull", "-q", ref)
	if got := command(t, ".", nil, "docker", "run", "--rm", "--network", "none", ref); got != "version 1\n" {
		t.Errorf("the image says %q", got)
	}
	command(t, ".", nil, "docker", "rmi", "-f", ref)

	two := one
	two.Version = "2"
	two = built(t, engine, two)
	mustPublish(t, p, two)
	wantHighest(t, p, two.Package, 2)
	// An old release that is published again moves nothing back.
	wantState(t, p, one, publish.Complete)
	mustPublish(t, p, one)
	got := tags(t, registry, "team/pet_api")
	if len(got) != 4 || got["1"] != out.Items[0].Digest || got["latest"] != got["2"] || got["stable"] != got["2"] || got["1"] == got["2"] {
		t.Errorf("tags %v", got)
	}

	// The same version of something else is refused, and stays as it is.
	for name, change := range map[string]func(*publish.Release){
		"commit":     func(r *publish.Release) { r.Commit = strings.Repeat("cd", 20) },
		"repository": func(r *publish.Release) { r.Repo.Owner = "other" },
		"package":    func(r *publish.Release) { r.Package.Name = "pet_api" },
	} {
		other := one
		change(&other)
		other.Image = ""
		wantState(t, p, other, publish.Conflict)
		if _, err := p.Publish(t.Context(), other); !publish.IsConflict(err) {
			t.Errorf("another %s: %v", name, err)
		}
	}
	if now := tags(t, registry, "team/pet_api"); !maps.Equal(now, got) {
		t.Errorf("tags %v, before %v", now, got)
	}
}

// TestImageFaults: whatever goes wrong on the way, the version is there once
// and means one image.
func TestImageFaults(t *testing.T) {
	engine := dockertest.Engine(t)
	registry := publishtest.StartRegistry(t, "")
	put := func(what string) func(*http.Request) bool {
		return func(r *http.Request) bool {
			return (r.Method == http.MethodPut || r.Method == http.MethodPatch) && strings.Contains(r.URL.Path, what)
		}
	}
	version := 0
	for _, tt := range []struct {
		name  string
		fault publishtest.Fault
		at    func(*http.Request) bool
		kind  checks.Kind
	}{
		{"manifest refused by a fault", publishtest.Error, put("/manifests/"), checks.KindUnavailable},
		{"manifest taken, answer lost", publishtest.Lost, put("/manifests/"), checks.KindUnavailable},
		{"not allowed", publishtest.Deny, put("/manifests/"), checks.KindConfig},
		{"tag lost", publishtest.Lost, put("/manifests/latest"), checks.KindUnavailable},
		{"tag fails", publishtest.Busy, put("/manifests/stable"), checks.KindUnavailable},
		{"look-up fails", publishtest.Error, func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/manifests/") }, checks.KindUnavailable},
		{"look-up denied", publishtest.Deny, func(r *http.Request) bool { return true }, checks.KindConfig},
	} {
		t.Run(tt.name, func(t *testing.T) {
			version++
			proxy := publishtest.StartProxy(t, registry.URL)
			p := publish.NewOCI(publish.OCIOptions{Engine: engine, Credentials: credentials("me", secret)})
			r := imageRelease(t, engine, proxy.Host, fmt.Sprint(version))
			r.Package.BuildInfo.RegistryPrefix = proxy.Host + "/" + r.Repo.Name
			proxy.Once(tt.fault, tt.at)
			_, err := p.Publish(t.Context(), r)
			wantKind(t, err, tt.kind)
			if tt.fault == publishtest.Busy && retryAfter(err) != 7 {
				t.Errorf("come again after %v s", retryAfter(err))
			}
			// The server has died, and the image with it: it is built again.
			if _, state, err := p.Find(t.Context(), r); err != nil || state == publish.Conflict || state == publish.Complete {
				t.Errorf("found %v, %v", state, err)
			}
			out := mustPublish(t, p, r)
			wantState(t, p, r, publish.Complete)
			got := tags(t, registry, r.Repo.Name+"/pet_api")
			if len(got) != 3 || got["latest"] != out.Items[0].Digest || got["stable"] != got["latest"] || got[r.Version] != got["latest"] {
				t.Errorf("tags %v, want all to be %s", got, out.Items[0].Digest)
			}
		})
	}
}

// TestImageUploadBreaks: the engine tries a layer again by itself.
func TestImageUploadBreaks(t *testing.T) {
	engine := dockertest.Engine(t)
	registry := publishtest.StartRegistry(t, "")
	proxy := publishtest.StartProxy(t, registry.URL)
	p := publish.NewOCI(publish.OCIOptions{Engine: engine})
	r := imageRelease(t, engine, proxy.Host, "1")
	proxy.Once(publishtest.Broken, func(r *http.Request) bool { return r.Method == http.MethodPatch })
	if _, err := p.Publish(t.Context(), r); err != nil {
		wantKind(t, err, checks.KindUnavailable)
		mustPublish(t, p, r)
	}
	wantState(t, p, r, publish.Complete)
	if got := tags(t, registry, "team/pet_api"); len(got) != 3 {
		t.Errorf("tags %v", got)
	}
}

func TestImageRegistryHangs(t *testing.T) {
	engine := dockertest.Engine(t)
	registry := publishtest.StartRegistry(t, "")
	proxy := publishtest.StartProxy(t, registry.URL)
	p := publish.NewOCI(publish.OCIOptions{Engine: engine})
	r := imageRelease(t, engine, proxy.Host, "1")
	for _, at := range []string{http.MethodHead, http.MethodGet, http.MethodPut} {
		proxy.Set(func(r *http.Request) publishtest.Fault {
			if r.Method == at && !strings.HasSuffix(r.URL.Path, "/v2/") {
				return publishtest.Hanging
			}
			return publishtest.None
		})
		ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
		_, err := p.Publish(ctx, r)
		wantKind(t, err, checks.KindUnavailable)
		cancel()
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Publish(ctx, r); checks.KindOf(err) != checks.KindInternal {
		t.Errorf("a call that was given up: %v", err)
	}
	proxy.Set(nil)
	mustPublish(t, p, r)
}

// htpasswd of "loktar" and the secret, bcrypt, as `htpasswd -nB` makes it.
func htpasswd(t *testing.T) string {
	t.Helper()
	hash := strings.TrimSpace(command(t, ".", []string{"P=" + secret}, python, "-W", "ignore", "-c",
		"import crypt, os; print(crypt.crypt(os.environ['P'], crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)))"))
	file := filepath.Join(t.TempDir(), "htpasswd")
	if err := os.WriteFile(file, []byte("loktar:"+hash+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestImagesCredentials(t *testing.T) {
	engine := dockertest.Engine(t)
	registry := publishtest.StartRegistry(t, htpasswd(t))
	var now atomic.Pointer[publish.Credential]
	var asked atomic.Pointer[string]
	p := publish.NewOCI(publish.OCIOptions{Engine: engine, Credentials: func(_ context.Context, host string) (publish.Credential, error) {
		asked.Store(&host)
		return *now.Load(), nil
	}})
	r := imageRelease(t, engine, registry.Host, "1")
	for _, c := range []publish.Credential{{}, {Username: "loktar", Password: "wrong"}, {Username: "other", Password: secret}} {
		now.Store(&c)
		_, err := p.Publish(t.Context(), r)
		wantKind(t, err, checks.KindConfig)
		if !strings.Contains(checks.PublicText(err, ""), registry.Host) {
			t.Errorf("the error does not name the registry: %v", err)
		}
		_, err = p.Highest(t.Context(), r.Package)
		wantKind(t, err, checks.KindConfig)
	}
	// The operator mends it while the server runs.
	now.Store(&publish.Credential{Username: "loktar", Password: secret})
	mustPublish(t, p, r)
	wantHighest(t, p, r.Package, 1)
	if got := *asked.Load(); got != registry.Host {
		t.Errorf("asked for the credentials of %q", got)
	}
	for _, text := range []string{fmt.Sprint(*now.Load()), fmt.Sprintf("%#v", *now.Load()), fmt.Sprintf("%+v", *now.Load()), string(must(now.Load().MarshalJSON()))} {
		if strings.Contains(text, secret) {
			t.Errorf("a credential prints as %q", text)
		}
	}
}

// TestImageTagsInPages lists versions from a registry that gives few at once.
func TestImageTagsInPages(t *testing.T) {
	var pages atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pages.Add(1)
		last := r.URL.Query().Get("last")
		switch last {
		case "":
			w.Header().Set("Link", `</v2/team/pet_api/tags/list?n=2&last=2>; rel="next"`)
			fmt.Fprint(w, `{"name":"team/pet_api","tags":["1","2"]}`)
		case "2":
			w.Header().Set("Link", `</v2/team/pet_api/tags/list?n=2&last=4>; rel="next"`)
			fmt.Fprint(w, `{"name":"team/pet_api","tags":["1.40","latest"]}`)
		default:
			fmt.Fprint(w, `{"name":"team/pet_api","tags":["17","009"]}`)
		}
	}))
	t.Cleanup(s.Close)
	p := publish.NewOCI(publish.OCIOptions{Prefix: strings.TrimPrefix(s.URL, "http://") + "/team"})
	pkg := release("docker", "Pet_API", "1").Package
	wantHighest(t, p, pkg, 17)
	pkg.BuildInfo.Version = "1.{{.Next}}"
	wantHighest(t, p, pkg, 40)
	if n := pages.Load(); n != 6 {
		t.Errorf("%d pages were read, want 6", n)
	}
}

func TestImageRefuses(t *testing.T) {
	p := publish.NewOCI(publish.OCIOptions{})
	for name, change := range map[string]func(*publish.Release){
		"no registry":   func(r *publish.Release) { r.Package.BuildInfo.RegistryPrefix = "" },
		"prefix":        func(r *publish.Release) { r.Package.BuildInfo.RegistryPrefix = "127.0.0.1:1/UP per" },
		"prefix tag":    func(r *publish.Release) { r.Package.BuildInfo.RegistryPrefix = "127.0.0.1:1/a:tag" },
		"name":          func(r *publish.Release) { r.Package.Name = "a..-b" },
		"version":       func(r *publish.Release) { r.Version = "1+2" },
		"latest":        func(r *publish.Release) { r.Version = "latest" },
		"extra number":  func(r *publish.Release) { r.Package.BuildInfo.ExtraVersions = []string{"12"} },
		"extra grammar": func(r *publish.Release) { r.Package.BuildInfo.ExtraVersions = []string{"a/b"} },
		"pull request":  func(r *publish.Release) { r.PullRequest = true },
	} {
		r := release("docker", "api", "1")
		r.Package.BuildInfo.RegistryPrefix = "127.0.0.1:1/team"
		change(&r)
		if _, err := p.Publish(t.Context(), r); checks.KindOf(err) != checks.KindRefused {
			t.Errorf("%s: %v", name, err)
		}
	}
	r := release("docker", "api", "1")
	r.Package.BuildInfo.RegistryPrefix = "127.0.0.1:1/team"
	_, err := p.Publish(t.Context(), r)
	wantKind(t, err, checks.KindUnavailable)
}
