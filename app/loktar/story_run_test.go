package main

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/registry"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/dudesons/loktar/runner/docker/dockertest"
	"github.com/dudesons/loktar/runner/publish/publishtest"
)

// TestRuns runs testdata/run: what `loktar run` does with a local repository,
// on a terminal and off it, on the real engine. After each story nothing of it
// is left there.
func TestRuns(t *testing.T) {
	files, err := filepath.Glob("testdata/run/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	engine, image := dockertest.Engine(t), dockertest.Image(t)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			h := here{t, engine, image}
			testscript.Run(t, testscript.Params{
				Files: []string{file}, RequireExplicitExec: true, RequireUniqueNames: true,
				Setup: func(env *testscript.Env) error {
					env.Setenv("LOKTAR_RUNNER_IMAGE", image)
					env.Setenv("LOKTAR_RUNNER_SLOTS", "2")
					env.Setenv("SERVICE", dockertest.Service(t))
					return alone(env)
				},
				Cmds: map[string]func(*testscript.TestScript, bool, []string){"git": git, "exit": exitCode, "json": jsonField, "nothing": h.nothing, "private": h.private, "unpulled": h.unpulled},
			})
		})
	}
}

// here is the machine that stories are told on.
type here struct {
	t      *testing.T
	engine *client.Client
	image  string
}

// registryPassword is that of ci at the registry of `private`.
const registryPassword = "s3cret-of-the-registry"

// private: a registry that wants a password has the image $PRIVATE, and the
// engine does not. $REGISTRY is its host, $AUTH what Docker's config.json says.
func (h here) private(ts *testscript.TestScript, _ bool, _ []string) {
	// Debian's own Python has bcrypt, as `htpasswd -nB` makes it.
	hash := exec.Command("/usr/bin/python3", "-W", "ignore", "-c",
		"import crypt, os; print(crypt.crypt(os.environ['P'], crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)))")
	hash.Env = []string{"P=" + registryPassword}
	out, err := hash.Output()
	ts.Check(err)
	users := ts.MkAbs(".htpasswd")
	ts.Check(os.WriteFile(users, []byte("ci:"+string(out)), 0o600))
	r := publishtest.StartRegistry(h.t, users)
	name := r.Host + "/acme/ci:1"
	ts.Setenv("REGISTRY", r.Host)
	ts.Setenv("PRIVATE", name)
	ts.Setenv("PASSWORD", registryPassword)
	ts.Setenv("AUTH", base64.StdEncoding.EncodeToString([]byte("ci:"+registryPassword)))
	auth, err := registry.EncodeAuthConfig(registry.AuthConfig{Username: "ci", Password: registryPassword})
	ts.Check(err)
	ts.Check(h.engine.ImageTag(h.t.Context(), h.image, name))
	h.t.Cleanup(func() { _, _ = h.engine.ImageRemove(context.Background(), name, image.RemoveOptions{}) })
	stream, err := h.engine.ImagePush(h.t.Context(), name, image.PushOptions{RegistryAuth: auth})
	ts.Check(err)
	said, err := io.ReadAll(stream)
	ts.Check(errors.Join(err, stream.Close()))
	if strings.Contains(string(said), `"error"`) {
		ts.Fatalf("push: %s", said)
	}
	h.unpulled(ts, false, nil)
}

// unpulled: the engine does not have the image $PRIVATE any more.
func (h here) unpulled(ts *testscript.TestScript, _ bool, _ []string) {
	_, err := h.engine.ImageRemove(h.t.Context(), ts.Getenv("PRIVATE"), image.RemoveOptions{})
	ts.Check(err)
}

// nothing: of all that the story ran, nothing is left at the engine, in the
// packet filter and in the folders of jobs. "! nothing" is that something is.
func (h here) nothing(ts *testscript.TestScript, neg bool, _ []string) {
	rooms := filepath.Join(ts.Getenv("XDG_CACHE_HOME"), "loktar", "run", "*", "*")
	names, err := filepath.Glob(filepath.Join(rooms, "instance"))
	ts.Check(err)
	var left []string
	for _, file := range names {
		instance := strings.TrimSpace(ts.ReadFile(file))
		mine := filters.NewArgs(filters.Arg("label", "loktar.instance="+instance))
		containers, err := h.engine.ContainerList(h.t.Context(), container.ListOptions{All: true, Filters: mine})
		ts.Check(err)
		for _, c := range containers {
			left = append(left, c.Names...)
		}
		volumes, err := h.engine.VolumeList(h.t.Context(), volume.ListOptions{Filters: mine})
		ts.Check(err)
		for _, v := range volumes.Volumes {
			left = append(left, v.Name)
		}
		networks, err := h.engine.NetworkList(h.t.Context(), network.ListOptions{Filters: mine})
		ts.Check(err)
		for _, n := range networks {
			left = append(left, n.Name)
		}
	}
	for _, glob := range []string{"work/*", "busy", "git/trash/*"} {
		found, err := filepath.Glob(filepath.Join(rooms, glob))
		ts.Check(err)
		left = append(left, found...)
	}
	scratch, err := filepath.Glob(filepath.Join(ts.Getenv("TMPDIR"), "loktar-*"))
	ts.Check(err)
	left = append(left, scratch...)
	switch {
	case neg && len(left) == 0:
		ts.Fatalf("nothing is left")
	case !neg && len(names) == 0:
		ts.Fatalf("nothing was run")
	case !neg && len(left) > 0:
		ts.Fatalf("left: %q", left)
	}
}
