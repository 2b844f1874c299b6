package docker_test

import (
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
	"github.com/dudesons/loktar/runner/docker"
	"github.com/dudesons/loktar/runner/docker/dockertest"
)

// door stands before the engine. While it is shut it takes no new connections,
// as an engine that is ending; those that are there go on.
type door struct {
	t      *testing.T
	path   string
	engine string

	under   sync.WaitGroup
	severed atomic.Bool
	change  atomic.Bool // see changeEngine
	listen  net.Listener
	mu      sync.Mutex
	conns   []net.Conn
}

func newDoor(t *testing.T) *door {
	d := &door{t: t, path: filepath.Join(t.TempDir(), "door.sock"), engine: strings.TrimPrefix(dockertest.Engine(t).DaemonHost(), "unix://")}
	d.open()
	t.Cleanup(func() {
		d.cut()
		d.under.Wait()
	})
	return d
}

// cut shuts the door and ends what goes through it, as the end of the process
// behind it does.
func (d *door) cut() {
	d.severed.Store(true) // before anybody hears of it, and asks for more
	d.shut()
	d.end()
}

func (d *door) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.conns {
		c.Close()
	}
	d.conns = nil
}

// changeEngine has the next new connection wait for an engine that comes
// next, as where systemd holds the socket: those that are there end first.
func (d *door) changeEngine() { d.change.Store(true) }

func (d *door) shut() { d.listen.Close() }

func (d *door) open() {
	l, err := net.Listen("unix", d.path)
	if err != nil {
		d.t.Fatal(err)
	}
	d.listen = l
	d.severed.Store(false)
	d.under.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			if d.change.Swap(false) {
				d.end()
			}
			out, err := net.Dial("unix", d.engine)
			if err != nil {
				in.Close()
				continue
			}
			d.mu.Lock()
			d.conns = append(d.conns, in, out)
			d.mu.Unlock()
			for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
				d.under.Go(func() {
					_, _ = io.Copy(&severable{way[1], &d.severed}, way[0])
					_ = way[1].(*net.UnixConn).CloseWrite()
				})
			}
		}
	})
}

// severable takes nothing more once it is severed.
type severable struct {
	io.Writer
	severed *atomic.Bool
}

func (s *severable) Write(p []byte) (int, error) {
	if s.severed.Load() {
		return 0, net.ErrClosed
	}
	return s.Writer.Write(p)
}

// signal sends a signal to the containers of a bench, of which there is one at
// least: those of its jobs, or all others. A container may print before the
// engine counts it as running.
func (b *bench) signal(t *testing.T, signal string, jobs bool) {
	t.Helper()
	engine := dockertest.Engine(t)
	mine := filters.NewArgs(filters.Arg("label", docker.LabelInstance+"="+b.instance), filters.Arg("status", "running"))
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(30 * time.Second); ; {
		found, err := engine.ContainerList(t.Context(), container.ListOptions{Filters: mine})
		if err != nil {
			t.Fatal(err)
		}
		sent := 0
		for _, c := range found {
			if (c.Labels[docker.LabelJob] != "") != jobs {
				continue
			}
			if err := engine.ContainerKill(t.Context(), c.ID, signal); err != nil {
				t.Fatal(err)
			}
			sent++
		}
		if sent > 0 {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("no such container runs")
		}
	}
}

// TestAnEngineThatEndsIsNoVerdict has jobs end as they do when their engine is
// stopped: by its SIGTERM, whatever they make of it, and by its SIGKILL.
func TestAnEngineThatEndsIsNoVerdict(t *testing.T) {
	for name, c := range map[string]struct{ step, signal string }{
		"heeds the signal":  {"echo up; sleep 300", "TERM"},
		"ends well with it": {"trap 'exit 0' TERM; echo up; while :; do sleep 0.1; done", "TERM"},
		"is killed":         {"echo up; sleep 300", "KILL"},
	} {
		// How it is known: nothing takes new connections; a container that tells
		// of the engine's end is gone; a connection is.
		for _, by := range []string{"shut", "witness", "holder", "anchor"} {
			t.Run(name+" by "+by, func(t *testing.T) {
				d := newDoor(t)
				b := setUp(t, func(o *docker.Options) {
					o.Host = "unix://" + d.path
					if by == "witness" {
						o.Wanted = func(runner.Left) bool { return false }
					}
				})
				task := b.task(c.step)
				task.Network = by == "holder"
				out := newOutput()
				done := make(chan error, 1)
				go func() {
					_, err := b.Run(t.Context(), task, out)
					done <- err
				}()
				out.await(t, "up\n")
				switch by {
				case "shut":
					d.shut()
				case "anchor":
					d.changeEngine()
				default:
					b.signal(t, "KILL", false)
				}
				b.signal(t, c.signal, true)
				err := <-done
				if by == "shut" {
					d.open()
				}
				wantKind(t, err, checks.KindUnavailable, "Docker engine")
			})
		}
	}
}

// TestAJobThatSignalsItselfHasAVerdict does what shell scripts do.
func TestAJobThatSignalsItselfHasAVerdict(t *testing.T) {
	b := setUp(t)
	for step, code := range map[string]int{
		"kill -TERM $$":                      143,
		"kill -KILL $$":                      137,
		"trap 'exit 3' TERM; kill 0; exit 4": 3,
		"trap 'exit 0' TERM; kill 0; exit 4": 0,
	} {
		exit, out := b.run(b.task(step))
		if exit.Code != code || exit.Cancelled || exit.TimedOut {
			t.Errorf("%s: %+v, want code %d\n%s", step, exit, code, out)
		}
	}
}
