package docker_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/runner"
)

// TestLenient collects what a test left, however it ended.
func TestLenient(t *testing.T) {
	for way, through := range ways {
		t.Run(way, func(t *testing.T) {
			lenient(t, setUp(t, through))
		})
	}
}

func lenient(t *testing.T, b *bench) {
	b.packed()
	for name, c := range map[string]struct {
		step    string
		timeout time.Duration
		code    int
		want    taken
		refusal string
	}{
		"passed": {step: "mkdir dist; printf ok > dist/x", want: taken{"dist/x": "644 ok"}},
		"failed": {step: "mkdir dist; printf red > dist/x; exit 3", code: 3, want: taken{"dist/x": "644 red"}},
		"none":   {step: "exit 4", code: 4, want: taken{}},
		"link":   {step: "mkdir dist; printf red > dist/x; ln -s /etc/passwd dist/p; exit 3", code: 3, want: taken{"dist/x": "644 red"}, refusal: "`dist/p` is a symbolic link."},
		"pipe":   {step: "mkdir dist; mkfifo dist/p; printf ok > dist/x", want: taken{"dist/x": "644 ok"}, refusal: "`dist/p` is a named pipe."},
		"huge":   {step: "mkdir dist; truncate -s 101M dist/a; printf red > dist/x; exit 3", code: 3, want: taken{"dist/x": "644 red"}, refusal: "`dist/a` has 101 MiB; with it, the artifacts are larger than the 100 MiB"},
		"late":   {step: "mkdir dist; printf late > dist/x; sleep 100", timeout: 1500 * time.Millisecond, want: taken{"dist/x": "644 late"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := taken{}
			task := b.task(c.step)
			task.Dir, task.Clean, task.Timeout = "pkg", []string{"ls dist"}, c.timeout
			task.Artifacts = &runner.Artifacts{Globs: []string{"dist/**"}, Collect: got.collect, MaxBytes: 100 << 20, Lenient: true}
			exit, out := b.run(task)
			if c.timeout == 0 && exit.Code != c.code || exit.TimedOut != (c.timeout > 0) || exit.Artifacts != len(c.want) ||
				!strings.Contains(exit.Refusal, c.refusal) || (c.refusal == "") != (exit.Refusal == "") {
				t.Errorf("exit %+v\n%s", exit, out)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s\n%s", diff, out)
			}
			contains(t, out, "## ls dist\n")
			b.wantNothingLeft(t.Context())
		})
	}
}

// TestLenientFaults: who takes the files does not have the verdict be lost.
func TestLenientFaults(t *testing.T) {
	b := setUp(t)
	b.packed()
	task := b.task("printf made > made; exit 3")
	task.Dir = "pkg"
	task.Artifacts = &runner.Artifacts{Globs: []string{"made"}, Lenient: true, Collect: func(context.Context, string, int64, fs.FileMode, func() (io.ReadCloser, error)) error {
		return errors.New("a fault")
	}}
	exit, out := b.run(task)
	if exit.Code != 3 || exit.Refusal == "" || exit.Artifacts != 0 {
		t.Errorf("exit %+v\n%s", exit, out)
	}
	contains(t, out, "## echo cleaned\ncleaned\n")
	b.wantNothingLeft(t.Context())

	// Of steps that were stopped nothing is taken.
	ctx, cancel := context.WithCancel(t.Context())
	got := taken{}
	task.Steps, task.Artifacts.Collect = []string{"printf made > made; echo now; sleep 100"}, got.collect
	output := newOutput()
	done := make(chan struct{})
	var err error
	go func() {
		defer close(done)
		exit, err = b.Run(ctx, task, output)
	}()
	output.await(t, "now\n")
	cancel()
	<-done
	if err != nil || !exit.Cancelled || len(got) > 0 {
		t.Errorf("exit %+v, %v, %v", exit, err, got)
	}
}
