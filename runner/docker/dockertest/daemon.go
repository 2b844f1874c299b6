package dockertest

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"
	"golang.org/x/sys/unix"
)

// Daemon is a Docker engine of a test's own, that may die. Its containers have
// no network but none.
type Daemon struct {
	// Host is its address, as of DOCKER_HOST.
	Host string

	t      testing.TB
	args   []string
	log    bytes.Buffer
	cmd    *exec.Cmd
	ended  chan struct{}
	client *client.Client
}

// StartDaemon starts an engine that keeps all that it has below dir, and has
// the image for tests. It ends with the test, which is skipped where none can
// be started.
func StartDaemon(t testing.TB, dir string) *Daemon {
	t.Helper()
	name := Image(t)
	if os.Geteuid() != 0 {
		t.Skip("to start an engine takes root")
	}
	for _, name := range []string{"dockerd", "unshare"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("there is no %s here", name)
		}
	}
	// A socket's path is short.
	run, err := os.MkdirTemp("", "loktar-dockerd")
	if err != nil {
		t.Fatal(err)
	}
	d := &Daemon{t: t, Host: "unix://" + filepath.Join(run, "d.sock"), args: []string{
		"--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(run, "exec"), "--pidfile", filepath.Join(run, "pid"),
		"--host", "unix://" + filepath.Join(run, "d.sock"), "--config-file", filepath.Join(run, "none.json"), "--bridge", "none", "--iptables=false", "--ip6tables=false", "--log-level", "error",
	}}
	// The machine's own engine may have a file of settings: it is not for this one.
	if err := os.WriteFile(filepath.Join(run, "none.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		d.Stop()
		if t.Failed() {
			t.Logf("the engine said:\n%s", tail(d.log.String(), 8000))
		}
		unmount(run)
		unmount(filepath.Join(dir, "data"))
		if err := os.RemoveAll(run); err != nil {
			t.Error(err)
		}
	})
	if d.client, err = client.NewClientWithOpts(client.WithHost(d.Host), client.WithAPIVersionNegotiation()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.client.Close() })
	d.Start()
	copied := exec.CommandContext(t.Context(), "sh", "-c", `docker save "$1" | DOCKER_HOST="$2" docker load`, "sh", name, d.Host)
	if out, err := copied.CombinedOutput(); err != nil {
		t.Fatalf("copy the image for tests: %v\n%s", err, out)
	}
	return d
}

// unmount lets go of what an engine that was killed had mounted below a folder.
func unmount(folder string) {
	mounts, _ := os.ReadFile("/proc/self/mounts")
	lines := strings.Split(string(mounts), "\n")
	for _, line := range slices.Backward(lines) {
		if f := strings.Fields(line); len(f) > 1 && (f[1] == folder || strings.HasPrefix(f[1], folder+"/")) {
			_ = unix.Unmount(f[1], unix.MNT_DETACH)
		}
	}
}

// Client speaks to the engine.
func (d *Daemon) Client() *client.Client { return d.client }

// Start starts the engine, and waits until it answers.
func (d *Daemon) Start() {
	d.t.Helper()
	// An engine without a bridge removes docker0, which is that of the machine's
	// own engine: this one has a network of its own to do so.
	d.cmd = exec.CommandContext(context.Background(), "unshare", append([]string{"--net", "--", "dockerd"}, d.args...)...)
	d.cmd.Stdout, d.cmd.Stderr = &d.log, &d.log
	// Signals to the test are not for the engine, which ends in its own turn.
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	cmd, ended := d.cmd, make(chan struct{})
	d.ended = ended
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(time.Minute); ; {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		_, err := d.client.Ping(ctx)
		cancel()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ended:
			d.t.Skipf("no second engine can be had here:\n%s", tail(d.log.String(), 2000))
		case <-deadline:
			d.t.Fatalf("the engine does not answer: %v", err)
		}
	}
}

// Stop asks the engine to end, as a service manager does, and waits for that.
func (d *Daemon) Stop() { d.end(syscall.SIGTERM) }

// Kill kills the engine. Its containers go on, and it takes them up or kills
// them when it is started again.
func (d *Daemon) Kill() { d.end(syscall.SIGKILL) }

func (d *Daemon) end(signal syscall.Signal) {
	d.t.Helper()
	if d.cmd == nil {
		return
	}
	_ = d.cmd.Process.Signal(signal)
	select {
	case <-d.ended:
	case <-time.After(time.Minute):
		_ = d.cmd.Process.Kill()
		<-d.ended
		d.t.Errorf("the engine did not end at signal %v", signal)
	}
	d.cmd = nil
}

func tail(text string, most int) string {
	if len(text) > most {
		text = "…" + text[len(text)-most:]
	}
	return strings.TrimSpace(text)
}

// Jobs is how many jobs run there.
func (d *Daemon) Jobs(ctx context.Context) (int, error) {
	list, err := d.client.ContainerList(ctx, container.ListOptions{Filters: filters.NewArgs(filters.Arg("label", "loktar.job"), filters.Arg("status", "running"))})
	return len(list), err
}
