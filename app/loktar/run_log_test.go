package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

func TestLogLine(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{"2026-11-29T02:40:13.000000000Z plain", "plain"},
		{"2026-11-29T02:40:13.000000000+00:00 \x1b[1;36m==>\x1b[0m In the image", "==> In the image"},
		{"2026-11-29T02:40:13.000000000Z \x1b[31mred\x1b[0m", "red"},
		{"2026-11-29T02:40:13.000000000Z 10%\r50%\r100%\r\n", "100%"},
		{"2026-11-29T02:40:13.000000000Z \x1b]0;title\x07after", "after"},
		{"2026-11-29T02:40:13.000000000Z \x1b]8;;http://x\x1b\\link", "link"},
		{"2026-11-29T02:40:13.000000000Z a\tb\x00\u202e", `a    b\x00\u202e`},
		{"2026-11-29T02:40:13.000000000Z \x1b", `\x1b`},
		{"", ""},
	} {
		if got := logLine(tt.line); got != tt.want {
			t.Errorf("logLine(%q) = %q, want %q", tt.line, got, tt.want)
		}
	}
}

// FuzzLogLine holds that nothing which a terminal acts on gets through.
func FuzzLogLine(f *testing.F) {
	f.Add("2026-11-29T02:40:13.000000000Z \x1b[31mred\x1b[0m\x1b]0;x\x07")
	f.Add("\x1b[\x1b]\x9b31m\u009b")
	f.Fuzz(func(t *testing.T, line string) {
		for _, r := range logLine(line) {
			if r != ' ' && !unicode.IsPrint(r) {
				t.Fatalf("%q gives %q", line, logLine(line))
			}
		}
	})
}

// A follower gives every line once, however the log grows.
func TestFollower(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		path := filepath.Join(dir, fmt.Sprint(n))
		file, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		f, text := &follower{path: path}, ""
		var got []string
		for range rapid.IntRange(0, 8).Draw(t, "writes") {
			part := rapid.StringMatching(`([ab\n]{0,9})`).Draw(t, "part")
			text += part
			if _, err := file.WriteString(part); err != nil {
				t.Fatal(err)
			}
			got = append(got, f.lines(false)...)
		}
		got = append(got, f.lines(true)...)
		want := strings.Split(text, "\n")
		if want[len(want)-1] == "" {
			want = want[:len(want)-1]
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%q gives %q", text, got)
		}
	})
}

func TestTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if lines, more := tail(path, 3, maxTail); lines != nil || more {
		t.Errorf("of no file: %q, %v", lines, more)
	}
	var text strings.Builder
	for i := range 100 {
		fmt.Fprintf(&text, "Z line %d\n", i)
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		n, most int
		want    []string
		more    bool
	}{
		{2, maxTail, []string{"line 98", "line 99"}, true},
		{2, 25, []string{"line 98", "line 99"}, true},
		{5, 12, []string{"line 99"}, true},
	} {
		if got, more := tail(path, tt.n, tt.most); !slices.Equal(got, tt.want) || more != tt.more {
			t.Errorf("tail %d of %d bytes: %q, %v", tt.n, tt.most, got, more)
		}
	}
	if got, more := tail(path, 200, maxTail); len(got) != 100 || more {
		t.Errorf("all: %d, %v", len(got), more)
	}
}
