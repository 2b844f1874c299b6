package docker

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dudesons/loktar/runner"
	"github.com/dudesons/loktar/runner/docker/dockertest"
)

type record struct{ b strings.Builder }

func (r *record) Write(p []byte) (int, error) { return r.b.Write(p) }
func (r *record) Heading(text string)         { panic("no heading hangs on the output: " + text) }
func (r *record) Step(text string)            { fmt.Fprintf(&r.b, "<%s>", text) }
func (r *record) Remark(text string)          { fmt.Fprintf(&r.b, "(%s)", text) }

func TestProgress(t *testing.T) {
	task := runner.Task{Steps: []string{"a", "b"}, Clean: []string{"c"}}
	for name, c := range map[string]struct{ in, want string }{
		"in order":        {"\x01N:shell:7\n\x01N:step:0\none\n\x01N:step:1\ntwo\x01N:clean:0:3\nbye\x01N:unclean:4\n", "<a>one\n<b>two<c>bye(The line above exited with 4. Cleaning up does not change the verdict.)"},
		"failed":          {"\x01N:exit:1\n\x01N:step:0\none\x01N:exit:3\n\x01N:exit:3\n\x01N:clean:0:3\n\x01N:exit:3\n", "<a>one(The line above exited with 3.)<c>"},
		"other nonce":     {"\x01M:step:0\n", "\x01M:step:0\n"},
		"a lone mark":     {"a\x01b\x01", "a\x01b\x01"},
		"unfinished":      {"\x01N:step:0", "\x01N:step:0"},
		"too long":        {"\x01N:" + strings.Repeat("x", 99) + "\n", "\x01N:" + strings.Repeat("x", 99) + "\n"},
		"twice":           {"\x01N:step:0\n\x01N:step:0\n", "<a>"},
		"not in its turn": {"\x01N:step:1\n\x01N:clean:1:0\n\x01N:unclean:1\n", ""},
		"beyond the last": {"\x01N:step:0\n\x01N:step:1\n\x01N:step:2\n\x01N:clean:0:0\n\x01N:clean:1:0\n\x01N:step:0\n", "<a><b><c>"},
		"negative":        {"\x01N:step:-1\n\x01N:clean:-1:0\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				var r record
				p := newProgress(task, "N", &r)
				for rest := c.in; rest != ""; {
					n := rapid.IntRange(1, len(rest)).Draw(rt, "n")
					_, _ = p.Write([]byte(rest[:n]))
					rest = rest[n:]
				}
				p.flush()
				if got := r.b.String(); got != c.want {
					rt.Fatalf("got %q, want %q", got, c.want)
				}
			})
		})
	}
	either := runner.Task{Steps: []string{"a", "b"}, Otherwise: []string{"o", "p"}, Clean: []string{"c"}}
	for in, want := range map[string]string{
		"\x01N:step:0\n\x01N:step:1\n\x01N:clean:0:0\n":               "<a><b><c>",
		"\x01N:step:2\n\x01N:step:3\n\x01N:step:4\n\x01N:clean:0:0\n": "<o><p><c>",
		"\x01N:step:3\n\x01N:step:1\n\x01N:step:0\n\x01N:step:2\n":    "<a>",
		"\x01N:step:2\n\x01N:step:0\n\x01N:step:2\n\x01N:clean:0:3\n": "<o><c>",
	} {
		var r record
		p := newProgress(either, "N", &r)
		_, _ = p.Write([]byte(in))
		if got := r.b.String(); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	p := newProgress(task, "N", &record{})
	_, _ = p.Write([]byte("\x01N:shell:7\n\x01N:step:0\n\x01N:clean:0:3\n"))
	shell, step, clean, code := p.now()
	if diff := cmp.Diff([]int{7, 0, 1, 3}, []int{shell, step, clean, code}); diff != "" {
		t.Error(diff)
	}
}

func FuzzProgress(f *testing.F) {
	f.Add("\x01N:step:0\nx", 3)
	f.Add("\x01\x01N:clean:0:1\n", 1)
	f.Fuzz(func(t *testing.T, in string, cut int) {
		if strings.Contains(in, "\x01N:") {
			return // words are not output
		}
		var r record
		p := newProgress(runner.Task{Steps: []string{"a"}}, "N", &r)
		cut = min(max(cut, 0), len(in))
		_, _ = p.Write([]byte(in[:cut]))
		_, _ = p.Write([]byte(in[cut:]))
		p.flush()
		if r.b.String() != in {
			t.Errorf("got %q, want %q", r.b.String(), in)
		}
	})
}

func TestAtLeast(t *testing.T) {
	for release, want := range map[string]bool{
		"6.1.0-18-amd64": true, "5.10.0": true, "5.9.16": false, "4.19": false, "5.15.153.1-microsoft-standard-WSL2": true, "": false, "x": false,
	} {
		if got := atLeast(release, 5, 10); got != want {
			t.Errorf("atLeast(%q) = %v", release, got)
		}
	}
}

// A server that is not root cannot remove what a container's root wrote.
func TestRemoveDirByEngine(t *testing.T) {
	dockertest.Engine(t)
	s, err := New(t.Context(), Options{Instance: "test-helper" + time.Now().Format("150405.000000"), WorkDir: t.TempDir(), Image: dockertest.Image(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for _, name := range []string{"gone", "stays"} {
		if err := os.MkdirAll(filepath.Join(s.o.WorkDir, name, "work", "work"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.removeDirByEngine(t.Context(), "gone", s.o.Image); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(s.o.WorkDir); err != nil || len(entries) != 1 || entries[0].Name() != "stays" {
		t.Errorf("left: %v, %v", entries, err)
	}
}
