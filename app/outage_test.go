package app_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/client"

	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
	"github.com/dudesons/loktar/runner/docker/dockertest"
)

// TestJobsWaitWhileTheEngineIsDown opens a pull request while the engine is
// away, takes the engine away again in the middle of a job, and brings it back.
func TestJobsWaitWhileTheEngineIsDown(t *testing.T) {
	dockertest.Engine(t)
	image := dockertest.Image(t)
	way := newWay(t)
	hub := minihubtest.Start(t)
	cfg := config(t,
		"LOKTAR_GITHUB_URL="+hub.URL(), "LOKTAR_GITHUB_APP_ID="+strconv.FormatInt(hub.App().ID(), 10),
		"LOKTAR_GITHUB_PRIVATE_KEY_FILE="+hub.KeyFile(), "LOKTAR_RUNNER_IMAGE="+image, "LOKTAR_RUNNER_SLOTS=1",
	)
	t.Setenv("DOCKER_HOST", "unix://"+way.path)
	url := "http://" + start(t, cfg).Addr()
	hub.App().SetWebhook(url+"/webhook", "a webhook's secret")

	repo := hub.Repo("acme", "pets", map[string]string{
		"loktar.json":  `{"packages":[{"pkg_name":"lib"},{"pkg_name":"api","depends_on":["lib"]}]}`,
		"lib/Makefile": "ci:\n\t@sleep 2\nclean:\n", "api/Makefile": "ci:\nclean:\n",
	})
	head := hub.Commit(repo, minihub.Commit{Branch: "topic", From: "main", Files: map[string]string{"lib/f": "x"}})
	hub.Open(repo, minihub.NewPull{Title: "Change lib", Head: "topic"})
	is := func(name, want string) func(*minihub.View) bool {
		return func(v *minihub.View) bool {
			c, ok := v.CheckRun("acme/pets", head, name)
			return ok && (c.Conclusion == want || c.Status == want)
		}
	}
	hub.Await("lib to wait", is("lib", "queued"))
	ready(t, url, http.StatusServiceUnavailable, "The Docker engine does not answer.")

	way.open()
	hub.Await("lib to run", is("lib", "in_progress"))
	ready(t, url, http.StatusOK, "ready")
	way.close()
	hub.Await("lib to wait again", is("lib", "queued"))
	ready(t, url, http.StatusServiceUnavailable, "The Docker engine does not answer.")

	way.open()
	hub.Await("the end", is("loktar", "success"))
	hub.Await("lib's end", is("lib", "success"))
	hub.Await("api's end", is("api", "success"))
	if n := len(hub.CheckRuns("acme/pets", head)); n != 3 {
		t.Errorf("%d check runs, want 3", n)
	}
}

// ready waits until /readyz answers so.
func ready(t *testing.T, url string, status int, text string) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(30 * time.Second); ; {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/readyz", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode == status && strings.Contains(string(body), text) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("GET /readyz: %d %s; want %d %s", res.StatusCode, body, status, text)
		}
	}
}

// way is a socket that leads to the engine while it is open.
type way struct {
	t    *testing.T
	path string
	to   string

	mu       sync.Mutex
	listener net.Listener
	conns    []net.Conn
}

func newWay(t *testing.T) *way {
	t.Helper()
	host := os.Getenv("DOCKER_HOST")
	if host == "" {
		host = client.DefaultDockerHost
	}
	to, ok := strings.CutPrefix(host, "unix://")
	if !ok {
		t.Skipf("the engine is at %s, which is no socket of this machine", host)
	}
	w := &way{t: t, path: filepath.Join(t.TempDir(), "engine.sock"), to: to}
	t.Cleanup(w.close)
	return w
}

func (w *way) open() {
	w.t.Helper()
	l, err := new(net.ListenConfig).Listen(context.Background(), "unix", w.path)
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	w.listener = l
	w.mu.Unlock()
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := new(net.Dialer).DialContext(context.Background(), "unix", w.to)
			if err != nil {
				in.Close()
				continue
			}
			w.mu.Lock()
			w.conns = append(w.conns, in, out)
			w.mu.Unlock()
			for _, pair := range [][2]net.Conn{{in, out}, {out, in}} {
				go func() {
					_, _ = io.Copy(pair[0], pair[1]) // it ends with either side
					if half, ok := pair[0].(*net.UnixConn); ok {
						_ = half.CloseWrite()
					}
				}()
			}
		}
	}()
}

func (w *way) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.listener != nil {
		w.listener.Close()
		w.listener = nil
	}
	for _, c := range w.conns {
		c.Close()
	}
	w.conns = nil
}
