package docker_test

import (
	"path/filepath"
	"testing"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner/docker"
	"github.com/dudesons/loktar/runner/docker/dockertest"
)

// TestAFullDiskIsNoVerdict has jobs fail on a disk that is full: the server's
// own, filled by the job or by others, and that of the engine.
func TestAFullDiskIsNoVerdict(t *testing.T) {
	const size = 96 << 20
	disk := dockertest.Disk(t, size)
	b := benchUp(t, func(o *docker.Options) { o.WorkDir = filepath.Join(disk, "work") })
	b.work = filepath.Join(disk, "work")
	noVerdict := func(b *bench, step, words string) {
		t.Helper()
		out := newOutput()
		exit, err := b.Run(t.Context(), b.task(step), out)
		if err == nil {
			t.Fatalf("exit %+v\n%s", exit, out)
		}
		wantKind(t, err, checks.KindConfig, words)
		wantCause(t, err, checks.CauseDiskFull)
		b.wantNothingLeft(t.Context())
	}
	if exit, out := b.run(b.task("exit 3")); exit.Code != 3 {
		t.Errorf("a disk with room: exit %+v\n%s", exit, out)
	}
	noVerdict(b, "head -c 1024m /dev/zero > f", "was full while the job ran")
	// What is written may be gone before anybody looks: the lines clean up.
	noVerdict(b, "head -c 1024m /dev/zero > f || { echo sorry; sleep 1; rm f; exit 1; }", "was full while the job ran")
	if exit, out := b.run(b.task("exit 3")); exit.Code != 3 {
		t.Errorf("a disk that has room again: exit %+v\n%s", exit, out)
	}
	free := dockertest.Fill(t, disk)
	noVerdict(b, "true", "is full")
	free()

	// One that goes beyond its own bound is red all the same.
	limited := benchUp(t, small, func(o *docker.Options) { o.WorkDir = filepath.Join(disk, "limited") })
	limited.work = filepath.Join(disk, "limited")
	if exit, out := limited.run(limited.task(`i=0; while :; do i=$((i+1)); head -c 1m /dev/zero > f$i || :; sleep 0.02; done`)); exit.Exceeded == "" {
		t.Errorf("its own bound: exit %+v\n%s", exit, out)
	}
}

// TestAFullDiskOfTheEngineIsNoVerdict fills the root of a container, which is
// on another disk than the job's files.
func TestAFullDiskOfTheEngineIsNoVerdict(t *testing.T) {
	disk := dockertest.Disk(t, 160<<20)
	d := dockertest.StartDaemon(t, disk)
	s, err := docker.New(t.Context(), docker.Options{Instance: "full", WorkDir: filepath.Join(t.TempDir(), "work"), Host: d.Host, Image: dockertest.Image(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	b := &bench{Sandbox: s, t: t, tree: t.TempDir()}
	b.write("Makefile", "ci:\nclean:\n")
	task := b.task("exit 3")
	task.Network = false
	if exit, out := b.run(task); exit.Code != 3 {
		t.Errorf("a disk with room: exit %+v\n%s", exit, out)
	}
	task.Steps = []string{"head -c 1024m /dev/zero > /tmp/f"}
	_, err = b.Run(t.Context(), task, newOutput())
	wantKind(t, err, checks.KindConfig, "was full while the job ran")
	wantCause(t, err, checks.CauseDiskFull)

	free := dockertest.Fill(t, disk)
	defer free()
	task.Job.Run = "later"
	exit, err := b.Run(t.Context(), task, newOutput())
	if checks.CauseOf(err) != checks.CauseDiskFull {
		t.Errorf("exit %+v, %v", exit, err)
	}
}

// TestAFullDiskOutOfSightIsNoVerdict fills the disk of an engine that the
// server can only talk to. What a job says of it counts only when it is so.
func TestAFullDiskOutOfSightIsNoVerdict(t *testing.T) {
	disk := dockertest.Disk(t, 256<<20)
	d := dockertest.StartDaemon(t, disk)
	o := docker.Options{Instance: "far", WorkDir: filepath.Join(t.TempDir(), "work"), Host: d.Host, Image: dockertest.Image(t)}
	docker.Copying(&o)
	s, err := docker.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{Sandbox: s, t: t, tree: t.TempDir()}
	b.write("Makefile", "ci:\nclean:\n")
	task := b.task("echo write: No space left on device; exit 3")
	task.Network = false
	if exit, out := b.run(task); exit.Code != 3 {
		t.Errorf("a disk with room: exit %+v\n%s", exit, out)
	}
	for _, step := range []string{
		"dd if=/dev/zero of=f bs=1M",
		"dd if=/dev/zero of=/tmp/f bs=1M",
		"dd if=/dev/zero of=f bs=1M || { sleep 3; rm f; exit 1; }",
	} {
		task.Steps = []string{step}
		out := newOutput()
		exit, err := b.Run(t.Context(), task, out)
		if checks.CauseOf(err) != checks.CauseDiskFull {
			t.Errorf("%s: exit %+v, %v\n%s", step, exit, err, out)
		}
	}
	task.Steps = []string{"exit 3"}
	if exit, out := b.run(task); exit.Code != 3 {
		t.Errorf("a disk that has room again: exit %+v\n%s", exit, out)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	left, err := dockertest.Left(t.Context(), d.Client(), "", o.WorkDir)
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", err, left)
	}
}
