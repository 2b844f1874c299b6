package docker_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/registry"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner/docker"
	"github.com/dudesons/loktar/runner/docker/dockertest"
	"github.com/dudesons/loktar/runner/publish/publishtest"
)

const password = "s3cret-of-the-registry"

// locked is a registry that wants a password, behind a proxy that counts.
func locked(t *testing.T) *publishtest.Proxy {
	t.Helper()
	// Debian's own Python has bcrypt, as `htpasswd -nB` makes it.
	make := exec.Command("/usr/bin/python3", "-W", "ignore", "-c",
		"import crypt, os; print(crypt.crypt(os.environ['P'], crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)))")
	make.Env = []string{"P=" + password}
	hash, err := make.Output()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "htpasswd")
	if err := os.WriteFile(file, []byte("ci:"+string(hash)), 0o600); err != nil {
		t.Fatal(err)
	}
	return publishtest.StartProxy(t, publishtest.StartRegistry(t, file).URL)
}

// derive makes an image that differs from the one for tests by a line of a
// Dockerfile.
func derive(t *testing.T, name, line string) (id string) {
	t.Helper()
	engine := dockertest.Engine(t)
	made, err := engine.ContainerCreate(t.Context(), &container.Config{Image: dockertest.Image(t)}, nil, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = engine.ContainerRemove(context.Background(), made.ID, container.RemoveOptions{Force: true})
	}()
	committed, err := engine.ContainerCommit(t.Context(), made.ID, container.CommitOptions{Reference: name, Changes: []string{line}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = engine.ImageRemove(context.Background(), name, image.RemoveOptions{Force: true})
		_, _ = engine.ImageRemove(context.Background(), committed.ID, image.RemoveOptions{Force: true})
	})
	return committed.ID
}

func push(t *testing.T, name string) {
	t.Helper()
	auth, err := registry.EncodeAuthConfig(registry.AuthConfig{Username: "ci", Password: password})
	if err != nil {
		t.Fatal(err)
	}
	stream, err := dockertest.Engine(t).ImagePush(t.Context(), name, image.PushOptions{RegistryAuth: auth})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	for dec := json.NewDecoder(stream); ; {
		var m struct{ Error string }
		if err := dec.Decode(&m); errors.Is(err, io.EOF) {
			return
		} else if err != nil || m.Error != "" {
			t.Fatalf("push: %v %s", err, m.Error)
		}
	}
}

func TestPull(t *testing.T) {
	proxy := locked(t)
	name := proxy.Host + "/acme/ci:1"
	id := derive(t, name, "LABEL a=1")
	push(t, name)
	gone := func() {
		_, _ = dockertest.Engine(t).ImageRemove(context.Background(), name, image.RemoveOptions{Force: true})
		_, _ = dockertest.Engine(t).ImageRemove(context.Background(), id, image.RemoveOptions{Force: true})
	}
	login := func(user, word string) func(*docker.Options) {
		return func(o *docker.Options) {
			o.Credentials = func(host string) (string, string, error) {
				if host != proxy.Host {
					return "", "", errors.New("no such host")
				}
				return user, word, nil
			}
		}
	}
	own := func(change func(*docker.Options)) func(*docker.Options) {
		return func(o *docker.Options) {
			o.Own = true
			change(o)
		}
	}
	for _, c := range []struct {
		name, image, words string
		cause              checks.Cause
		change             func(*docker.Options)
	}{
		{"own no login", name, "wants a login for the image " + name + ". Log in: docker login " + proxy.Host, checks.CauseImageLogin, own(func(*docker.Options) {})},
		{"own wrong password", name, "is wrong, or does not allow it. Log in anew: docker login " + proxy.Host, checks.CauseImageLogin, own(login("ci", "wrong-"+password))},
		{"own no such tag", proxy.Host + "/acme/ci:none", "or the name that --image or LOKTAR_RUNNER_IMAGE gives", checks.CauseImageUnknown, own(login("ci", password))},
		{"own never", name, "and LOKTAR_RUNNER_PULL is `never`. Get it with docker pull", checks.CauseImageMissing, own(func(o *docker.Options) { o.Pull = docker.PullNever })},
		{"own not allowed", name, "which LOKTAR_RUNNER_IMAGES or the file of --config sets", checks.CauseImageRefused, own(func(o *docker.Options) { o.Images = []string{"golang"} })},
		{"own no base", "loktar/base:none", "Make it with `make image` in Loktar's own repository", checks.CauseImageMissing, own(func(*docker.Options) {})},
		{"own unreadable", "127.0.0.1:1/acme/ci", "The login for pulls from 127.0.0.1:1 cannot be read: no such host", checks.CauseImageLogin, own(login("ci", password))},
		{"no login", name, "wants a login for the image " + name, checks.CauseImageLogin, func(*docker.Options) {}},
		{"wrong password", name, "refused the image " + name + ": the server's credentials for it are wrong", checks.CauseImageLogin, login("ci", "wrong-"+password)},
		{"no such tag", proxy.Host + "/acme/ci:none", "does not exist at " + proxy.Host, checks.CauseImageUnknown, login("ci", password)},
		{"no such name", proxy.Host + "/acme/none", "does not exist at " + proxy.Host, checks.CauseImageUnknown, login("ci", password)},
		{"no registry", "127.0.0.1:1/acme/ci", "cannot reach the registry 127.0.0.1:1", checks.CauseImageUnpullable, func(*docker.Options) {}},
		{"never", name, "runner.pull of the server is `never`", checks.CauseImageMissing, func(o *docker.Options) { o.Pull = docker.PullNever }},
		{"not allowed", name, "is not allowed on this server: nothing in runner.images", checks.CauseImageRefused, func(o *docker.Options) { o.Images = []string{"golang", "acme/*"} }},
		{"unreadable credentials", "127.0.0.1:1/acme/ci", "The credentials for pulls from 127.0.0.1:1 cannot be read", checks.CauseImageLogin, login("ci", password)},
	} {
		t.Run(c.name, func(t *testing.T) {
			gone()
			b := benchUp(t, c.change)
			task := b.task("true")
			task.Image = c.image
			out := newOutput()
			_, err := b.Run(t.Context(), task, out)
			wantKind(t, err, checks.KindConfig, c.words)
			wantCause(t, err, c.cause)
			if strings.Contains(err.Error()+checks.PublicText(err, "")+out.String(), password) {
				t.Errorf("the password shows: %v", err)
			}
			b.wantNothingLeft(t.Context())
		})
	}

	// Jobs that need one image at once share one pull.
	gone()
	b := benchUp(t, login("ci", password), func(o *docker.Options) { o.Images = []string{proxy.Host + "/acme/*"} })
	release := make(chan struct{})
	proxy.Set(func(r *http.Request) publishtest.Fault {
		if strings.Contains(r.URL.Path, "/manifests/") {
			<-release
		}
		return publishtest.None
	})
	before := len(proxy.Seen())
	var wg sync.WaitGroup
	outs := []*output{newOutput(), newOutput(), newOutput()}
	for i, out := range outs {
		wg.Go(func() {
			task := b.task("echo ran")
			task.Image, task.Job.Run = name, "run"+string(rune('a'+i))
			exit, err := b.Run(t.Context(), task, out)
			if err != nil || exit.Code != 0 || exit.Image != id {
				t.Errorf("exit %+v, %v, want the image %s", exit, err, id)
			}
		})
	}
	for _, out := range outs {
		out.await(t, "## Pulling the image "+name)
	}
	close(release)
	wg.Wait()
	var asked int
	for _, r := range proxy.Seen()[before:] {
		if strings.Contains(r, "/manifests/") {
			asked++
		}
	}
	if asked == 0 || asked > 3 { // one pull asks for the tag, perhaps twice, and for the content
		t.Errorf("the registry was asked for manifests %d times", asked)
	}
}

func TestOneImageARun(t *testing.T) {
	b := setUp(t)
	proxy := locked(t)
	name := proxy.Host + "/acme/moving:1"
	first := derive(t, name, "LABEL a=1")
	in := func(b *bench, run string) string {
		t.Helper()
		task := b.task("true")
		task.Image, task.Job.Run = name, run
		exit, _ := b.run(task)
		return exit.Image
	}
	if got := in(b, "one"); got != first {
		t.Fatalf("ran in %s, want %s", got, first)
	}
	second := derive(t, name, "LABEL a=2")
	for _, c := range []struct{ run, want string }{{"one", first}, {"two", second}, {"one", first}} {
		if got := in(b, c.run); got != c.want {
			t.Errorf("run %s ran in %s, want %s", c.run, got, c.want)
		}
	}
	// A new process goes on with what an earlier job of the run had.
	again := benchUp(t, func(o *docker.Options) {
		o.Recorded = func(run, image string) string {
			if run == "one" && image == name {
				return first
			}
			return ""
		}
	})
	if got := in(again, "one"); got != first {
		t.Errorf("after a restart the run ran in %s, want %s", got, first)
	}
	if got := in(again, "three"); got != second {
		t.Errorf("another run ran in %s, want %s", got, second)
	}
}

func TestPullAlways(t *testing.T) {
	t.Parallel()
	proxy := locked(t)
	name := proxy.Host + "/acme/always:1"
	pushed := derive(t, name, "LABEL a=1")
	push(t, name)
	local := derive(t, name, "LABEL a=2")
	b := benchUp(t, func(o *docker.Options) {
		o.Pull = docker.PullAlways
		o.Credentials = func(string) (string, string, error) { return "ci", password, nil }
	})
	if got, _ := b.run(b.task("true")); got.Code != 0 { // no registry has the image for tests
		t.Errorf("exit %+v", got)
	}
	task := b.task("true")
	task.Image = name
	exit, out := b.run(task)
	if exit.Image != local || strings.Contains(out, "Pulling") {
		t.Errorf("an image that was made here was pulled: %s\n%s", exit.Image, out)
	}
	if err := dockertest.Engine(t).ImageTag(t.Context(), pushed, name); err != nil {
		t.Fatal(err)
	}
	task.Job.Run = "later"
	for i := range 2 {
		exit, out = b.run(task)
		if exit.Image != pushed || strings.Contains(out, "Pulling") != (i == 0) {
			t.Errorf("job %d ran in %s\n%s", i, exit.Image, out)
		}
	}
}

func TestReadOnlyRoot(t *testing.T) {
	b := setUp(t)
	task := b.task("echo x > f; for d in /tmp /var/tmp /run /root; do echo x > $d/f; done; if echo x > /usr/f; then exit 1; fi")
	task.Image = "loktar/test-read-only:" + strings.ReplaceAll(b.instance[len(b.instance)-13:], ".", "")
	derive(t, task.Image, "LABEL "+docker.LabelReadOnly+"=true")
	if exit, out := b.run(task); exit.Code != 0 {
		t.Errorf("exit %+v\n%s", exit, out)
	}
}
