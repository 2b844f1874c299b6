package redact_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"sort"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/dudesons/loktar/runner/redact"
)

func TestText(t *testing.T) {
	const secret = "s3cr3t/va lue+'x'"
	set := redact.New(secret, "line one\n  line two\r\nx\n", "abcabc", "", "abc")
	for in, want := range map[string]string{
		"nothing":                       "nothing",
		"a " + secret + ".":             "a ***.",
		secret + secret:                 "******",
		"s3cr3t/va lue+'x":              "s3cr3t/va lue+'x",
		"line one":                      "***",
		"line one\n  line two\r\nx\n":   "***",
		"> line two <":                  "> *** <",
		"x\n":                           "x\n",
		"abcabcabc":                     "***",
		"abcabc abcabc":                 "*** ***",
		"abc":                           "abc",
		"Basic " + b64("user:abcdefgh"): "Basic dXNlcjphYmNkZWZnaA==",
		"Basic " + b64("user:abcabc"):   "Basic dXNlcjp***", // the "p" has two bits of the "a"
	} {
		if got := set.Text(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	if got := redact.New("abc", "").Text("abc"); got != "abc" {
		t.Errorf("what is too short became %q", got)
	}
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// printers are how programs print a value.
var printers = map[string]func(before, value, after string) string{
	"plain":       func(b, v, a string) string { return b + v + a },
	"base64":      func(b, v, a string) string { return b64(b + v + a) },
	"base64 raw":  func(b, v, a string) string { return base64.RawStdEncoding.EncodeToString([]byte(b + v + a)) },
	"base64 url":  func(b, v, a string) string { return base64.URLEncoding.EncodeToString([]byte(b + v + a)) },
	"base64 urlr": func(b, v, a string) string { return base64.RawURLEncoding.EncodeToString([]byte(b + v + a)) },
	"query":       func(b, v, a string) string { return b + url.QueryEscape(v) + a },
	"query lower": func(b, v, a string) string { return b + lowerEscapes(url.QueryEscape(v)) + a },
	"path":        func(b, v, a string) string { return b + url.PathEscape(v) + a },
	"user":        func(b, v, a string) string { return b + url.UserPassword("u", v).String() + a },
	"hex":         func(b, v, a string) string { return b + hex.EncodeToString([]byte(v)) + a },
	"HEX":         func(b, v, a string) string { return b + fmt.Sprintf("%X", v) + a },
	"json": func(b, v, a string) string {
		text, _ := json.Marshal(v)
		return b + string(text) + a
	},
	"html":   func(b, v, a string) string { return b + html.EscapeString(v) + a },
	"single": func(b, v, a string) string { return b + "'" + strings.ReplaceAll(v, "'", `'\''`) + "'" + a },
	"double": func(b, v, a string) string {
		return b + `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(v) + `"` + a
	},
	"echo base64": func(b, v, a string) string { return b + "\n" + b64(v+"\n") + "\n" + a },
}

func lowerEscapes(s string) string {
	return regexp.MustCompile(`%[0-9A-F]{2}`).ReplaceAllStringFunc(s, strings.ToLower)
}

// However a value is printed, and however that is cut, nobody can read it.
func TestNoFormIsLeft(t *testing.T) {
	var names []string
	for name := range printers {
		names = append(names, name)
	}
	sort.Strings(names)
	rapid.Check(t, func(rt *rapid.T) {
		value := rapid.StringMatching(`[a-zA-Z0-9 ~!#$%&'()+,./:;<=>?@\\^_{|}"é-]{8,40}`).Draw(rt, "value")
		before := rapid.StringMatching(`[a-z:]{0,5}`).Draw(rt, "before")
		after := rapid.StringMatching(`[a-z:]{0,5}`).Draw(rt, "after")
		name := rapid.SampledFrom(names).Draw(rt, "printer")
		text := printers[name](before, value, after)
		set := redact.New("another one", value)
		got := streamed(rt, set, text)
		if !strings.Contains(got, redact.Mask) {
			rt.Fatalf("%s: %q of %q is not masked: %q", name, text, value, got)
		}
		printed := printers[name]("", value, "")
		if strings.Contains(got, printed) {
			rt.Fatalf("%s: %q is still in %q", name, printed, got)
		}
		if !strings.Contains(name, "base64") {
			switch name {
			case "json", "double", "single":
				printed = printed[1 : len(printed)-1]
			case "user":
				printed = printed[len("u:"):]
			}
			if want := strings.Replace(text, printed, redact.Mask, 1); got != want {
				rt.Fatalf("%s: got %q, want %q", name, got, want)
			}
			return
		}
		// What is left of base64 shows at most a few bits of either end.
		if left := len(got) - len(before)*2 - len(after)*2; left > 14 {
			rt.Fatalf("%s: %q is left of %q", name, got, text)
		}
	})
}

// streamed masks text in pieces.
func streamed(t *rapid.T, set *redact.Set, text string) string {
	var b bytes.Buffer
	st := set.Stream()
	give := func(p []byte) { b.Write(p) }
	for rest := []byte(text); len(rest) > 0; {
		n := rapid.IntRange(1, len(rest)).Draw(t, "n")
		piece := bytes.Clone(rest[:n])
		st.Write(piece, give)
		for i := range piece {
			piece[i] = '#' // it is the caller's again
		}
		rest = rest[n:]
	}
	st.Flush(give)
	return b.String()
}

// slow replaces each part of text that any of the forms covers, with no art.
func slow(forms []string, text string) string {
	covered := make([]bool, len(text))
	start := make([]bool, len(text)+1) // a part begins here though the one before ends here
	type span struct{ a, b int }
	var spans []span
	for _, f := range forms {
		for i := 0; i+len(f) <= len(text); i++ {
			if text[i:i+len(f)] == f {
				spans = append(spans, span{i, i + len(f)})
			}
		}
	}
	for _, s := range spans {
		for i := s.a; i < s.b; i++ {
			covered[i] = true
		}
	}
	for i := 1; i < len(text); i++ {
		if covered[i] && covered[i-1] {
			start[i] = true
			for _, s := range spans {
				if s.a < i && i < s.b {
					start[i] = false
				}
			}
		}
	}
	var b strings.Builder
	for i := range len(text) {
		switch {
		case !covered[i]:
			b.WriteByte(text[i])
		case i == 0 || !covered[i-1] || start[i]:
			b.WriteString(redact.Mask)
		}
	}
	return b.String()
}

// The automaton finds what a plain search finds, in any pieces.
func TestStreamIsExact(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		values := rapid.SliceOfN(rapid.StringMatching(`[ab]{4,9}|[abc]{4,6}\n[ab]{0,5}|ab ab[ab']{0,3}`), 0, 4).Draw(rt, "values")
		text := rapid.StringMatching(`([ab]{0,8}|[abc \n']{0,6}|YWJ|hYg==){0,20}`).Draw(rt, "text")
		if len(values) > 0 && rapid.Bool().Draw(rt, "some") {
			text += b64(rapid.SampledFrom(values).Draw(rt, "value")) + text
		}
		want := slow(redact.Forms(values...), text)
		if got := streamed(rt, redact.New(values...), text); got != want {
			rt.Fatalf("got  %q\nwant %q", got, want)
		}
		if got := redact.New(values...).Text(text); got != want {
			rt.Fatalf("at once: got %q, want %q", got, want)
		}
	})
}

// No byte is held back but the beginning of a form.
func TestHoldsBackLittle(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		value := rapid.StringMatching(`[ab]{4,9}`).Draw(rt, "value")
		text := rapid.StringMatching(`[abYW\n]{0,30}`).Draw(rt, "text")
		var out strings.Builder
		st := redact.New(value).Stream()
		st.Write([]byte(text), func(p []byte) { out.Write(p) })
		held := ""
		for i := len(text); i >= 0; i-- {
			for _, f := range redact.Forms(value) {
				if strings.HasPrefix(f, text[i:]) && len(text[i:]) < len(f) {
					held = text[i:]
				}
			}
		}
		if want := slow(redact.Forms(value), text[:len(text)-len(held)]); !strings.HasPrefix(out.String(), strings.TrimSuffix(want, redact.Mask)) {
			rt.Fatalf("of %q came %q, want %q", text, out.String(), want)
		}
	})
}

func FuzzStream(f *testing.F) {
	f.Add("secret", "other\nvalue", "a secret, c2VjcmV0, dmFsdWU=", 5, 9)
	f.Add("aaaa", "aaaaa", "aaaaaaaaaaaa", 1, 2)
	f.Fuzz(func(t *testing.T, one, two, text string, i, j int) {
		if len(one)+len(two) > 200 || len(text) > 2000 {
			return
		}
		want := slow(redact.Forms(one, two), text)
		var b strings.Builder
		st := redact.New(one, two).Stream()
		i = min(max(i, 0), len(text))
		j = min(max(j, i), len(text))
		for _, p := range []string{text[:i], text[i:j], text[j:]} {
			st.Write([]byte(p), func(p []byte) { b.Write(p) })
		}
		st.Flush(func(p []byte) { b.Write(p) })
		if b.String() != want {
			t.Errorf("got  %q\nwant %q", b.String(), want)
		}
	})
}
