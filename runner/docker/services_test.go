package docker_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
	"github.com/dudesons/loktar/runner/docker"
	"github.com/dudesons/loktar/runner/docker/dockertest"
)

// serves answers each connection to port 7000 with what it is told to say.
func serves(say string) string {
	return "nc -ll -p 7000 -e echo " + say
}

// asks reads what a service answers.
const asks = "nc -w 5 db 7000 </dev/null"

// with is a task with one service, which runs the shell lines in run.
func (b *bench) with(run, ready string, steps ...string) runner.Task {
	b.t.Helper()
	task := b.task(steps...)
	task.Services = []runner.Service{{Name: "db", Image: dockertest.Service(b.t), Env: map[string]string{"RUN": run}, Ready: ready}}
	return task
}

// wantNoSidecars fails when anything of a job's services is there.
func (b *bench) wantNoSidecars() {
	b.t.Helper()
	engine, ctx := dockertest.Engine(b.t), context.Background()
	ofJobs := filters.NewArgs(filters.Arg("label", docker.LabelInstance+"="+b.instance), filters.Arg("label", docker.LabelJob))
	b.wantNothingLeft(ctx)
	networks, err := engine.NetworkList(ctx, network.ListOptions{Filters: ofJobs})
	if err != nil || len(networks) > 0 {
		b.t.Errorf("networks left: %v, %v", networks, err)
	}
}

// The container of clean lines is none of a service's, whatever that is called.
func TestServiceCalledClean(t *testing.T) {
	b := setUp(t)
	task := b.with(serves("pong"), "7000", "nc -w 5 clean 7000 </dev/null")
	task.Services[0].Name = "clean"
	task.Artifacts = &runner.Artifacts{Globs: []string{"none"}, Lenient: true, Collect: func(context.Context, string, int64, fs.FileMode, func() (io.ReadCloser, error)) error { return nil }}
	exit, out := b.run(task)
	if exit.Code != 0 {
		t.Errorf("%+v", exit)
	}
	contains(t, content(out), "pong\ncleaned\n")
	b.wantNoSidecars()
}

func TestServiceIsReached(t *testing.T) {
	b := setUp(t)
	for name, c := range map[string]struct {
		run, ready string
		change     func(*runner.Task)
	}{
		"by its port":              {run: serves("pong"), ready: "7000"},
		"ready late":               {run: "sleep 2; " + serves("pong"), ready: "7000"},
		"by a command":             {run: "sleep 1; touch /up; " + serves("pong"), ready: "[ -e /up ]"},
		"without a word on when":   {run: serves("pong"), change: func(t *runner.Task) { t.Steps = []string{"sleep 1; " + asks} }},
		"by the ports that it has": {run: "sleep 1; " + serves("pong"), change: func(t *runner.Task) { t.Services[0].Ports = []int{7000} }},
		"with a network":           {run: serves("pong"), ready: "7000", change: func(t *runner.Task) { t.Network = true }},
		"where files are collected": {run: serves("pong"), ready: "7000", change: func(t *runner.Task) {
			t.Folder = func(context.Context, string) error { return nil }
			t.Clean = []string{asks}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			task := b.with(c.run, c.ready, asks)
			if c.change != nil {
				c.change(&task)
			}
			exit, out := b.run(task)
			if exit.Code != 0 || exit.Unready != "" || exit.Died != "" || !strings.HasPrefix(exit.Services["db"], "sha256:") {
				t.Errorf("exit %+v", exit)
			}
			contains(t, out, "Starting service db (loktar/test-service:", "Service db is ready after ", "## "+task.Steps[0]+"\npong\n")
		})
	}
	t.Cleanup(b.wantNoSidecars)
}

// A service that does not come to be ready is a verdict that says what was
// waited for; no step runs.
func TestServiceIsNotReady(t *testing.T) {
	within := func(limit time.Duration) func(*docker.Options) {
		return func(o *docker.Options) { o.ReadyTime, o.Limits.Memory, o.Workspace = limit, 48<<20, 24<<20 }
	}
	b, patient := setUp(t, within(6*time.Second)), benchUp(t, within(5*time.Minute))
	suffix := strings.ReplaceAll(b.instance[len(b.instance)-13:], ".", "")
	checked := "loktar/test-checked:" + suffix
	derive(t, checked, `HEALTHCHECK --interval=1h CMD ["sh", "-c", "echo not yet; exit 1"]`+"\nCMD [\"sleep\", \"1000\"]")
	broken := "loktar/test-broken:" + suffix
	derive(t, broken, `ENTRYPOINT ["/no/such/program"]`)
	for name, c := range map[string]struct {
		run, ready string
		image      string
		want, log  string
	}{
		"port":          {run: "echo starting up; sleep 1000", ready: "7000", want: "was not ready after 6s: nothing listened at port 7000", log: "db | starting up"},
		"loopback":      {run: "httpd -f -p 127.0.0.1:7000", ready: "7000", want: "on the loopback alone"},
		"command":       {run: "sleep 1000", ready: "echo refused; exit 3", want: "its command `echo refused; exit 3` exited with 3 (`refused`)"},
		"slow command":  {run: "sleep 1000", ready: "sleep 1000", want: "did not end"},
		"health check":  {image: checked, want: "the health check of its image did not pass, at last with 1 (`not yet`)"},
		"dies":          {run: "echo no config >&2; exit 3", ready: "7000", want: "The service db ended with exit code 3 before it was ready", log: "db | no config"},
		"passes away":   {run: "sleep 1; exit 0", ready: "7000", want: "ended with exit code 0 before it was ready"},
		"out of memory": {run: "x=$(head -c 100m /dev/zero | tr '\\0' x); exit 9", ready: "7000", want: "reached its memory limit of 48MiB"},
		"fills disk":    {run: "i=0; while :; do i=$((i+1)); head -c 2m /dev/zero > /tmp/f$i; sleep 0.01; done", ready: "7000", want: "together wrote more than 24MiB"},
		"no program":    {image: broken, ready: "7000", want: "The service db could not be started"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := b
			if strings.Contains(name, "disk") || strings.Contains(name, "memory") {
				b = patient // it ends before, but not soon on a busy machine
			}
			task := b.with(c.run, c.ready, "echo never")
			if c.image != "" {
				task.Services[0].Image = c.image
				if c.image == checked {
					task.Services[0].Env = nil
				}
			}
			// Another service is there too, and as it should be.
			task.Services = append(task.Services, runner.Service{Name: "cache", Image: dockertest.Service(t), Env: map[string]string{"RUN": serves("pong")}, Ready: "7000"})
			exit, out := b.run(task)
			if !strings.Contains(exit.Unready, c.want) {
				t.Errorf("it says %q, not %q", exit.Unready, c.want)
			}
			if strings.Contains(out, "never") || strings.Contains(out, "cleaned") {
				t.Errorf("steps ran:\n%s", out)
			}
			contains(t, out, c.log)
		})
	}
	t.Cleanup(b.wantNoSidecars)
}

func TestServiceWithAHealthCheck(t *testing.T) {
	b := setUp(t)
	name := "loktar/test-healthy:" + strings.ReplaceAll(b.instance[len(b.instance)-13:], ".", "")
	derive(t, name, `HEALTHCHECK --interval=1h --retries=1 CMD ["sh", "-c", "[ -e /tmp/up ] || { touch /tmp/up; exit 1; }"]`+"\nCMD [\"httpd\", \"-f\", \"-p\", \"7000\"]")
	task := b.task("nc db 7000 </dev/null")
	task.Services = []runner.Service{{Name: "db", Image: name}}
	if exit, out := b.run(task); exit.Code != 0 || exit.Unready != "" {
		t.Errorf("exit %+v\n%s", exit, out)
	}
	b.wantNoSidecars()
}

// What a service does after the steps began changes no verdict, and is told.
func TestServiceDiesDuringTheSteps(t *testing.T) {
	b := setUp(t)
	run := "nc -l -p 7000 -e true; exit 4"
	gone := "The service db ended with exit code 4 while the steps ran."
	const until = "i=0; while nc -w 1 db 7000 </dev/null && [ $i -lt 100 ]; do i=$((i+1)); sleep 0.1; done; sleep 0.5"
	exit, out := b.run(b.with(run, "7000", until, "exit 3"))
	if exit.Code != 3 || exit.Died != gone {
		t.Errorf("exit %+v\n%s", exit, out)
	}
	exit, out = b.run(b.with(run, "7000", until))
	if exit.Code != 0 || exit.Died != gone {
		t.Errorf("exit %+v\n%s", exit, out)
	}
	contains(t, out, "## "+gone)
	b.wantNoSidecars()
}

func TestServiceIsEndedWithTheJob(t *testing.T) {
	b := setUp(t)
	stubborn := "trap '' TERM INT; " + serves("pong")
	t.Run("timeout", func(t *testing.T) {
		t.Parallel()
		task := b.with(stubborn, "7000", "sleep 300")
		task.Timeout = 4 * time.Second
		began := time.Now()
		if exit, out := b.run(task); !exit.TimedOut || time.Since(began) > 30*time.Second {
			t.Errorf("exit %+v after %v\n%s", exit, time.Since(began), out)
		}
	})
	for name, await := range map[string]string{"cancelled while it is waited for": "Starting service", "cancelled in the steps": "up\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			task, out, done := b.with(stubborn, "7000", "echo up; sleep 300"), newOutput(), make(chan struct{})
			if await != "up\n" {
				task.Services[0].Ready = "exit 1"
			}
			var exit runner.Exit
			var err error
			go func() {
				defer close(done)
				exit, err = b.Run(ctx, task, out)
			}()
			out.await(t, await)
			cancel()
			<-done
			if !exit.Cancelled && !errors.Is(err, context.Canceled) {
				t.Errorf("exit %+v, %v", exit, err)
			}
		})
	}
	t.Cleanup(b.wantNoSidecars)
}

// Jobs that run at once have services of the same names and ports, and reach
// none of another's, by name or by address.
func TestServicesOfTwoJobsAreApart(t *testing.T) {
	b := setUp(t)
	address := "$(nslookup db 2>/dev/null | sed -n 's/^Address.*: *\\(198[0-9.]*\\).*/\\1/p' | tail -n 1)"
	var wg sync.WaitGroup
	first := newOutput()
	ctx, cancel := context.WithCancel(t.Context())
	for _, networked := range []bool{true, false} {
		task := b.with(serves("first"), "7000", asks+"; echo at "+address, "echo up; sleep 300")
		task.Network = networked
		wg.Go(func() { _, _ = b.Run(ctx, task, first) })
	}
	for strings.Count(first.String(), "## echo up") < 2 {
		first.await(t, "up\n")
		if t.Failed() {
			break
		}
		<-first.grown
	}
	targets := ""
	for line := range strings.Lines(first.String()) {
		if a, found := strings.CutPrefix(line, "at "); found {
			targets += " " + strings.TrimSpace(a)
		}
	}
	if len(strings.Fields(targets)) != 2 {
		t.Errorf("the services' addresses are %q:\n%s", targets, first)
	}
	for _, networked := range []bool{true, false} {
		task := b.with(serves("second"), "7000", asks, "for a in "+targets+"; do if nc -w 2 $a 7000 </dev/null | grep first; then exit 5; fi; done")
		task.Network = networked
		exit, out := b.run(task)
		if exit.Code != 0 {
			t.Errorf("network %v: exit %+v\n%s", networked, exit, out)
		}
		contains(t, out, "second\n")
		// A job without services is on the network of all others.
		task = b.task("for a in " + targets + "; do if nc -w 2 $a 7000 </dev/null | grep first; then exit 5; fi; done")
		task.Network = networked
		if exit, out := b.run(task); exit.Code != 0 {
			t.Errorf("without services, network %v: exit %+v\n%s", networked, exit, out)
		}
	}
	cancel()
	wg.Wait()
	b.wantNoSidecars()
}

// With network false a job and its services reach one another and nothing else,
// also without rules in the machine's packet filter.
func TestServicesWithoutNetwork(t *testing.T) {
	b := setUp(t, func(o *docker.Options) { o.NoFirewall = true })
	port := listen(t, "0.0.0.0")
	look := "for h in $(ip route | sed -n 's/^default via \\([0-9.]*\\).*/\\1/p') 172.17.0.1 169.254.169.254; do if nc -w 2 $h " + port + " </dev/null 2>/dev/null | grep reached; then exit 5; fi; done"
	task := b.with(look+"; "+serves("pong"), "7000", asks, look, "if nslookup deb.debian.org; then exit 6; fi")
	exit, out := b.run(task)
	if exit.Code != 0 {
		t.Errorf("exit %+v\n%s", exit, out)
	}
	contains(t, out, "pong\n")
}

func TestServiceIsConfined(t *testing.T) {
	b := setUp(t)
	task := b.with("exec 2>&1; grep -E 'CapBnd|NoNewPrivs' /proc/self/status; ls /workspace; env; ls -l /var/run/docker.sock; hostname; "+serves("pong"), "7000", "true")
	var said strings.Builder
	task.Services[0].Output = &said
	task.Services[0].Env["OWN"] = "its own"
	task.Env = map[string]string{"OF_THE_STEPS": "x"}
	if exit, out := b.run(task); exit.Code != 0 {
		t.Fatalf("exit %+v\n%s", exit, out)
	}
	contains(t, said.String(), "CapBnd:\t00000000000000fb\n", "NoNewPrivs:\t1\n")
	contains(t, said.String(), "OWN=its own")
	if strings.Contains(said.String(), "OF_THE_STEPS") || strings.Contains(said.String(), "Makefile") || !strings.HasSuffix(strings.TrimSpace(said.String()), "db") {
		t.Errorf("it printed:\n%s", said.String())
	}
}

// What a service prints without end keeps nobody waiting.
func TestServiceFloodsItsLog(t *testing.T) {
	b := setUp(t)
	task := b.with("(yes flood &); "+serves("pong"), "7000", asks)
	exit, out := b.run(task)
	if exit.Code != 0 {
		t.Errorf("exit %+v\n%s", exit, out)
	}
	contains(t, out, "pong\n")
	b.wantNoSidecars()
}

func TestServiceImages(t *testing.T) {
	b := setUp(t, func(o *docker.Options) { o.Pull = docker.PullNever; o.Images = []string{"loktar/*"} })
	for image, want := range map[string]string{
		"loktar/no-such:image": "The service db: The image loktar/no-such:image is not on the Docker engine",
		"other/image":          "The service db: The image other/image:latest is not allowed on this server",
	} {
		task := b.with("", "", "true")
		task.Services[0].Image = image
		_, err := b.Run(t.Context(), task, newOutput())
		wantKind(t, err, checks.KindConfig, want)
	}
	b.wantNoSidecars()
}

// A server that does not see the engine's processes looks through a container.
func TestServiceIsLookedAtFromElsewhere(t *testing.T) {
	b := setUp(t, docker.WithoutProc)
	exit, out := b.run(b.with("sleep 1; "+serves("pong"), "7000", asks))
	if exit.Code != 0 {
		t.Errorf("exit %+v\n%s", exit, out)
	}
	contains(t, out, "pong\n")
	b.wantNoSidecars()
}

// What a process left that was killed goes with its labels.
func TestServicesAreReaped(t *testing.T) {
	b := setUp(t)
	withVolume := "loktar/test-volume-of-service:" + strings.ReplaceAll(b.instance[len(b.instance)-13:], ".", "")
	derive(t, withVolume, "VOLUME /data\nCMD [\"sleep\", \"1000\"]")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, done := newOutput(), make(chan struct{})
	task := b.with(serves("pong"), "7000", "echo up; sleep 300")
	task.Services = append(task.Services, runner.Service{Name: "store", Image: withVolume, Env: map[string]string{}, Ready: ""})
	go func() {
		defer close(done)
		_, _ = b.Run(ctx, task, out)
	}()
	out.await(t, "up\n")
	if err := b.Reap(t.Context()); err != nil {
		t.Fatal(err)
	}
	engine := dockertest.Engine(t)
	ofJobs := filters.NewArgs(filters.Arg("label", docker.LabelInstance+"="+b.instance), filters.Arg("label", docker.LabelJob))
	networks, err := engine.NetworkList(t.Context(), network.ListOptions{Filters: ofJobs})
	if err != nil || len(networks) != 1 {
		t.Errorf("what is live was removed: networks %v, %v", networks, err)
	}
	containers, err := engine.ContainerList(t.Context(), container.ListOptions{Filters: ofJobs})
	if err != nil || len(containers) != 3 {
		t.Errorf("containers %v, %v", containers, err)
	}
	var volumes []string
	for _, c := range containers {
		for _, m := range c.Mounts {
			if m.Destination == "/data" {
				volumes = append(volumes, m.Name)
			}
		}
	}
	if len(volumes) != 1 {
		t.Errorf("volumes %v", volumes)
	}
	// Another process of the same instance knows nothing of it.
	next, err := docker.New(t.Context(), docker.Options{Instance: b.instance, WorkDir: b.work, Image: dockertest.Image(t)})
	if err != nil {
		t.Fatal(err)
	}
	if err := next.Reap(t.Context()); err != nil {
		t.Error(err)
	}
	<-done
	b.wantNoSidecars()
	for _, name := range volumes {
		if _, err := engine.VolumeInspect(t.Context(), name); !cerrdefs.IsNotFound(err) {
			t.Errorf("the volume of a service is left: %v", err)
		}
	}
	if err := next.Close(); err != nil {
		t.Error(err)
	}
}
