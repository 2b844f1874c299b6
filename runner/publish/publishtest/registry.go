// Package publishtest gives tests real registries, stand-ins for those that
// cannot be had, and a proxy that does them harm.
package publishtest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Tool is the path of a program that a test needs. Without it the test fails.
func Tool(t testing.TB, name, debian string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is not there: %v\nInstall it with `make setup`, or apt-get install %s.", name, err, debian)
	}
	return path
}

// Registry is a running docker-registry.
type Registry struct {
	Host string // 127.0.0.1:PORT
	URL  string
}

// StartRegistry starts an OCI registry on this machine, which ends with the
// test. htpasswd is a file of that kind with bcrypt hashes; "" lets everyone in.
func StartRegistry(t testing.TB, htpasswd string) Registry {
	t.Helper()
	tool := Tool(t, "docker-registry", "docker-registry")
	dir := t.TempDir()
	// The registry cannot tell a port that it chose: it may be taken between.
	for try := 0; ; try++ {
		host := freeAddress(t)
		config := fmt.Sprintf("version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %q}}\nhttp: {addr: %q, secret: test}\n",
			filepath.Join(dir, "data"), host)
		if htpasswd != "" {
			config += fmt.Sprintf("auth: {htpasswd: {realm: test, path: %q}}\n", htpasswd)
		}
		file := filepath.Join(dir, "config.yml")
		if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		out := &strings.Builder{}
		cmd := exec.CommandContext(context.Background(), tool, "serve", file)
		cmd.Stdout, cmd.Stderr = out, out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() {
			_ = cmd.Wait()
			close(ended)
		}()
		if answers("http://"+host+"/v2/", ended) {
			t.Cleanup(func() {
				_ = cmd.Process.Kill()
				<-ended
			})
			return Registry{Host: host, URL: "http://" + host}
		}
		_ = cmd.Process.Kill()
		<-ended
		if try == 3 {
			t.Fatalf("docker-registry does not come up:\n%s", out)
		}
	}
}

func answers(url string, ended <-chan struct{}) bool {
	client := &http.Client{Timeout: time.Second}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
		if err != nil {
			return false
		}
		if resp, err := client.Do(req); err == nil {
			resp.Body.Close()
			return true
		}
		select {
		case <-ended:
			return false
		case <-time.After(20 * time.Millisecond):
		}
	}
	return false
}

func freeAddress(t testing.TB) string {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
