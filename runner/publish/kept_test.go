package publish_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
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

// wantNames fails unless the engine has exactly these names of the release's
// package, and no image of it without one.
func wantNames(t *testing.T, engine *client.Client, r publish.Release, want ...string) {
	t.Helper()
	images, err := engine.ImageList(t.Context(), image.ListOptions{Filters: filters.NewArgs(filters.Arg("label", publish.LabelRepo+"="+r.Repo.FullName()))})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, i := range images {
		if names = append(names, i.RepoTags...); len(i.RepoTags) == 0 {
			names = append(names, i.ID)
		}
	}
	slices.Sort(names)
	slices.Sort(want)
	if !slices.Equal(names, want) {
		t.Errorf("the engine has %q, want %q", names, want)
	}
}

// TestKeptUntilPublished: what is built stays until it is published or built
// again, and nothing else does.
func TestKeptUntilPublished(t *testing.T) {
	engine := dockertest.Engine(t)
	registry := publishtest.StartRegistry(t, "")
	proxy := publishtest.StartProxy(t, registry.URL)
	p := publish.NewOCI(publish.OCIOptions{Engine: engine})
	one := imageRelease(t, engine, proxy.Host, "1")
	kept := publish.KeptName(one)
	wantNames(t, engine, one, kept)

	proxy.Set(func(r *http.Request) publishtest.Fault {
		if r.Method == http.MethodPut {
			return publishtest.Deny
		}
		return publishtest.None
	})
	_, err := p.Publish(t.Context(), one)
	wantKind(t, err, checks.KindConfig)
	wantNames(t, engine, one, kept)

	// The release is given up; the next one's image takes the place.
	two := one
	two.Version = "2"
	two = built(t, engine, two)
	wantNames(t, engine, two, kept)
	if _, err := engine.ImageInspect(t.Context(), one.Image); err == nil {
		t.Error("the image that was given up is still there")
	}
	_, err = p.Publish(t.Context(), one)
	wantKind(t, err, checks.KindNotFound)

	proxy.Set(nil)
	mustPublish(t, p, two)
	name := proxy.Host + "/team/pet_api"
	wantNames(t, engine, two, name+":2")

	// Built again after a crash, when the registry has all of it.
	again := built(t, engine, two)
	mustPublish(t, p, again)
	if id := publish.KeptImage(t.Context(), engine, two); id != "" {
		t.Errorf("%s is kept of a release that is published", id)
	}

	three := two
	three.Version = "3"
	three = built(t, engine, three)
	mustPublish(t, p, three)
	wantNames(t, engine, three, name+":3")
}

// old loads an image of one empty file, made in 2001, under these names.
func old(t *testing.T, engine *client.Client, labels map[string]string, names ...string) {
	t.Helper()
	var layer, out bytes.Buffer
	file := func(w *tar.Writer, name string, data []byte) {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(data)), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	w := tar.NewWriter(&layer)
	file(w, "empty", nil)
	w.Close()
	config := must(json.Marshal(map[string]any{
		"architecture": "amd64", "os": "linux", "created": "2001-02-03T04:05:06Z",
		"config": map[string]any{"Labels": labels},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{fmt.Sprintf("sha256:%x", sha256.Sum256(layer.Bytes()))}},
	}))
	w = tar.NewWriter(&out)
	file(w, "layer.tar", layer.Bytes())
	file(w, "config.json", config)
	file(w, "manifest.json", must(json.Marshal([]map[string]any{{"Config": "config.json", "RepoTags": names, "Layers": []string{"layer.tar"}}})))
	w.Close()
	resp, err := engine.ImageLoad(t.Context(), &out)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if said, err := io.ReadAll(resp.Body); err != nil || !strings.Contains(string(said), "Loaded image") {
		t.Fatalf("load image: %s, %v", said, err)
	}
}

func TestSweepImages(t *testing.T) {
	engine := dockertest.Engine(t)
	r := release("docker", "swept", "5")
	r.Repo.Name = "sweep-" + strings.ToLower(t.Name())
	t.Cleanup(func() { removeImages(t, engine, r) })
	published := r
	published.Package.Name = "published"
	old(t, engine, publish.Labels(r), publish.KeptName(r), "127.0.0.1:1/sweep:5", "sweep.example.com/mine:1")
	old(t, engine, publish.Labels(published), "127.0.0.1:1/sweep-published:5")
	// A new image may say that it is as old as its base.
	fresh, dir := r, t.TempDir()
	fresh.Package.Name = "fresh"
	write(t, dir, map[string]string{"Dockerfile": "FROM sweep.example.com/mine:1\nCMD [\"/x\"]\n"})
	if _, err := publish.BuildImage(t.Context(), engine, publish.Build{Dir: dir, Release: fresh}); err != nil {
		t.Fatal(err)
	}

	if err := publish.SweepImages(t.Context(), engine, time.Date(2002, 1, 1, 0, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	wantNames(t, engine, r, publish.KeptName(fresh), "sweep.example.com/mine:1", "127.0.0.1:1/sweep-published:5")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := publish.SweepImages(ctx, engine, time.Time{}); checks.KindOf(err) != checks.KindInternal {
		t.Errorf("a sweep that was given up: %v", err)
	}
}
