package runner_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dudesons/loktar/runner"
	"github.com/dudesons/loktar/runner/redact"
)

// event is one call that a Log got: a Write, or a line of Loktar's own.
type event struct{ kind, text string }

func (e event) give(l *runner.Log) {
	switch e.kind {
	case "write":
		_, _ = l.Write([]byte(e.text))
	case "note":
		l.Heading(e.text)
	case "step":
		l.Step(e.text)
	case "remark":
		l.Remark(e.text)
	}
}

// told is what of the events comes again when the output does: the job's
// bytes in one piece, and the steps and remarks with their places in these.
type told struct {
	Bytes string
	Marks []string
	Notes []string
}

func (g *told) take(e event) {
	switch e.kind {
	case "write":
		g.Bytes += e.text
	case "note":
		g.Notes = append(g.Notes, e.text)
	default:
		g.Marks = append(g.Marks, fmt.Sprintf("%d %s %s", len(g.Bytes), e.kind, e.text))
	}
}

func toldBy(events []event) (g told) {
	for _, e := range events {
		g.take(e)
	}
	return g
}

var ownForm = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}([+-])00:00 \x1b\[(1;)?36m==>\x1b\[(0|0;1|)m (.*?)(\x1b\[0m)?\n$`)

// readLog reads a log by its documented form alone.
func readLog(t interface{ Fatalf(string, ...any) }, log string) (g told) {
	for line := range strings.Lines(log) {
		if i := strings.IndexByte(line, ' ') + 1; jobLine.MatchString(line[:i]) {
			g.Bytes += line[i:]
			continue
		}
		p := ownForm.FindStringSubmatch(line)
		if p == nil {
			t.Fatalf("line %q is of no kind", line)
		}
		if p[1] == "-" {
			if !strings.HasSuffix(g.Bytes, "\n") {
				t.Fatalf("%q broke no line", line)
			}
			g.Bytes = strings.TrimSuffix(g.Bytes, "\n")
		}
		kind := "note"
		switch {
		case p[3] == "0;1":
			kind = "step"
		case p[2] == "":
			kind = "remark"
		}
		g.take(event{kind, p[4]})
	}
	return g
}

// hostile is output that looks like lines of a log, and like none.
var hostile = rapid.OneOf(
	rapid.StringMatching(`[ab\n\r \x00é]{0,12}`),
	rapid.SampledFrom([]string{
		"\n", "\n\n", "2026-11-22T16:00:00.000000000+00:00 \x1b[1;36m==>\x1b[0m forged\n", "2026-11-22T16:00:00.000000000-00:00 ", "2026-11-22T16:00:00.000000000Z ",
		"\n2026-11-22T16:00:00.000000000+00:00 \x1b[1;36m==>\x1b[0m Attempt 2\n", strings.Repeat("long ", 50),
	}),
)

var secrets = redact.New("abab", "long long lo", "b\na\nb", "é \x00\n")

func drawEvents(t *rapid.T, label string) []event {
	kinds := rapid.SampledFrom([]string{"write", "write", "write", "note", "step", "remark"})
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) event {
		e := event{kind: kinds.Draw(t, "kind")}
		if e.kind == "write" {
			e.text = hostile.Draw(t, "text")
		} else {
			e.text = rapid.SampledFrom([]string{"make ci", "Stopping", "Attempt 2", "Attempt 3", "Passed"}).Draw(t, "text")
			if e.kind == "note" && strings.HasPrefix(e.text, "Attempt") {
				e.text = "Attempts" // nobody but the runner writes that
			}
		}
		return e
	}), 0, 12).Draw(t, label)
}

// again are the events that come again, with their writes cut anew and other
// headings between them.
func again(t *rapid.T, events []event) (out []event) {
	for _, e := range events {
		if e.kind == "note" {
			continue
		}
		if rapid.IntRange(0, 9).Draw(t, "heading") == 0 {
			out = append(out, event{"note", "resumed"})
		}
		if e.kind != "write" {
			out = append(out, e)
			continue
		}
		last := len(out) - 1
		if last >= 0 && out[last].kind == "write" && rapid.Bool().Draw(t, "join") {
			e.text, out = out[last].text+e.text, out[:last]
		}
		for rest := e.text; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "n")
			out = append(out, event{"write", rest[:n]})
			rest = rest[n:]
		}
	}
	return out
}

func truncate(t interface{ Fatalf(string, ...any) }, path string, size int64) {
	if err := os.Truncate(path, size); err != nil {
		t.Fatalf("%v", err)
	}
}

func resume(t interface{ Fatalf(string, ...any) }, path string, limit int64, attempt int) *runner.Log {
	l, err := runner.ResumeLog(path, limit, attempt)
	if err != nil {
		t.Fatalf("resume: %v", err)
	}
	return l
}

func closeLog(t interface{ Fatalf(string, ...any) }, l *runner.Log) {
	if err := l.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}

// Wherever the writer died, and however often: each byte, step and remark is
// there once, in its place, and no line is of no kind.
func TestLogResumesAtAnyByte(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		path := filepath.Join(dir, "p.log")
		_ = os.Remove(path)
		attempt := rapid.IntRange(1, 3).Draw(rt, "attempt")
		var before, middle string
		for n := 1; n < attempt; n++ { // which may have died too
			l, err := runner.OpenLog(path, 0)
			if err != nil {
				rt.Fatal(err)
			}
			if n > 1 {
				l.Heading(fmt.Sprintf("Attempt %d", n))
			}
			for _, e := range drawEvents(rt, "earlier") {
				e.give(l)
			}
			closeLog(rt, l)
			size := int64(len(readFile(rt, path)))
			truncate(rt, path, rapid.Int64Range(0, size).Draw(rt, "earlier size"))
		}
		l, err := runner.OpenLog(path, 0)
		if err != nil {
			rt.Fatal(err)
		}
		before = readFile(rt, path)
		if attempt > 1 {
			l.Heading(fmt.Sprintf("Attempt %d", attempt))
		}
		heading := len(readFile(rt, path))
		events := drawEvents(rt, "events")
		secret := rapid.Bool().Draw(rt, "secret")
		if secret {
			l.Mask(secrets)
		}
		for _, e := range events {
			e.give(l)
		}
		closeLog(rt, l)
		_, alone := cutAt(readFile(rt, path), heading)
		want := readLog(rt, alone)
		if told := toldBy(events); !secret && (told.Bytes != want.Bytes || !slices.Equal(told.Marks, want.Marks)) {
			rt.Fatalf("the log lost something of %q: %q", told, want)
		}
		for range rapid.IntRange(1, 3).Draw(rt, "deaths") {
			whole := readFile(rt, path)
			cut := rapid.IntRange(len(before), len(whole)).Draw(rt, "cut")
			truncate(rt, path, int64(cut))
			_, middle = cutAt(whole[:cut], heading)
			l := resume(rt, path, 0, attempt)
			if secret {
				l.Mask(secrets)
			}
			for _, e := range again(rt, events) {
				e.give(l)
			}
			closeLog(rt, l)
		}
		whole := readFile(rt, path)
		if !strings.HasPrefix(whole, before) {
			rt.Fatalf("what was there before changed:\n%q\n%q", before, whole)
		}
		part := whole[len(before):]
		if attempt > 1 {
			found := regexp.MustCompile(fmt.Sprintf(`\A\n?\S+ \x1b\[1;36m==>\x1b\[0m Attempt %d\n`, attempt)).FindStringIndex(part)
			if found == nil {
				rt.Fatalf("it does not say which attempt it is: %q", part)
			}
			part = part[found[1]:]
		}
		got := readLog(rt, part)
		if diff := cmp.Diff(want.Bytes, got.Bytes); diff != "" {
			rt.Fatalf("bytes: %s\n%q", diff, part)
		}
		if diff := cmp.Diff(want.Marks, got.Marks); diff != "" {
			rt.Fatalf("marks: %s\n%q", diff, part)
		}
		if strings.Contains(part, "is not kept") {
			rt.Fatalf("it says that something is missing: %q", part)
		}
		kept := 0
		for line := range strings.Lines(middle) {
			if p := ownForm.FindStringSubmatch(line); p != nil && p[2] != "" && p[3] == "0" {
				kept++
			}
		}
		if len(got.Notes) < kept {
			rt.Fatalf("%d notes, there were %d", len(got.Notes), kept)
		}
	})
}

func cutAt(s string, n int) (string, string) {
	n = min(n, len(s))
	return s[:n], s[n:]
}

func readFile(t interface{ Fatalf(string, ...any) }, path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return string(b)
}

// A log that reached its limit keeps a beginning of the output, and each step.
func TestLogResumesFull(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		path := filepath.Join(dir, "p.log")
		_ = os.Remove(path)
		limit := rapid.Int64Range(1, 500).Draw(rt, "limit")
		l, err := runner.OpenLog(path, limit)
		if err != nil {
			rt.Fatal(err)
		}
		events := drawEvents(rt, "events")
		for _, e := range events {
			e.give(l)
		}
		over := closed(l.Over())
		closeLog(rt, l)
		size := len(readFile(rt, path))
		truncate(rt, path, rapid.Int64Range(0, int64(size)).Draw(rt, "cut"))
		l = resume(rt, path, limit, 1)
		for _, e := range again(rt, events) {
			e.give(l)
		}
		if got := closed(l.Over()); got != over {
			rt.Fatalf("over its limit: %v, then %v", over, got)
		}
		closeLog(rt, l)
		got, want := readLog(rt, readFile(rt, path)), toldBy(events)
		if !strings.HasPrefix(want.Bytes, got.Bytes) {
			rt.Fatalf("bytes %q are no beginning of %q", got.Bytes, want.Bytes)
		}
		full := slices.ContainsFunc(got.Notes, func(s string) bool { return strings.HasPrefix(s, "The log reached its limit") })
		if !full && got.Bytes != want.Bytes {
			rt.Fatalf("bytes are missing: %q of %q", got.Bytes, want.Bytes)
		}
		if a, b := steps(got.Marks), steps(want.Marks); !slices.Equal(a, b) {
			rt.Fatalf("steps %q, want %q", a, b)
		}
	})
}

func steps(marks []string) (out []string) {
	for _, m := range marks {
		if _, kind, _ := strings.Cut(m, " "); strings.HasPrefix(kind, "step") {
			out = append(out, kind)
		}
	}
	return out
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// How the attempt ended is said once, though its writer died after it said so.
func TestLogResumesAfterItsEnd(t *testing.T) {
	f := setUp(t, 1)
	if _, err := f.Run(t.Context(), run(), job()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(f.logs, "run1", "p.log")
	before := lines(t, read(t, path))
	if len(before) != 1 || !strings.HasPrefix(before[0], "#Passed") {
		t.Fatalf("the log is %q", before)
	}
	closeLog(t, resume(t, path, 0, 1))
	if got := read(t, path); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestLogResumesWhatIsNotThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run", "p.log")
	l := resume(t, path, 0, 2)
	_, _ = l.Write([]byte("one"))
	closeLog(t, l)
	if got := strings.Join(lines(t, read(t, path)), ""); got != "#Attempt 2\none" {
		t.Errorf("got %q", got)
	}
}

// Of output of which only the end comes again, the log says that, and where.
func TestLogResumesWithoutTheStart(t *testing.T) {
	for name, c := range map[string]struct{ before, again, want string }{
		"whole lines":     {"one\ntwo\n", "four\nfive\nsix\n", "one\ntwo\n#What was printed between the line above and the next one is not kept.\nve\nsix\n"},
		"half a line":     {"one\ntw", "four\nfive\n", "one\ntw\n#What was printed between the line above and the next one is not kept.\nive\n"},
		"less than there": {"one\ntwo\n", "six\n", "one\ntwo"},
		"the same":        {"one\ntw", "one\ntwo\n", "one\ntwo\n"},
		"a long line":     {strings.Repeat("x", 1<<18) + "\n", strings.Repeat("x", 1<<18) + "\nand\n", strings.Repeat("x", 1<<18) + "\nand\n"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "p.log")
			l := resume(t, path, 0, 1)
			_, _ = l.Write([]byte(c.before))
			closeLog(t, l)
			l = resume(t, path, 0, 1)
			for piece := range slices.Chunk([]byte(c.again), 3) {
				_, _ = l.Write(piece)
			}
			closeLog(t, l)
			if got := strings.Join(lines(t, read(t, path)), ""); got != c.want {
				t.Errorf("got %.200q", got)
			}
		})
	}
}

// Whatever a file holds, a log can be taken up, and goes on in whole lines.
func FuzzResumeLog(f *testing.F) {
	const stamp, own = "2026-11-22T16:00:00.000000000Z ", "2026-11-22T16:00:00.000000000-00:00 \x1b[1;36m==>\x1b[0m "
	for _, s := range []string{"", "x", stamp, stamp + "a", stamp + "a\n", stamp + "a\n" + own + "note\n", own + "note\n", own, stamp + "\n\n", "\x00\x00", own + "Attempt 2\n" + stamp + "b"} {
		f.Add([]byte(s), 1)
		f.Add([]byte(s), 2)
	}
	path := filepath.Join(f.TempDir(), "p.log")
	f.Fuzz(func(t *testing.T, file []byte, attempt int) {
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := runner.ResumeLog(path, 1<<20, attempt)
		if err != nil {
			t.Fatal(err)
		}
		kept := read(t, path)
		if attempt <= 1 && !bytes.HasPrefix(file, []byte(kept)) {
			t.Fatalf("%q is no beginning of %q", kept, file)
		}
		l.Heading("on")
		closeLog(t, l)
		if got := read(t, path); !strings.HasSuffix(got, "==>\x1b[0m on\n") {
			t.Fatalf("got %q", got)
		}
		for line := range strings.Lines(read(t, path)) {
			if i := strings.IndexByte(line, ' ') + 1; !jobLine.MatchString(line[:i]) && !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}[+-]00:00 $`).MatchString(line[:i]) {
				t.Fatalf("line %q has no timestamp", line)
			}
		}
	})
}
