package docker_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/image"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner/docker/dockertest"
)

// ownName is a name for an image of b's test.
func ownName(b *bench, what string) string {
	return "loktar/test-" + what + ":" + strings.ReplaceAll(b.instance[len(b.instance)-13:], ".", "")
}

// TestImageForAnotherMachine runs an image whose shell is no program here.
func TestImageForAnotherMachine(t *testing.T) {
	b := setUp(t)
	name := ownName(b, "machine")
	foreign := "arm64"
	if runtime.GOARCH == foreign {
		foreign = "amd64"
	}
	load(t, name, foreign, map[string]string{"bin/sh": "\x7fELF of another machine"})
	task := b.task("true")
	task.Image = name
	out := newOutput()
	exit, err := b.Run(t.Context(), task, out)
	if err == nil {
		t.Fatalf("exit %+v\n%s", exit, out)
	}
	wantKind(t, err, checks.KindConfig, "is for "+foreign+", and the Docker engine runs on "+runtime.GOARCH)
	wantCause(t, err, checks.CauseImageMachine)
	b.wantNothingLeft(t.Context())
}

// load makes an image of one layer with these files.
func load(t *testing.T, name, arch string, files map[string]string) {
	t.Helper()
	layer := archive(t, files, 0o755)
	config, err := json.Marshal(map[string]any{
		"architecture": arch, "os": "linux", "config": map[string]any{},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(layer)))}},
	})
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := json.Marshal([]map[string]any{{"Config": "config.json", "RepoTags": []string{name}, "Layers": []string{"layer.tar"}}})
	if err != nil {
		t.Fatal(err)
	}
	all := archive(t, map[string]string{"config.json": string(config), "manifest.json": string(manifest), "layer.tar": layer}, 0o644)
	engine := dockertest.Engine(t)
	loaded, err := engine.ImageLoad(t.Context(), strings.NewReader(all))
	if err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(loaded.Body)
	loaded.Body.Close()
	t.Cleanup(func() { _, _ = engine.ImageRemove(context.Background(), name, image.RemoveOptions{Force: true}) })
	if err != nil || !strings.Contains(string(said), "Loaded image") {
		t.Fatalf("load the image: %v\n%s", err, said)
	}
}

func archive(t *testing.T, files map[string]string, mode int64) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for name, text := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestImageRemovedDuringItsRun has a second job of a run find that the image of
// the first is gone, and nowhere to be had.
func TestImageRemovedDuringItsRun(t *testing.T) {
	b := setUp(t)
	task := b.task("true")
	task.Image = ownName(b, "removed")
	derive(t, task.Image, "LABEL a=removed")
	if exit, out := b.run(task); exit.Code != 0 {
		t.Fatalf("exit %+v\n%s", exit, out)
	}
	removeImage(t, task.Image)
	_, err := b.Run(t.Context(), task, newOutput())
	wantKind(t, err, checks.KindConfig, "was removed from the Docker engine while its run went on")
	wantCause(t, err, checks.CauseImageRemoved)
}

// TestOutOfMemoryInAChild: that a child was killed is seen whatever the step
// makes of it.
func TestOutOfMemoryInAChild(t *testing.T) {
	b := setUp(t)
	for step, code := range map[string]int{
		`(x=$(head -c 100m /dev/zero | tr '\0' x)) || exit 2`: 2,
		`(x=$(head -c 100m /dev/zero | tr '\0' x)) || exit 0`: 0,
	} {
		task := b.task(step)
		task.Resources = checks.Resources{Memory: 32 << 20}
		if exit, out := b.run(task); exit.Code != code || !exit.OutOfMemory || exit.MemoryLimit != 32<<20 {
			t.Errorf("%s: exit %+v\n%.500s", step, exit, out)
		}
	}
}
