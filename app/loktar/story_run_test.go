package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/dudesons/loktar/runner/docker/dockertest"
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
			h := here{t, engine}
			testscript.Run(t, testscript.Params{
				Files: []string{file}, RequireExplicitExec: true, RequireUniqueNames: true,
				Setup: func(env *testscript.Env) error {
					env.Setenv("LOKTAR_RUNNER_IMAGE", image)
					env.Setenv("LOKTAR_RUNNER_SLOTS", "2")
					return alone(env)
				},
				Cmds: map[string]func(*testscript.TestScript, bool, []string){"git": git, "exit": exitCode, "nothing": h.nothing},
			})
		})
	}
}

// here is the machine that stories are told on.
type here struct {
	t      *testing.T
	engine *client.Client
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
