package app_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/app"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
	"github.com/dudesons/loktar/configs"
)

// child is a server in a process of its own.
type child struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.WriteCloser
	armed chan struct{}
	ended chan struct{}
	url   string
}

// envStep names the step after which a server dies, from its start on.
const envStep = "LOKTAR_TEST_CRASH_STEP"

// startChild starts the server of a test that calls crashingServer when the
// environment holds envCrash. It may be armed with a step from its start on.
func startChild(t *testing.T, test, config string, step ...string) *child {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), os.Args[0], "-test.run=^"+test+"$", "-test.count=1")
	cmd.Env = append(os.Environ(), envCrash+"="+config, envStep+"="+strings.Join(step, ""))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{t: t, cmd: cmd, stdin: in, armed: make(chan struct{}), ended: make(chan struct{})}
	lines := bufio.NewScanner(out)
	said := ""
	for lines.Scan() && c.url == "" {
		if addr, ok := strings.CutPrefix(lines.Text(), "listens at "); ok {
			c.url = "http://" + addr
			break
		}
		said += lines.Text() + "\n"
	}
	go func() {
		for lines.Scan() {
			if lines.Text() == "armed" {
				c.armed <- struct{}{}
			}
		}
		_ = cmd.Wait()
		close(c.ended)
	}()
	t.Cleanup(c.kill)
	if c.url == "" {
		t.Fatalf("the server did not start: %s", said)
	}
	return c
}

// arm has the child kill itself once a step is done.
func (c *child) arm(step string) {
	if _, err := fmt.Fprintln(c.stdin, step); err != nil {
		c.t.Fatal(err)
	}
	<-c.armed
}

// died waits until the child has killed itself, or was killed.
func (c *child) died(when string) {
	c.t.Helper()
	deadline, cancel := context.WithTimeout(c.t.Context(), minihubtest.Patience)
	defer cancel()
	select {
	case <-c.ended:
	case <-deadline.Done():
		c.t.Fatalf("the server did not die %s", when)
	}
	if s, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || s.Signal() != syscall.SIGKILL {
		c.t.Fatalf("the server ended by itself %s: %v", when, c.cmd.ProcessState)
	}
}

// end has the child end in order.
func (c *child) end() {
	c.t.Helper()
	_ = c.stdin.Close()
	<-c.ended
	if !c.cmd.ProcessState.Success() {
		c.t.Errorf("the server ended with %v", c.cmd.ProcessState)
	}
}

func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	<-c.ended
}

// crashingServer serves until its standard input ends. A line there names the
// step after which it dies.
func crashingServer(t *testing.T, file string, rig func(s *app.Server, at func(step string))) {
	cfg, err := configs.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	armed := os.Getenv(envStep)
	at := func(step string) {
		mu.Lock()
		defer mu.Unlock()
		if armed == "" || armed != step && !strings.HasPrefix(step, armed+" ") {
			if again, ok := strings.CutSuffix(armed, " again"); ok && strings.HasPrefix(step, again+" ") {
				armed = again
			}
			return
		}
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // nothing is done meanwhile
	}
	app.Tell(at)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	log := zerolog.Nop()
	if name := os.Getenv("LOKTAR_TEST_CRASH_LOG"); name != "" {
		if file, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600); err == nil {
			log = zerolog.New(file).With().Timestamp().Int("pid", os.Getpid()).Logger()
		}
	}
	s, err := app.New(t.Context(), cfg, log, "test")
	if err != nil {
		t.Fatal(err)
	}
	rig(s, at)
	go func() {
		lines := bufio.NewScanner(os.Stdin)
		for lines.Scan() {
			mu.Lock()
			armed = lines.Text()
			mu.Unlock()
			fmt.Println("armed")
		}
		stop()
	}()
	fmt.Println("listens at", s.Addr())
	if err := s.Run(ctx); err != nil {
		t.Fatal(err)
	}
}
