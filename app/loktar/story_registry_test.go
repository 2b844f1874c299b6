package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/dudesons/loktar/runner/publish"
	"github.com/dudesons/loktar/runner/publish/publishtest"
)

// registry FILE: start a registry of images, whose address stands in FILE for
// REGISTRY from now on, and in $REGISTRY. $PETS is a name for a repository of
// acme that no other story has, so that they share an engine in peace; the
// engine loses its images with the story.
func (w *world) registry(ts *testscript.TestScript, _ bool, args []string) {
	w.images = publishtest.StartRegistry(w.t, "")
	path := ts.MkAbs(args[0])
	ts.Check(os.WriteFile(path, []byte(strings.ReplaceAll(ts.ReadFile(args[0]), "REGISTRY", w.images.Host)), 0o600))
	ts.Setenv("REGISTRY", w.images.Host)
	pets := "pets-" + strings.ToLower(rand.Text()[:8])
	ts.Setenv("PETS", pets)
	w.t.Cleanup(func() {
		for _, i := range w.atEngine(context.Background(), "acme/"+pets) {
			_, _ = w.engine.ImageRemove(context.Background(), i.ID, image.RemoveOptions{Force: true, PruneChildren: true})
		}
	})
}

// atEngine are the images that the engine has of a repository.
func (w *world) atEngine(ctx context.Context, repo string) []image.Summary {
	list, err := w.engine.ImageList(ctx, image.ListOptions{Filters: filters.NewArgs(filters.Arg("label", publish.LabelRepo+"="+repo))})
	if err != nil {
		w.t.Errorf("list images: %v", err)
	}
	return list
}

// digest is the digest of the manifest that a tag means; "" where it means
// none.
func (w *world) digest(ts *testscript.TestScript, name, tag string) string {
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodHead, w.images.URL+"/v2/"+name+"/manifests/"+tag, nil)
	ts.Check(err)
	req.Header.Set("Accept", "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json")
	res, err := http.DefaultClient.Do(req)
	ts.Check(err)
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return ""
	}
	return res.Header.Get("Docker-Content-Digest")
}

// image NAME REGEXP TAG...: the registry has the image NAME under exactly these
// tags, all meaning the same, of which `docker run` prints what matches. It is
// pulled by its digest. With "!", it has none of the tags.
func (w *world) pulled(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		for _, tag := range args[1:] {
			if d := w.digest(ts, args[0], tag); d != "" {
				ts.Fatalf("%s:%s is %s", args[0], tag, d)
			}
		}
		return
	}
	digest := w.digest(ts, args[0], args[2])
	for _, tag := range args[2:] {
		if d := w.digest(ts, args[0], tag); d == "" || d != digest {
			ts.Fatalf("%s:%s is %q, and :%s is %q", args[0], args[2], digest, tag, d)
		}
	}
	ref := w.images.Host + "/" + args[0] + "@" + digest
	run := func(arg ...string) string {
		out, err := exec.CommandContext(w.t.Context(), "docker", arg...).CombinedOutput()
		if err != nil {
			ts.Fatalf("docker %q: %v\n%s", arg, err, out)
		}
		return string(out)
	}
	run("pull", "-q", ref)
	if got := run("run", "--rm", "--network", "none", ref); !regexp.MustCompile(args[1]).MatchString(got) {
		ts.Fatalf("%s prints %q, want %q", ref, got, args[1])
	}
}

// tags NAME TAG...: the registry has these tags of the image and no others.
func (w *world) tags(ts *testscript.TestScript, _ bool, args []string) {
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.images.URL+"/v2/"+args[0]+"/tags/list", nil)
	ts.Check(err)
	res, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	ts.Check(err)
	var list struct{ Tags []string }
	ts.Check(json.Unmarshal(body, &list))
	slices.Sort(list.Tags)
	want := slices.Sorted(slices.Values(args[1:]))
	if !slices.Equal(list.Tags, want) {
		ts.Fatalf("%s has the tags %q, want %q", args[0], list.Tags, want)
	}
}

// engine NAME...: the engine has these names of images of the story's
// repository, without the registry's address; "kept" is one that is not
// published.
func (w *world) engineHas(ts *testscript.TestScript, _ bool, args []string) {
	var got []string
	w.until(ts, "the engine to have the images "+strings.Join(args, ", "), func() bool {
		got = nil
		for _, i := range w.atEngine(w.t.Context(), w.name) {
			for _, name := range i.RepoTags {
				name = strings.TrimPrefix(name, w.images.Host+"/")
				if strings.HasPrefix(name, "loktar-built:") {
					name = "kept"
				}
				got = append(got, name)
			}
		}
		slices.Sort(got)
		return slices.Equal(got, slices.Sorted(slices.Values(args)))
	})
}
