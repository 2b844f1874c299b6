package docker_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"go.uber.org/goleak"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
	"github.com/dudesons/loktar/runner/docker"
	"github.com/dudesons/loktar/runner/docker/dockertest"
)

func TestMain(m *testing.M) {
	// What the server's own environment holds must not reach a job.
	_ = os.Setenv("LOKTAR_TEST_HOST_SECRET", "of-the-host")
	goleak.VerifyTestMain(m)
}

// output is what a job printed; headings stand in it as "## text".
type output struct {
	mu    sync.Mutex
	b     strings.Builder
	grown chan struct{}
}

func newOutput() *output { return &output{grown: make(chan struct{}, 1)} }

func (o *output) add(s string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.b.WriteString(s)
	select {
	case o.grown <- struct{}{}:
	default:
	}
}

func (o *output) Write(p []byte) (int, error) { o.add(string(p)); return len(p), nil }
func (o *output) Heading(text string)         { o.add("## " + text + "\n") }
func (o *output) Step(text string)            { o.Heading(text) }
func (o *output) Remark(text string)          { o.Heading(text) }

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// await waits until the job printed text.
func (o *output) await(t *testing.T, text string) {
	t.Helper()
	late := time.After(30 * time.Second)
	for !strings.Contains(o.String(), text) {
		select {
		case <-o.grown:
		case <-late:
			t.Fatalf("the job never printed %q; it printed:\n%s", text, o)
		}
	}
}

// bench is a sandbox with a tree to run jobs on.
type bench struct {
	*docker.Sandbox
	t        testing.TB
	instance string
	work     string
	tree     string
}

func setUp(t *testing.T, change ...func(*docker.Options)) *bench {
	t.Helper()
	t.Parallel()
	return benchUp(t, change...)
}

func benchUp(t testing.TB, change ...func(*docker.Options)) *bench {
	t.Helper()
	b := &bench{t: t, instance: "test-" + strings.ReplaceAll(t.Name(), "/", "-") + time.Now().Format("150405.000000"), work: t.TempDir(), tree: t.TempDir()}
	o := docker.Options{Instance: b.instance, WorkDir: b.work, Image: dockertest.Image(t), StopGrace: time.Second, StoppedCleanTime: 3 * time.Second}
	for _, f := range change {
		f(&o)
	}
	s, err := docker.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	b.Sandbox = s
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		b.wantNoneOf(filters.Arg("label", docker.LabelInstance+"="+b.instance))
		b.wantNothingLeft(context.Background())
	})
	b.write("Makefile", "ci:\n\t@echo tested\nclean:\n\t@echo cleaned\n")
	return b
}

func (b *bench) write(name, text string) {
	b.t.Helper()
	path := filepath.Join(b.tree, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// wantNothingLeft fails unless everything of this instance's jobs is gone.
func (b *bench) wantNothingLeft(ctx context.Context) {
	b.t.Helper()
	engine := dockertest.Engine(b.t)
	label := filters.NewArgs(filters.Arg("label", docker.LabelInstance+"="+b.instance))
	ofJobs := filters.NewArgs(filters.Arg("label", docker.LabelInstance+"="+b.instance), filters.Arg("label", docker.LabelJob))
	containers, err := engine.ContainerList(ctx, container.ListOptions{All: true, Filters: ofJobs})
	if err != nil || len(containers) > 0 {
		b.t.Errorf("containers left: %v, %v", containers, err)
	}
	volumes, err := engine.VolumeList(ctx, volume.ListOptions{Filters: label})
	if err != nil || len(volumes.Volumes) > 0 {
		b.t.Errorf("volumes left: %v, %v", volumes.Volumes, err)
	}
	entries, err := os.ReadDir(b.work)
	if err != nil || len(entries) > 0 {
		b.t.Errorf("folders left: %v, %v", entries, err)
	}
}

// wantNoneOf fails when a container or network matches.
func (b *bench) wantNoneOf(filter filters.KeyValuePair) {
	b.t.Helper()
	engine, ctx := dockertest.Engine(b.t), context.Background()
	containers, err := engine.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filter)})
	if err != nil || len(containers) > 0 {
		b.t.Errorf("containers left: %v, %v", containers, err)
	}
	networks, err := engine.NetworkList(ctx, network.ListOptions{Filters: filters.NewArgs(filter)})
	if err != nil || len(networks) > 0 {
		b.t.Errorf("networks left: %v, %v", networks, err)
	}
}

func (b *bench) task(steps ...string) runner.Task {
	return runner.Task{
		Job: checks.JobID{Run: "run1", Package: "pkg"}, Tree: b.tree, Dir: ".",
		Steps: steps, Clean: []string{"echo cleaned"}, Timeout: time.Minute,
	}
}

func (b *bench) run(t runner.Task) (runner.Exit, string) {
	b.t.Helper()
	out := newOutput()
	exit, err := b.Run(b.t.Context(), t, out)
	if err != nil {
		b.t.Fatalf("Run: %v\n%s", err, out)
	}
	return exit, out.String()
}

func contains(t *testing.T, got string, wants ...string) {
	t.Helper()
	at := 0
	for _, want := range wants {
		i := strings.Index(got[at:], want)
		if i < 0 {
			t.Fatalf("%q is missing, or not in its place, in:\n%s", want, got)
		}
		at += i + len(want)
	}
}

func TestVerdicts(t *testing.T) {
	b := setUp(t)
	b.write("sub dir/Makefile", "ci:\n\t@pwd\n")
	for _, c := range []struct {
		name   string
		change func(*runner.Task)
		code   int
		step   int
		want   []string
	}{
		{"make", func(t *runner.Task) { t.Steps, t.Clean = []string{"make ci"}, []string{"make clean"} }, 0, 0,
			[]string{"## make ci\ntested\n## make clean\ncleaned\n"}},
		{"second of three fails", func(t *runner.Task) { t.Steps = []string{"echo a", "echo b; exit 7", "echo c"} }, 7, 1,
			[]string{"a\n", "b\n## The line above exited with 7.\n## echo cleaned\ncleaned\n"}},
		{"stops at the first failing command", func(t *runner.Task) { t.Steps = []string{"echo a\nfalse\necho b"} }, 1, 0,
			[]string{"a\n## The line above exited with 1.\n## echo cleaned"}},
		{"cleaning fails", func(t *runner.Task) {
			t.Steps, t.Clean = []string{"true"}, []string{"exit 3", "echo also"}
		}, 0, 0, []string{"exited with 3", "also\n"}},
		{"folder with a space", func(t *runner.Task) { t.Steps, t.Dir = []string{"make ci"}, "sub dir" }, 0, 0,
			[]string{"/workspace/sub dir\n"}},
		{"no clean lines", func(t *runner.Task) { t.Clean = nil }, 0, 0, []string{"hello\n"}},
		{"command not found", func(t *runner.Task) { t.Steps = []string{"no-such-thing"} }, 127, 0, []string{"not found"}},
		{"killed by a signal", func(t *runner.Task) { t.Steps = []string{"kill -9 $$"} }, 137, 0, []string{"cleaned"}},
		{"kills its own group", func(t *runner.Task) { t.Steps = []string{"trap 'kill 0' EXIT; exit 4"} }, 143, 0, []string{"cleaned"}},
		{"no newline at the end", func(t *runner.Task) { t.Steps = []string{"printf end"} }, 0, 0, []string{"end"}},
		{"standard error keeps its place", func(t *runner.Task) {
			t.Steps = []string{"for i in 1 2 3; do echo o$i; echo e$i >&2; done"}
		}, 0, 0, []string{"o1\ne1\no2\ne2\no3\ne3\n"}},
		{"interrupts are not ignored", func(t *runner.Task) {
			// SIGHUP and SIGINT are the two lowest bits; busybox ignores SIGQUIT by itself.
			t.Steps = []string{"grep 'SigIgn.*[048c]$' /proc/self/status"}
		}, 0, 0, []string{"SigIgn"}},
		{"reads no input", func(t *runner.Task) { t.Steps = []string{"cat; echo eof"} }, 0, 0, []string{"eof\n"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			task := b.task("echo hello")
			c.change(&task)
			out := newOutput()
			exit, err := b.Run(t.Context(), task, out)
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if exit.Code != c.code || exit.Step != c.step || exit.TimedOut || exit.Cancelled || exit.OutOfMemory {
				t.Errorf("exit %+v, want code %d at step %d\n%s", exit, c.code, c.step, out)
			}
			if !strings.HasPrefix(exit.Image, "sha256:") {
				t.Errorf("image %q is no digest", exit.Image)
			}
			contains(t, out.String(), c.want...)
		})
	}
}

func TestHostileText(t *testing.T) {
	b := setUp(t)
	evil := `'; touch /pwned; echo "$(touch /pwned)` + "`touch /pwned`\n${IFS}%s\\"
	b.write(evil[:40]+"x/Makefile", "ci:\n")
	task := b.task(`printf '%s' "$EVIL"`, `pwd`, `[ ! -e /pwned ]`, `env`)
	task.Dir = evil[:40] + "x"
	task.Job.Package = evil
	task.Env = map[string]string{"EVIL": evil, "LOKTAR": "true", "shift": "1", "IFS": "x", "ENV": "/workspace/none", "CDPATH": "/"}
	// The folder's name begins with a quote and holds a slash or not; make it as it is.
	if err := os.MkdirAll(filepath.Join(b.tree, task.Dir), 0o755); err != nil {
		t.Fatal(err)
	}
	exit, out := b.run(task)
	if exit.Code != 0 {
		t.Fatalf("exit %+v\n%s", exit, out)
	}
	contains(t, out, evil, "/workspace/"+task.Dir, "LOKTAR=true")
	if strings.Contains(out, "loktar_") {
		t.Errorf("the script's own variables leak into the job:\n%s", out)
	}
	if _, err := os.Stat("/pwned"); err == nil {
		t.Error("text from the manifest ran on this machine")
	}
}

func TestAllOutputArrives(t *testing.T) {
	b := setUp(t)
	exit, out := b.run(b.task("yes 0123456789abcde | head -c 5242880; echo the-end; exit 3"))
	if exit.Code != 3 {
		t.Errorf("exit %+v", exit)
	}
	if n := strings.Count(out, "0123456789abcde\n"); n != 5242880/16 {
		t.Errorf("%d lines came, want %d", n, 5242880/16)
	}
	contains(t, out, "the-end\n## The line above exited with 3.\n## echo cleaned\ncleaned\n")
}

func TestBackgroundChildDoesNotDelayTheEnd(t *testing.T) {
	b := setUp(t)
	started := time.Now()
	exit, out := b.run(b.task("sleep 300 & echo started"))
	if exit.Code != 0 || time.Since(started) > 20*time.Second {
		t.Errorf("exit %+v after %v\n%s", exit, time.Since(started), out)
	}
}

func TestTimeout(t *testing.T) {
	b := setUp(t)
	for name, step := range map[string]string{
		"obeys":              "echo up; sleep 300",
		"ignores SIGTERM":    "trap '' TERM; echo up; while :; do sleep 1; done",
		"in its own session": "echo up; setsid sh -c \"trap '' TERM; sleep 300\"; sleep 300",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			task := b.task(step)
			task.Timeout = 1500 * time.Millisecond
			out := newOutput()
			started := time.Now()
			exit, err := b.Run(t.Context(), task, out)
			if err != nil || !exit.TimedOut || exit.Cancelled {
				t.Fatalf("exit %+v, %v\n%s", exit, err, out)
			}
			if took := time.Since(started); took > 15*time.Second {
				t.Errorf("it took %v", took)
			}
			contains(t, out.String(), "up\n", "## The timeout of 1.5s is over", "## echo cleaned\ncleaned\n")
		})
	}
}

func TestCancel(t *testing.T) {
	b := setUp(t)
	ctx, cancel := context.WithCancel(t.Context())
	out := newOutput()
	go func() {
		defer cancel()
		for ctx.Err() == nil && !strings.Contains(out.String(), "up\n") {
			<-out.grown
		}
	}()
	exit, err := b.Run(ctx, b.task("echo up; sleep 300"), out)
	if err != nil || !exit.Cancelled || exit.TimedOut {
		t.Fatalf("exit %+v, %v\n%s", exit, err, out)
	}
	contains(t, out.String(), "up\n", "## Stopping the job", "## echo cleaned\ncleaned\n")
	b.wantNothingLeft(t.Context())

	// Before the start: nothing runs, nothing stays.
	if _, err := b.Run(ctx, b.task("echo never"), newOutput()); !errors.Is(err, context.Canceled) {
		t.Errorf("a job that was cancelled before: %v", err)
	}
	b.wantNothingLeft(t.Context())
}

func TestCleaningIsBounded(t *testing.T) {
	b := setUp(t, func(o *docker.Options) { o.CleanTime = time.Second })
	task := b.task("exit 5")
	task.Clean = []string{"trap '' TERM; sleep 300"}
	exit, out := b.run(task)
	if exit.Code != 5 || exit.TimedOut {
		t.Errorf("exit %+v, want the verdict of the steps", exit)
	}
	contains(t, out, "Cleaning up did not end in time")
}

func TestTimeoutDoesNotCountCleaning(t *testing.T) {
	b := setUp(t)
	task := b.task("true")
	task.Timeout = time.Second
	task.Clean = []string{"sleep 2; echo slowly"}
	exit, out := b.run(task)
	if exit.Code != 0 || exit.TimedOut {
		t.Errorf("exit %+v", exit)
	}
	contains(t, out, "slowly\n")
}
