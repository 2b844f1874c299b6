// Package sandboxtest holds what every runner.Sandbox has to do, as tests, and
// a Sandbox for tests that need no engine.
package sandboxtest

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
)

// bed is a sandbox with a tree to run tasks on.
type bed struct {
	runner.Sandbox
	*testing.T
	tree string
}

// Run holds the sandbox that open makes against the contract of
// runner.Sandbox. Steps are for a POSIX shell. open is called once for each
// case; what it makes is closed with it.
func Run(t *testing.T, open func(t *testing.T) runner.Sandbox) {
	// What the server's own environment holds must not reach a job.
	if err := os.Setenv("LOKTAR_TEST_HOST", "of the host"); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := &bed{Sandbox: open(t), T: t, tree: t.TempDir()}
			t.Cleanup(func() {
				if err := b.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
			b.write("file", "of the tree\n")
			b.write("sub dir/file", "deeper\n")
			c.run(b)
		})
	}
}

func (b *bed) write(name, text string) {
	b.Helper()
	file := filepath.Join(b.tree, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		b.Fatal(err)
	}
}

func (b *bed) task(steps ...string) runner.Task {
	return runner.Task{
		Job: checks.JobID{Run: "run1", Package: "pkg"}, Tree: b.tree, Dir: ".",
		Steps: steps, Clean: []string{"echo cleaned"}, Timeout: time.Minute,
	}
}

// do runs a task that has to come to an Exit.
func (b *bed) do(t runner.Task) (runner.Exit, string) {
	b.Helper()
	out := &output{grown: make(chan struct{}, 1)}
	exit, err := b.Sandbox.Run(b.Context(), t, out)
	if err != nil {
		b.Errorf("Run: %v\n%s", err, out)
	}
	out.end(b.T)
	return exit, out.String()
}

// want fails unless the parts stand in text in that order.
func (b *bed) want(text string, parts ...string) {
	b.Helper()
	rest := text
	for _, part := range parts {
		_, after, found := strings.Cut(rest, part)
		if !found {
			b.Errorf("%q is missing, or not in its place, in:\n%s", part, text)
			return
		}
		rest = after
	}
}

// output is a runner.Output; headings stand in it as "## text".
type output struct {
	mu    sync.Mutex
	b     strings.Builder
	ended bool
	late  string
	grown chan struct{}
}

func (o *output) add(s string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		o.late += s
	}
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

// end notes that Run has returned: what comes from now on is an error.
func (o *output) end(t *testing.T) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
	t.Cleanup(func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.late != "" {
			t.Errorf("this was printed after Run had returned: %q", o.late)
		}
	})
}

// await waits until text was printed.
func (o *output) await(t *testing.T, text string) {
	t.Helper()
	late := time.After(30 * time.Second)
	for !strings.Contains(o.String(), text) {
		select {
		case <-o.grown:
		case <-late:
			t.Errorf("%q was never printed, but:\n%s", text, o)
			return
		}
	}
}
