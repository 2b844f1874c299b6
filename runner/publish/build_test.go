package publish_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/image"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner/docker/dockertest"
	"github.com/dudesons/loktar/runner/publish"
	"github.com/dudesons/loktar/runner/publish/publishtest"
)

func TestBuildImage(t *testing.T) {
	engine := dockertest.Engine(t)
	base := dockertest.Image(t)
	for name, classic := range map[string]bool{"buildkit": false, "classic": true} {
		t.Run(name, func(t *testing.T) {
			r := release("docker", "built-"+name, "1.5")
			r.Repo.Name = "build-" + name
			t.Cleanup(func() { removeImages(t, engine, r) })
			r.Package.BuildInfo.BuildArgs = map[string]string{"COLOR": "blue", "LOKTAR_VERSION": "lie"}
			dir := t.TempDir()
			write(t, dir, map[string]string{
				"Dockerfile": "FROM " + base + "\nARG LOKTAR_VERSION\nARG COLOR\nLABEL " + publish.LabelVersion + "=lie\nCOPY . /app/\n" +
					"RUN echo \"building $LOKTAR_VERSION in $COLOR\" && ls -A /app\nCMD [\"/bin/cat\", \"/app/data\"]\n",
				".dockerignore": "secret*\n!secret-not\n", "data": "content", "secret": "x", "secret-not": "y",
				"fresh": rand.Text(), // builders keep what they built from the same files
			})
			var log bytes.Buffer
			id, err := publish.BuildImage(t.Context(), engine, publish.Build{Dir: dir, Release: r, Log: &log, Classic: classic})
			if err != nil {
				t.Fatalf("%v\n%s", err, log.String())
			}
			text := log.String()
			if !strings.Contains(text, "building 1.5 in blue") || !strings.Contains(text, "secret-not") || strings.Contains(text, "secret\n") {
				t.Errorf("log:\n%s", text)
			}
			info, err := engine.ImageInspect(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			for label, want := range publish.Labels(r) {
				if got := info.Config.Labels[label]; got != want {
					t.Errorf("label %s is %q, want %q", label, got, want)
				}
			}
			if got := command(t, dir, nil, "docker", "run", "--rm", "--network", "none", id); got != "content" {
				t.Errorf("the image says %q", got)
			}

			write(t, dir, map[string]string{"Dockerfile": "FROM " + base + "\nRUN echo oh no " + rand.Text() + "; exit 3\n"})
			log.Reset()
			_, err = publish.BuildImage(t.Context(), engine, publish.Build{Dir: dir, Release: r, Log: &log, Classic: classic})
			wantKind(t, err, checks.KindRefused)
			if !strings.Contains(log.String(), "oh no") {
				t.Errorf("the log of a failed build: %q", log.String())
			}
			write(t, dir, map[string]string{"Dockerfile": "FORM x\n"})
			_, err = publish.BuildImage(t.Context(), engine, publish.Build{Dir: dir, Release: r, Classic: classic})
			wantKind(t, err, checks.KindRefused)
		})
	}
}

// TestBuildKitPulls: without a session, BuildKit could use no base image that
// the engine does not have.
func TestBuildKitPulls(t *testing.T) {
	engine := dockertest.Engine(t)
	registry := publishtest.StartRegistry(t, "")
	base := registry.Host + "/base:1"
	command(t, ".", nil, "docker", "tag", dockertest.Image(t), base)
	command(t, ".", nil, "docker", "push", "-q", base)
	command(t, ".", nil, "docker", "rmi", base)
	r := release("docker", "pulls", "1")
	r.Repo.Name = "build-pulls"
	t.Cleanup(func() { removeImages(t, engine, r) })
	dir := t.TempDir()
	write(t, dir, map[string]string{"Dockerfile": "FROM " + base + "\nRUN --mount=type=cache,target=/c echo hello > /c/x\n"})
	var log bytes.Buffer
	if _, err := publish.BuildImage(t.Context(), engine, publish.Build{Dir: dir, Release: r, Log: &log}); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	write(t, dir, map[string]string{"Dockerfile": "FROM " + base + "-none\n"})
	_, err := publish.BuildImage(t.Context(), engine, publish.Build{Dir: dir, Release: r})
	wantKind(t, err, checks.KindRefused)
}

func TestBuildStops(t *testing.T) {
	engine := dockertest.Engine(t)
	r := release("docker", "stops", "1")
	dir := t.TempDir()
	write(t, dir, map[string]string{"Dockerfile": "FROM " + dockertest.Image(t) + "\nRUN echo begun && sleep 300\n"})
	for _, classic := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		log := writerFunc(func(p []byte) (int, error) {
			if strings.Contains(string(p), "begun") {
				cancel()
			}
			return len(p), nil
		})
		_, err := publish.BuildImage(ctx, engine, publish.Build{Dir: dir, Release: r, Log: log, Classic: classic})
		if ctx.Err() == nil || err == nil || checks.KindOf(err) != checks.KindInternal {
			t.Errorf("a build that was stopped: %v", err)
		}
		cancel()
	}
	if _, err := engine.ImageList(t.Context(), image.ListOptions{}); err != nil {
		t.Errorf("the client of the engine is broken: %v", err)
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestBuildRefuses(t *testing.T) {
	engine := dockertest.Engine(t)
	outside := t.TempDir()
	write(t, outside, map[string]string{"Dockerfile": "FROM scratch\n"})
	dir := t.TempDir()
	_, err := publish.BuildImage(t.Context(), engine, publish.Build{Dir: dir, Release: release("docker", "x", "1")})
	wantKind(t, err, checks.KindRefused)
	if err := os.Symlink(filepath.Join(outside, "Dockerfile"), filepath.Join(dir, "Dockerfile")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "../" + filepath.Base(outside) + "/Dockerfile"} {
		_, err = publish.BuildImage(t.Context(), engine, publish.Build{Dir: dir, Dockerfile: name, Release: release("docker", "x", "1")})
		wantKind(t, err, checks.KindRefused)
	}
}

// TestContextHoldsTheFolderAlone packs a folder that would like to reach out.
func TestContextHoldsTheFolderAlone(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	write(t, outside, map[string]string{"secret": "outside"})
	write(t, dir, map[string]string{"Dockerfile": "x", "a/b/c": "c", "a/log": "l", "keep/log": "k", ".dockerignore": "**/log\n!keep/log\nDockerfile\n"})
	for link, to := range map[string]string{"link": filepath.Join(outside, "secret"), "up": "../../..", "folder": outside} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	command(t, dir, nil, "mkfifo", "pipe")
	root := must(publish.OpenRoot(dir))
	defer root.Close()
	var out bytes.Buffer
	if err := publish.PackContext(t.Context(), root, "Dockerfile", 1000, &out); err != nil {
		t.Fatal(err)
	}
	var names []string
	for in := tar.NewReader(&out); ; {
		h, err := in.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
		data := must(io.ReadAll(in))
		if strings.Contains(string(data), "outside") || h.Uid != 0 || h.Uname != "" {
			t.Errorf("%s: %q of %d %q", h.Name, data, h.Uid, h.Uname)
		}
	}
	slices.Sort(names)
	want := []string{"./", ".dockerignore", "Dockerfile", "a/", "a/b/", "a/b/c", "folder", "keep/", "keep/log", "link", "up"}
	if !slices.Equal(names, want) {
		t.Errorf("packed %q, want %q", names, want)
	}
	err := publish.PackContext(t.Context(), root, "Dockerfile", 1, io.Discard)
	wantKind(t, err, checks.KindRefused)
}

func TestIgnored(t *testing.T) {
	const rules = "# comment\n\n*.log\n/build/\n**/tmp\n!build/keep\nsub/*.o\n{a}\n!\n[ab]x\n"
	for name, want := range map[string]bool{
		"x.log": true, "sub/x.log": false, "build": true, "build/x": true, "build/keep": false, "build/keep/y": false,
		"tmp": true, "a/b/tmp/c": true, "sub/x.o": true, "sub/d/x.o": false, "{a}": true, "a": false, "ax": true, "cx": false,
	} {
		if got, err := publish.Ignored(rules, name); got != want || err != nil {
			t.Errorf("%q ignored: %v, %v, want %v", name, got, err, want)
		}
	}
	_, err := publish.Ignored("[", "x")
	wantKind(t, err, checks.KindRefused)
}

func getJSON(t *testing.T, url string, into any) {
	t.Helper()
	resp := must(http.Get(url)) //nolint:noctx // a test
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("get %s: %d, %v", url, resp.StatusCode, err)
	}
}
