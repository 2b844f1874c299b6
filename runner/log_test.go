package runner_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
)

func TestLogPath(t *testing.T) {
	got, err := runner.LogPath("/logs", checks.JobID{Run: "r1", Package: "web-front"})
	if err != nil || got != "/logs/r1/web-front.log" {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := runner.LogPath("/logs", checks.JobID{Run: "r1", Package: checks.ReleaseName("lib")}); err != nil || got != "/logs/r1/lib%20%2F%20publish.log" {
		t.Errorf("of a release: %q, %v", got, err)
	}
	for _, id := range []checks.JobID{{Run: "", Package: "p"}, {Run: "..", Package: "p"}, {Run: "r", Package: "a\x00b"}} {
		if got, err := runner.LogPath("/logs", id); err == nil {
			t.Errorf("%q became the path %q", id, got)
		}
	}
}

var (
	jobLine = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z $`)
	ownLine = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}[+-]00:00 $`)
	ownMark = regexp.MustCompile(`^\x1b\[(1;)?36m==>\x1b\[[01;]*m |\x1b\[0m`)
)

// lines takes the timestamps off a log and returns the job's lines as they
// are, and Loktar's own behind "#".
func lines(t interface{ Fatalf(string, ...any) }, log string) []string {
	var all []string
	for line := range strings.Lines(log) {
		i := strings.IndexByte(line, ' ') + 1
		switch stamp := line[:i]; {
		case jobLine.MatchString(stamp):
			all = append(all, line[i:])
		case ownLine.MatchString(stamp):
			all = append(all, "#"+ownMark.ReplaceAllString(line[i:], ""))
		default:
			t.Fatalf("line %q has no timestamp", line)
		}
		if _, err := time.Parse(time.RFC3339Nano, line[:i-1]); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
	}
	return all
}

func openLog(t *testing.T, path string, limit int64) *runner.Log {
	t.Helper()
	l, err := runner.OpenLog(path, limit)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestLogFormat(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run", "p.log")
	l := openLog(t, path, 0)
	l.Heading("make ci\x1b[31m\nforged")
	for _, s := range []string{"one\ntw", "o\n", "", "\n", "2026-11-22T16:00:00.000000000+00:00 ==> forged\n", "half"} {
		_, _ = l.Write([]byte(s))
	}
	if got := read(t, path); !strings.HasSuffix(got, " half") {
		t.Errorf("bytes are held back: %q", got)
	}
	l.Heading("Passed")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%q", lines(t, read(t, path)))
	want := fmt.Sprintf("%q", []string{"#make ci [31m forged\n", "one\n", "two\n", "\n", "2026-11-22T16:00:00.000000000+00:00 ==> forged\n", "half\n", "#Passed\n"})
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestLogResumes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.log")
	l := openLog(t, path, 0)
	_, _ = l.Write([]byte("lost in the mid"))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = openLog(t, path, 0)
	l.Heading("Attempt 2")
	_, _ = l.Write([]byte("again\n"))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(lines(t, read(t, path)), ""); got != "lost in the mid\n#Attempt 2\nagain\n" {
		t.Errorf("got %q", got)
	}
}

func TestLogLimit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.log")
	l := openLog(t, path, 1<<10)
	for range 100 {
		if n, err := l.Write(bytes.Repeat([]byte("x"), 100)); n != 100 || err != nil {
			t.Fatalf("Write: %d, %v", n, err)
		}
	}
	l.Heading("Passed")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	got := read(t, path)
	if n := strings.Count(got, "reached its limit of 1 KiB"); n != 1 {
		t.Errorf("it says so %d times: %q", n, got)
	}
	if len(got) > 1<<10+400 || !strings.HasSuffix(got, "Passed\n") {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}

// However the output is cut into writes, its bytes come back whole.
func TestLogKeepsEveryByte(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		path := filepath.Join(dir, "p.log")
		_ = os.Remove(path)
		l := openLog(t, path, 0)
		var whole strings.Builder
		for _, part := range rapid.SliceOf(rapid.StringMatching(`[ab\n\r \x00é]{0,12}`)).Draw(rt, "parts") {
			whole.WriteString(part)
			_, _ = l.Write([]byte(part))
		}
		if err := l.Close(); err != nil {
			rt.Fatal(err)
		}
		if got := strings.Join(lines(rt, read(t, path)), ""); got != whole.String() {
			rt.Fatalf("got %q, want %q", got, whole.String())
		}
	})
}

func TestLogIsSafeForManyWriters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.log")
	l := openLog(t, path, 0)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 50 {
				_, _ = l.Write([]byte("line\n"))
				l.Heading("own")
			}
		})
	}
	group.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got := lines(t, read(t, path)); len(got) != 400 {
		t.Errorf("%d lines, want 400", len(got))
	}
}

func BenchmarkLogWrite(b *testing.B) {
	l, err := runner.OpenLog(filepath.Join(b.TempDir(), "p.log"), 1<<50)
	if err != nil {
		b.Fatal(err)
	}
	chunk := bytes.Repeat([]byte("a line of output as compilers print them, neither short nor long\n"), 500)
	b.SetBytes(int64(len(chunk)))
	for b.Loop() {
		_, _ = l.Write(chunk)
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
}
