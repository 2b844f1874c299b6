package web

import (
	"bytes"
	"errors"
	"html"
	"io"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func renderLines(lines ...string) string {
	var r renderer
	var out []byte
	for i, l := range lines {
		if i > 0 {
			out = append(out, '\n')
		}
		out = r.appendHTML(out, []byte(l))
	}
	return string(out)
}

func TestRender(t *testing.T) {
	link := "\x1b]8;;javascript:alert(1)\x07click\x1b]8;;\x07"
	tests := []struct{ name, in, want string }{
		{"plain", "make ci", "make ci"},
		{"tags", `<script>alert("1")</script> & 'x'`, "&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt; &amp; &#39;x&#39;"},
		{"red", "\x1b[31mred\x1b[0m x", `<span class="term-fg31">red</span> x`},
		{"bright on 256", "\x1b[1;38;5;200;48;5;17mx\x1b[m", `<span class="term-fgx200 term-bgx17 term-fg1">x</span>`},
		{"true colour", "\x1b[38;2;255;0;0mx\x1b[39my", `<span class="term-fgx196">x</span>y`},
		{"colons", "\x1b[38:5:9mx\x1b[0m", `<span class="term-fgx9">x</span>`},
		{"empty parameter is a reset", "\x1b[31mx\x1b[;1my\x1b[0m", `<span class="term-fg31">x</span><span class="term-fg1">y</span>`},
		{"tags in colour", "\x1b[31m<b>\x1b[0m", `<span class="term-fg31">&lt;b&gt;</span>`},
		{"return", "10%\r50%\r100%", "100%"},
		{"return before the end", "done\r\r", "done"},
		{"return and erase", "a long line\r\x1b[Kshort", "short"},
		{"npm's return", "a\x1b[1G\x1b[0Kb", "b"},
		{"backspace", "abc\b\bX", "aXc"},
		{"cursor moves", "a\x1b[5A\x1b[2Jb\x1b[10;20Hc\x1b[9999999Cd", "abc d"},
		{"private modes", "\x1b[?25la\x1b[?25h\x1b[>4;1mb\x1b[!p", "ab"},
		{"link of OSC 8", link, "click"},
		{"link of ST", "\x1b]8;;https://evil\x1b\\click\x1b]8;;\x1b\\", "click"},
		{"image", "\x1b]1337;File=name=MS5naWY=;inline=1:AAAA\x07x", "x"},
		{"buildkite's image", "\x1b]1338;url=https://evil/x.png\x07x", "x"},
		{"buildkite's link", "\x1b]1339;url='javascript:alert(1)';content='x'\x07y", "y"},
		{"buildkite's time", "\x1b_bk;t=1234\x07x", "x"},
		{"a string without its end is text", "a\x1b]8;;evil<b>", "a8;;evil&lt;b&gt;"},
		{"title", "\x1b]0;title\x07x", "x"},
		{"character set", "\x1b(Bx\x1b)0y", "xy"},
		{"cut escapes", "a\x1b", "a"},
		{"cut control", "a\x1b[31", "a"},
		{"controls", "a\x00\x07\x0b\x7fb", "ab"},
		{"invalid UTF-8", "a\xff\xc3(b", "a\uFFFD\uFFFD(b"},
		{"C1 controls", "a\u009b31mb", "a\uFFFD31mb"},
		{"reading direction", "a\u202eb", "a\uFFFDb"},
		{"emoji", "\x1b[32m✓ 界 🎉\x1b[0m", `<span class="term-fg32">✓ 界 🎉</span>`},
		{"tab", "a\tb", "a\tb"},
		{"empty in colour", "\x1b[31m\x1b[0m", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := renderLines(tt.in); got != tt.want {
				t.Errorf("render(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
	if got, want := renderLines("\x1b[31mred", "still", "\x1b[0mno"), "<span class=\"term-fg31\">red</span>\n<span class=\"term-fg31\">still</span>\nno"; got != want {
		t.Errorf("colour over lines: %q", got)
	}
}

var spans = regexp.MustCompile(`<span class="(term-[a-z]+[0-9]+ ?)*">|</span>`)

// checkHTML fails unless h is text, entities and balanced spans of ours.
func checkHTML(t interface{ Fatalf(string, ...any) }, h string) {
	if !utf8.ValidString(h) {
		t.Fatalf("not UTF-8: %q", h)
	}
	depth := 0
	for _, tag := range spans.FindAllString(h, -1) {
		if tag == "</span>" {
			depth--
		} else {
			depth++
		}
		if depth < 0 {
			t.Fatalf("a span too many is closed: %q", h)
		}
	}
	text := spans.ReplaceAllString(h, "")
	if depth != 0 || strings.ContainsAny(text, "<>\"'\x1b\r\x00") {
		t.Fatalf("a tag not of ours, or an open one: %q", h)
	}
}

func FuzzRender(f *testing.F) {
	for _, s := range []string{"x", "\x1b[31m<b>", "\x1b]8;;javascript:alert(1)\x07x", "\x1b]1337;File=name=MS5naWY=;inline=1:AAAA\x07", "a\rb\bc\x1b[K",
		"\x1b[38;5;\x1b[1mx", "\x1b_bk;t=1\x1b\\", "\xff\xfe<", "\x1b[1;1H\x1b[2J", "&amp;<!--", "\x1b[38;2;1;2", "\u202e\u009b"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		clean := func(s string) string {
			return strings.ReplaceAll(s[:min(len(s), maxCells)], "\n", "")
		}
		var r renderer
		for _, line := range []string{clean(first), clean(second), "plain"} {
			h := string(r.appendHTML(nil, []byte(line)))
			checkHTML(t, h)
			// What is read of a mark is the style that was written there.
			var back style
			back.apply(r.style.String())
			if back != r.style {
				t.Fatalf("style %q comes back as %q", r.style, back)
			}
			if m, ok := parseMark((mark{1, 2, r.style}).String()); !ok || m.Style != r.style {
				t.Fatalf("mark with style %q does not come back", r.style)
			}
		}
	})
}

func FuzzRows(f *testing.F) {
	f.Add("2026-11-22T10:00:01.000000001Z x\n2026-11-22T10:00:01.000000001+00:00 own\nno stamp\n\n\x1b[31m", 7)
	f.Add(strings.Repeat("long", 9000)+"\n2026-11-22T10:00:01Z y", 4000)
	f.Add("\"><script>\n'\"2026-11-22T10:00:01Z", 1)
	f.Fuzz(func(t *testing.T, log string, piece int) {
		whole := rows(t, log, len(log)+1)
		if pieces := rows(t, log, max(1, piece)); pieces != whole {
			t.Fatalf("in pieces of %d: %q, whole: %q", piece, pieces, whole)
		}
	})
}

var rowTags = regexp.MustCompile(`^<div class="l( own)?" id="L\d+"><a href="#L\d+" data-n="\d+"></a><i data-t="[0-9:]*"( title="[0-9:. UTC-]*")?></i><span>|</span></div>$`)

func rows(t *testing.T, log string, piece int) string {
	src := &pieces{strings.NewReader(log), piece}
	f := newFollower(src, mark{Line: 1})
	var out []byte
	for {
		var n int
		var err error
		out, n, err = f.next(out)
		if n == 0 && errors.Is(err, io.EOF) {
			break
		}
	}
	out = f.rest(out)
	if f.at.Offset != int64(len(log)) {
		t.Fatalf("read to %d of %d", f.at.Offset, len(log))
	}
	want := strings.Count(log, "\n")
	if log != "" && !strings.HasSuffix(log, "\n") {
		want++
	}
	if got := bytes.Count(out, []byte("\n")); got != want {
		t.Fatalf("%d rows of %d lines", got, want)
	}
	for row := range strings.SplitSeq(strings.TrimSuffix(string(out), "\n"), "\n") {
		if row == "" {
			continue
		}
		inner := rowTags.ReplaceAllString(row, "")
		inner = regexp.MustCompile(`<b class="cut">[^<]*</b>`).ReplaceAllString(inner, "")
		checkHTML(t, inner)
	}
	return string(out)
}

// pieces reads at most n bytes at once.
type pieces struct {
	r io.Reader
	n int
}

func (p *pieces) Read(b []byte) (int, error) { return p.r.Read(b[:min(len(b), p.n)]) }

// Text without anything special comes through as it is, on both ways through
// the renderer.
func TestTextComesThrough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`[ -~äé界✓]{0,200}[!-~]`).Draw(t, "s")
		if got := html.UnescapeString(renderLines(s)); got != s {
			t.Fatalf("render(%q) reads %q", s, got)
		}
		colored := spans.ReplaceAllString(renderLines("\x1b[31m"+s), "")
		if got := html.UnescapeString(colored); got != s {
			t.Fatalf("in colour, render(%q) reads %q", s, got)
		}
	})
}

func TestLongLines(t *testing.T) {
	log := "2026-11-22T10:00:01Z " + strings.Repeat("a", 7000) + "\n" + "2026-11-22T10:00:01Z start" + strings.Repeat("b", 3<<20) + "end\nnext\n"
	f := newFollower(strings.NewReader(log), mark{Line: 1})
	var out []byte
	for {
		var n int
		if out, n, _ = f.next(out); n == 0 {
			break
		}
		if c := cap(f.head) + cap(f.tail) + cap(f.whole); c > 200<<10 {
			t.Fatalf("%d bytes are kept of a line", c)
		}
	}
	rows := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(rows) != 3 || !strings.Contains(rows[0], strings.Repeat("a", 7000)+"<") {
		t.Fatalf("%d rows", len(rows))
	}
	if !strings.Contains(rows[1], "<span>startbbb") || !strings.Contains(rows[1], "3.0 MB of this line left out") || !strings.HasSuffix(rows[1], "bbbend</span></div>") || len(rows[1]) > 10_000 {
		t.Errorf("a long line has %d bytes", len(rows[1]))
	}
}

// Output made to grow does not grow without a bound.
func TestHostileOutputIsBounded(t *testing.T) {
	for name, piece := range map[string]string{
		"cursor":  "\x1b[9999Cx",
		"colours": "\x1b[3mx\x1b[23mx",
		"strings": "\x1b]",
		"long":    "\x1b[1;2;3;4;5;9;38;5;200;48;5;200mx\x1b[0m",
		"returns": "\rx",
	} {
		in := strings.Repeat(piece, 1<<20/len(piece))
		f := newFollower(strings.NewReader(strings.Repeat(in[:7000]+"\n", 100)), mark{Line: 1})
		var out []byte
		for {
			var n int
			if out, n, _ = f.next(out); n == 0 {
				break
			}
		}
		if len(out) > 20*700_000 {
			t.Errorf("%s: 700 kB of log became %d kB of page", name, len(out)/1000)
		}
	}
}

// TestSentence shows what a result's detail becomes on a page.
func TestSentence(t *testing.T) {
	for detail, want := range map[string]string{
		"":                         "",
		"`make ci` exited with 2.": "<code>make ci</code> exited with 2.",
		"<b> & `<i>`":              "&lt;b&gt; &amp; <code>&lt;i&gt;</code>",
		"one ` alone, <b>":         "one ` alone, &lt;b&gt;",
	} {
		if got := string(sentence(detail)); got != want {
			t.Errorf("sentence(%q) = %q, want %q", detail, got, want)
		}
	}
}
