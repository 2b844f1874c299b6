package docker_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner/docker"
	"github.com/dudesons/loktar/runner/docker/dockertest"
)

func TestNothingPassesFromOneNetworkToTheNext(t *testing.T) {
	b := setUp(t)
	for _, network := range []bool{false, true} {
		shared := "true" // it is the container's own
		if network {
			shared = "exit 1"
		}
		task := b.task(
			"if echo 10.0.0.1 forged >> /etc/hosts; then exit 1; fi",
			"if echo forged > /etc/resolv.conf; then "+shared+"; fi",
			"if echo forged > /etc/hostname; then "+shared+"; fi",
			"if ip link set lo down 2>/dev/null || ip addr add 10.1.2.3/32 dev lo 2>/dev/null; then exit 1; fi",
			// The listener closes first, so that its port would be kept waiting.
			"nc -l -p 8080 -e true & sleep 0.3; nc 127.0.0.1 8080 < /dev/null; wait; nc -l -p 8081 & true",
		)
		task.Network = network
		if exit, out := b.run(task); exit.Code != 0 {
			t.Fatalf("exit %+v\n%s", exit, out)
		}
		task = b.task("grep localhost /etc/hosts; cat /etc/hosts /etc/resolv.conf; echo; cat /proc/net/tcp /proc/net/tcp6")
		task.Network = network
		exit, out := b.run(task)
		if exit.Code != 0 {
			t.Fatalf("exit %+v\n%s", exit, out)
		}
		for _, bad := range []string{"forged", ":1F90", ":1F91"} {
			if strings.Contains(out, bad) {
				t.Errorf("%q came through from the job before:\n%s", bad, out)
			}
		}
	}
}

func TestDeadHolderIsRemade(t *testing.T) {
	b := setUp(t)
	engine := dockertest.Engine(t)
	for range 2 {
		task := b.task("true")
		task.Network = true
		b.run(task)
		holders, err := engine.ContainerList(t.Context(), container.ListOptions{
			Filters: filters.NewArgs(filters.Arg("label", docker.LabelInstance+"="+b.instance)),
		})
		if err != nil || len(holders) == 0 {
			t.Fatalf("no holder: %v", err)
		}
		for i, h := range holders {
			if i%2 == 0 {
				err = engine.ContainerKill(t.Context(), h.ID, "KILL")
			} else {
				err = engine.ContainerRemove(t.Context(), h.ID, container.RemoveOptions{Force: true})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if exit, out := b.run(task); exit.Code != 0 {
			t.Errorf("exit %+v\n%s", exit, out)
		}
	}
}

// TestHolderOfAContainerThatStays has the engine remove nothing. The network of
// a job whose container may run yet is not the next one's.
func TestHolderOfAContainerThatStays(t *testing.T) {
	direct := dockertest.Engine(t)
	var refuse atomic.Bool
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "http", "engine" },
		Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return direct.Dialer()(ctx) }},
	}
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if refuse.Load() && r.Method == http.MethodDelete {
			http.Error(w, `{"message":"device is busy"}`, http.StatusInternalServerError)
			return
		}
		proxy.ServeHTTP(w, r)
	})}}
	server.Start()
	t.Cleanup(server.Close)
	b := setUp(t, func(o *docker.Options) { o.Host = "unix://" + l.Addr().String() })
	network := func() string {
		t.Helper()
		task := b.task("readlink /proc/self/ns/net")
		task.Network = true
		exit, out := b.run(task)
		_, name, found := strings.Cut(out, "net:")
		if name, _, _ = strings.Cut(name, "\n"); exit.Code != 0 || !found {
			t.Fatalf("exit %+v\n%s", exit, out)
		}
		return name
	}
	if first, second := network(), network(); first != second {
		t.Errorf("without faults the second job is on %s, not on %s", second, first)
	}
	refuse.Store(true)
	if first, second := network(), network(); first == second {
		t.Errorf("both jobs are on %s", first)
	}
	refuse.Store(false)
	if err := b.Reap(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestWithoutTheImageForHolders(t *testing.T) {
	b := setUp(t, func(o *docker.Options) { o.Image = "127.0.0.1:1/none:none" })
	for _, network := range []bool{false, true} {
		task := b.task("ls /sys/class/net")
		task.Image, task.Network = dockertest.Image(t), network
		exit, out := b.run(task)
		if exit.Code != 0 || strings.Contains(out, "eth0") != network {
			t.Errorf("exit %+v\n%s", exit, out)
		}
	}
}

// engineProxy stands before the engine, so that a test can take the engine
// away and bring it back.
type engineProxy struct {
	path, engine string
	mu           sync.Mutex
	listener     net.Listener
	open         []net.Conn
	group        sync.WaitGroup
}

func newProxy(t *testing.T) *engineProxy {
	t.Helper()
	host := dockertest.Engine(t).DaemonHost()
	engine, unix := strings.CutPrefix(host, "unix://")
	if !unix {
		t.Skipf("the engine at %s is not on a Unix socket", host)
	}
	p := &engineProxy{path: filepath.Join(t.TempDir(), "p.sock"), engine: engine}
	p.up(t)
	t.Cleanup(p.down)
	return p
}

func (p *engineProxy) up(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("unix", p.path)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	p.listener = listener
	p.mu.Unlock()
	p.group.Go(func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("unix", p.engine)
			if err != nil {
				_ = in.Close()
				continue
			}
			p.mu.Lock()
			p.open = append(p.open, in, out)
			p.mu.Unlock()
			p.group.Go(func() { _, _ = io.Copy(out, in); _ = out.Close() })
			p.group.Go(func() { _, _ = io.Copy(in, out); _ = in.Close() })
		}
	})
}

func (p *engineProxy) down() {
	p.mu.Lock()
	_ = p.listener.Close()
	for _, c := range p.open {
		_ = c.Close()
	}
	p.open = nil
	p.mu.Unlock()
	p.group.Wait()
}

func TestEngineGoesAwayInTheMiddle(t *testing.T) {
	proxy := newProxy(t)
	b := setUp(t, func(o *docker.Options) { o.Host = "unix://" + proxy.path })
	out := newOutput()
	done := make(chan error, 1)
	go func() {
		_, err := b.Run(t.Context(), b.task("echo up; sleep 300"), out)
		done <- err
	}()
	out.await(t, "up\n")
	proxy.down()
	wantKind(t, <-done, checks.KindUnavailable, "does not answer")
	wantKind(t, b.Ready(t.Context()), checks.KindUnavailable, "does not answer")

	// When the engine is back, the next job first removes what was left.
	proxy.up(t)
	if err := b.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if exit, out := b.run(b.task("echo again")); exit.Code != 0 {
		t.Errorf("exit %+v\n%s", exit, out)
	}
	b.wantNothingLeft(context.Background())
}

// TestWithoutNetworkThereIsNothingButTheLoopback looks at what a job without
// network has: a namespace of its own, in which the machine cannot be reached
// by any family, and a loopback that works under its name.
func TestWithoutNetworkThereIsNothingButTheLoopback(t *testing.T) {
	b := setUp(t)
	seen := map[string]bool{}
	for range 2 {
		exit, out := b.run(b.task(
			"readlink /proc/self/ns/net",
			`test "$(ls /sys/class/net)" = lo`,
			"test $(wc -l < /proc/net/route) -le 1",
			"nc -l -p 8080 -e echo heard & sleep 0.3; test \"$(nc localhost 8080 </dev/null)\" = heard",
			"if ip link add x type dummy 2>/dev/null; then exit 1; fi",
		))
		if exit.Code != 0 {
			t.Fatalf("exit %+v\n%s", exit, out)
		}
		_, name, _ := strings.Cut(out, "net:")
		name, _, _ = strings.Cut(name, "\n")
		own, err := os.Readlink("/proc/self/ns/net")
		if err != nil || name == "" || seen[name] || "net:"+name == own {
			t.Errorf("it is on %q; this process on %q, %v", name, own, err)
		}
	}
}
