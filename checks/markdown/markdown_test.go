package markdown_test

import (
	"html"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/dudesons/loktar/checks/markdown"
)

func TestCode(t *testing.T) {
	for in, want := range map[string]string{
		"services/pet_api/main.py": "`services/pet_api/main.py`",
		"":                         "` `",
		"a`b":                      "``a`b``",
		"`":                        "`` ` ``",
		"``a":                      "``` ``a ```",
		" a ":                      "`  a  `",
		" a":                       "` a`",
		"  ":                       "`  `",
		"a\nb\tc\rd":               "`a\\nb\\tc\\rd`",
		"\x1b[31mred":              "`\\x1b[31mred`",
		"bad\xffutf8":              "`bad\\xffutf8`",
		"gpj.\u202eexe":            "`gpj.\\u202eexe`",
		"zero\u200bwidth":          "`zero\\u200bwidth`",
		"line\u2028end":            "`line\\u2028end`",
		"tag\U000e0041":            "`tag\\U000e0041`",
		"<img src=x>":              "`<img src=x>`",
		"@octocat":                 "`@octocat`",
		"a|b":                      "<code>a&#124;b</code>",
		"a|*b* `c` <d>":            "<code>a&#124;&#42;b&#42; &#96;c&#96; &#60;d&#62;</code>",
		"naïve/日本語":                "`naïve/日本語`",
		"\ufffd":                   "`\ufffd`",
	} {
		if got := markdown.Code(in); got != want {
			t.Errorf("Code(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"a plain sentence.":         "a plain sentence.",
		"":                          "",
		"awesome_lib":               `awesome\_lib`,
		"*bold* [x](y) `z` ~~s~~":   `\*bold\* \[x\](y) \` + "`z\\` \\~\\~s\\~\\~",
		"a | b":                     `a \| b`,
		"<script>&amp;":             "&lt;script&gt;&amp;amp;",
		"thanks @octocat":           "thanks @&#8203;octocat",
		"see #12 and o/r#3":         `see \#&#8203;12 and o/r\#&#8203;3`,
		"https://evil.example":      "https&#58;//evil.example",
		"go to www.evil.example":    "go to www&#46;evil.example",
		"two\nlines\r\n\r\n# of it": `two lines \#&#8203; of it`,
		"# heading":                 `\#&#8203; heading`,
		"- item":                    `\- item`,
		"1. item":                   "1&#46; item",
		"12) item":                  `12\) item`,
		"v1.2 is at 3.4":            "v1.2 is at 3.4",
		"    code block":            "code block",
		"\x1b[2Jgone\x00":           "\ufffd\\[2Jgone\ufffd",
		"\u202etxt.exe":             "\ufffdtxt.exe",
		"bad\xff\xfebytes":          "bad\ufffdbytes",
		`a\b`:                       `a\\b`,
		"$x$":                       `\$x\$`,
		"===":                       `\===`,
	} {
		if got := markdown.Text(in); got != want {
			t.Errorf("Text(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestBlock(t *testing.T) {
	for in, want := range map[string]string{
		"a\nb\n":            "```text\na\nb\n```\n",
		"":                  "```text\n\n```\n",
		"```\nx":            "````text\n```\nx\n````\n",
		"a `````` b":        "```````text\na `````` b\n```````\n",
		"~~~\n<b>@octocat":  "```text\n~~~\n<b>@octocat\n```\n",
		"\x1b[31mred\u202e": "```text\n\\x1b[31mred\\u202e\n```\n",
	} {
		if got := markdown.Block(in); got != want {
			t.Errorf("Block(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestPlain(t *testing.T) {
	for _, c := range []struct {
		in   string
		max  int
		want string
	}{
		{"a *title* @x", 50, "a *title* @x"},
		{"two\nlines", 50, "two lines"},
		{"abcdef", 6, "abcdef"},
		{"abcdefg", 6, "abcde…"},
		{"日本語日本語", 3, "日本…"},
		{"abc", 0, ""},
		{"\u202eabc", 9, "\ufffdabc"},
	} {
		if got := markdown.Plain(c.in, c.max); got != c.want {
			t.Errorf("Plain(%q, %d) = %q, want %q", c.in, c.max, got, c.want)
		}
	}
}

func TestClip(t *testing.T) {
	lines := strings.Repeat("0123456789\n", 20)
	for name, c := range map[string]struct {
		in   string
		max  int
		want string
	}{
		"fits":           {"short", 5, "short"},
		"between lines":  {lines, 60, "0123456789\n0123456789\n\n(199 characters left out here.)"},
		"no line end":    {strings.Repeat("x", 200), 60, strings.Repeat("x", 26) + "\n\n(174 characters left out here.)"},
		"open code":      {"```\n" + lines + "```\n", 70, "```\n0123456789\n0123456789\n```\n\n(203 characters left out here.)"},
		"closed code":    {"```\nx\n```\n" + lines, 60, "```\nx\n```\n0123456789\n\n(210 characters left out here.)"},
		"tiny":           {"abcdefgh", 3, "abc"},
		"whole letters":  {strings.Repeat("é", 9), 4, "éééé"},
		"nothing at all": {"abc", 0, ""},
	} {
		if got := markdown.Clip(c.in, c.max); got != c.want {
			t.Errorf("%s: Clip = %q, want %q", name, got, c.want)
		}
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int]string{0: "0 files", 1: "1 file", 999: "999 files", 1000: "1,000 files", 1234567: "1,234,567 files"} {
		if got := markdown.Count(n, "file"); got != want {
			t.Errorf("Count(%d) = %q, want %q", n, got, want)
		}
	}
}

var hostile = []string{
	"", " ", "`", "``` \n# x", "|", "a|b\n---|---", "<details>", "</code>", "&#64;octocat", "@octocat", "\\@octocat", "\\|", "\\`",
	"\u202e\u2066", "\xff\xfe", "[a](javascript:x)", "![i](http://x)", "www.x.y", "1. a", "- a", "\t- a", "~~~", "$$", ":tada:", "#1", "GH-1", "=",
}

func FuzzCode(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := markdown.Code(s)
		checkLine(t, got)
		if inner, ok := strings.CutPrefix(got, "<code>"); ok {
			inner = strings.TrimSuffix(inner, "</code>")
			if strings.ContainsAny(inner, "<>`*_[]|~$@\\:") {
				t.Fatalf("markup left in %q", got)
			}
			return
		}
		if strings.Contains(got, "|") {
			t.Fatalf("a pipe outside <code>: %q", got)
		}
		fence := got[:len(got)-len(strings.TrimLeft(got, "`"))]
		inner, ok := strings.CutSuffix(got[len(fence):], fence)
		if !ok || fence == "" || inner == "" {
			t.Fatalf("not one code span: %q", got)
		}
		for _, run := range regexp.MustCompile("`+").FindAllString(inner, -1) {
			if len(run) == len(fence) {
				t.Fatalf("the span ends early: %q", got)
			}
		}
		if inner[0] == '`' || inner[len(inner)-1] == '`' {
			t.Fatalf("the fence is not where it seems: %q", got)
		}
	})
}

var (
	mention = regexp.MustCompile(`[@#][A-Za-z0-9]`)
	escape  = regexp.MustCompile("\\\\[!-/:-@\\[-`{-~]")
	link    = regexp.MustCompile(`(?i)://|www\.`)
	block   = regexp.MustCompile(`^(\s|[-+=#>]|\d+[.)])`)
)

func FuzzText(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := markdown.Text(s)
		checkLine(t, got)
		bare := escape.ReplaceAllString(got, "")
		if strings.ContainsAny(bare, "<>`*_[]|~$\\") {
			t.Fatalf("markup left in %q", got)
		}
		if link.MatchString(bare) || block.MatchString(got) {
			t.Fatalf("a link or block in %q", got)
		}
		shown := html.UnescapeString(escape.ReplaceAllStringFunc(got, func(e string) string { return e[1:] }))
		if mention.MatchString(shown) {
			t.Fatalf("a mention in %q", got)
		}
		want := strings.Join(strings.Fields(s), " ")
		want = strings.Map(func(r rune) rune {
			if !unicode.IsPrint(r) {
				return utf8.RuneError
			}
			return r
		}, strings.ToValidUTF8(want, "\ufffd"))
		if got := strings.ReplaceAll(shown, "\u200b", ""); got != want {
			t.Fatalf("shows as %q, want %q", got, want)
		}
	})
}

func checkLine(t *testing.T, s string) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Fatalf("not UTF-8: %q", s)
	}
	if i := strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
		t.Fatalf("an unseen character at %d of %q", i, s)
	}
}

func FuzzClip(f *testing.F) {
	f.Add("```\nlong\n", 5)
	f.Add(strings.Repeat("line of text\n", 20), 90)
	f.Add(strings.Repeat("~~~~\nx\n", 20), 90)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = max(limit%2000, 0)
		got := markdown.Clip(s, limit)
		if n := utf8.RuneCountInString(got); n > limit {
			t.Fatalf("%d characters, at most %d", n, limit)
		}
		if utf8.RuneCountInString(s) <= limit && got != s {
			t.Fatalf("cut without need: %q", got)
		}
		if utf8.ValidString(s) && !utf8.ValidString(got) {
			t.Fatalf("cut inside a character: %q", got)
		}
		if n := utf8.RuneCountInString(markdown.Plain(s, limit)); n > limit {
			t.Fatalf("Plain has %d characters, at most %d", n, limit)
		}
	})
}
