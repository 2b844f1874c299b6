package annotate_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode"
	"unicode/utf8"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/annotate"
)

// seeds adds the real files whose names match, each with the folder that it is
// of.
func seeds(f *testing.F, patterns ...string) {
	for _, p := range patterns {
		files, err := filepath.Glob("testdata/" + p)
		if err != nil || len(files) == 0 {
			f.Fatalf("no files %s: %v", p, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			stem, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)), "-")
			f.Add(folders[stem], data)
		}
	}
}

func fuzzReport(f *testing.F, begin string) {
	f.Fuzz(func(t *testing.T, dir string, data []byte) {
		data = append([]byte(begin), data...)
		o := annotate.Options{Dir: dir, Root: "/workspace", Files: petshop}
		c := annotate.New(o)
		c.Report("a report", bytes.NewReader(data))
		found := c.Findings()
		sound(t, found)
		again := annotate.New(o)
		again.Report("a report", iotest.OneByteReader(bytes.NewReader(data)))
		if a, b := show(found), show(again.Findings()); a != b {
			t.Errorf("whole:\n%s\nbyte by byte:\n%s", a, b)
		}
	})
}

func FuzzJUnit(f *testing.F) {
	seeds(f, "*.xml")
	f.Add("pylib", []byte(`<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><testsuites><testsuite name="&b;"><testcase name="&#x202e;x" file="../../etc/passwd" line="-1"><failure>&b;</failure></testcase></testsuite></testsuites>`))
	f.Add(".", []byte(`<testsuite><testcase classname="tests.test_pets"><error><a><b>pylib/pets/__init__.py:1:</b></a></error><failure/></testcase>`))
	fuzzReport(f, "")
}

func FuzzGoTest(f *testing.F) {
	seeds(f, "go.json")
	f.Add("golib", []byte(`{"Action":"fail","Package":"x","Test":"T","Elapsed":-1e300,"Output":5}`+"\n"+`{"Action":"output","Package":"x","Test":"T/a/b/c","Output":"\u001b[31m    lib_test.go:3: \u202e"}`))
	fuzzReport(f, `{"Action":"start","Package":"a"}`+"\n")
}

func FuzzSARIF(f *testing.F) {
	seeds(f, "*.sarif")
	f.Add(".", []byte(`{"runs":[{"results":[{"message":5,"locations":[{"physicalLocation":{"artifactLocation":{"uri":"golib%2flib.go"},"region":{"startLine":1e30}}}]}],"x":[[[{}]]]}]}`))
	fuzzReport(f, "")
}

func FuzzLines(f *testing.F) {
	seeds(f, "*.txt")
	f.Add("golib", []byte("make[1]: Entering directory '/workspace/../x'\nlib.go:1:1: x\nC:\\lib.go:1:1: error: x\n[ERROR] lib.go:[1,2] x\nlib.go(1,1): error : x\n\r\x1b[Kx\rlib.go:1:1: \x1b]0;t\x07y"))
	f.Fuzz(func(t *testing.T, dir string, data []byte) {
		c := annotate.New(annotate.Options{Dir: dir, Root: "/workspace", Files: petshop})
		for line := range bytes.SplitSeq(data, []byte("\n")) {
			if bytes.HasPrefix(line, []byte("+ ")) {
				c.Step()
			}
			c.Line(line)
		}
		c.End()
		sound(t, c.Findings())
	})
}

// FuzzReport has the form found out, and reads a second report and a log too.
func FuzzReport(f *testing.F) {
	seeds(f, "*.*")
	f.Fuzz(func(t *testing.T, dir string, data []byte) {
		c := annotate.New(annotate.Options{Dir: dir, Root: "/workspace", Files: petshop})
		c.Report("one", bytes.NewReader(data))
		c.Report("two\n", io.MultiReader(bytes.NewReader(data), iotest.ErrReader(errors.New("gone\x00"))))
		c.Line(data)
		sound(t, c.Findings())
	})
}

// FuzzXML compares with the standard library: what that takes for well-formed
// is read alike.
func FuzzXML(f *testing.F) {
	seeds(f, "*.xml")
	f.Add("", []byte(`<?xml version='1.0'?><!-- a > b --><a b = 'c"&#10;' x:d="&lt;"><![CDATA[]]]]><![CDATA[>&amp;]]>&amp;amp;<e/></a>`))
	f.Fuzz(func(t *testing.T, _ string, data []byte) {
		want, err := outline(data)
		if err != nil {
			return
		}
		got, err := annotate.Outline(bytes.NewReader(data))
		if err != nil {
			t.Fatalf("%v\nwant:\n%s", err, want)
		}
		if got = unified(got); got != want {
			t.Errorf("got:\n%s\nwant:\n%s", got, want)
		}
	})
}

func unified(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

var errOther = errors.New("a document that is read otherwise on purpose")

// outline is annotate.Outline by the standard library.
func outline(data []byte) (string, error) {
	d := xml.NewDecoder(bytes.NewReader(data))
	var b, text strings.Builder
	depth := 0
	flush := func() {
		if text.Len() > 0 {
			b.WriteString("text " + text.String() + "\n")
			text.Reset()
		}
	}
	for {
		tok, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			if depth != 0 {
				return "", errOther
			}
			// RawToken does not compare the names of what it opens and closes.
			return unified(b.String()), xml.Unmarshal(data, new(struct{}))
		}
		if err != nil {
			return "", err
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			flush()
			if depth++; depth > 100 || len(tok.Attr) > 64 {
				return "", errOther
			}
			b.WriteString("start " + tok.Name.Local)
			for _, a := range tok.Attr {
				b.WriteString(" " + a.Name.Local + "=" + a.Value)
			}
			b.WriteString("\n")
			if strings.Contains(tok.Name.Local, ":") || len(tok.Name.Space)+len(tok.Name.Local) > 200 {
				return "", errOther
			}
			for _, a := range tok.Attr {
				if strings.Contains(a.Name.Local, ":") || len(a.Name.Space)+len(a.Name.Local) > 200 || len(a.Value) > 10_000 {
					return "", errOther
				}
			}
		case xml.EndElement:
			flush()
			if depth--; depth < 0 || strings.Contains(tok.Name.Local, ":") {
				return "", errOther
			}
			b.WriteString("end " + tok.Name.Local + "\n")
		case xml.CharData:
			if depth > 0 {
				text.Write(tok)
			}
		case xml.Directive:
			return "", errOther
		}
	}
}

// sound checks what holds of all findings.
func sound(t *testing.T, f checks.Findings) {
	t.Helper()
	text := func(what, s string, most int, lines bool) {
		if !utf8.ValidString(s) || utf8.RuneCountInString(s) > most {
			t.Errorf("%s %q is not valid, or too long", what, s)
		}
		for _, r := range s {
			if r != utf8.RuneError && !unicode.IsPrint(r) && (!lines || r != '\n') {
				t.Errorf("%s %q has the character %U", what, s, r)
				return
			}
		}
	}
	inTree := func(name string) {
		if !petshop.Has(name) {
			t.Errorf("%q is no file of the tree", name)
		}
	}
	if len(f.Annotations) > annotate.MaxAnnotations || len(f.Unplaced) > 20 || len(f.Failed) > 30 || len(f.Slowest) > 5 || len(f.Notes) > 10 || len(f.Seen.Red) > checks.MaxRedSeen {
		t.Errorf("too many: %d annotations, %d unplaced, %d failed, %d slow, %d notes, %d red", len(f.Annotations), len(f.Unplaced), len(f.Failed), len(f.Slowest), len(f.Notes), len(f.Seen.Red))
	}
	if f.LeftOut < 0 || f.UnplacedMore < 0 || f.Cut < 0 {
		t.Errorf("left out %d, %d, %d", f.LeftOut, f.UnplacedMore, f.Cut)
	}
	seen, worst := map[string]bool{}, 0
	for _, a := range f.Annotations {
		inTree(a.Path)
		text("title", a.Title, 255, false)
		text("message", a.Message, 1500, true)
		level := slices.Index([]string{"failure", "warning", "notice"}, a.Level)
		if level < worst || strings.TrimSpace(a.Message) == "" {
			t.Errorf("level %q after another, or no message: %+v", a.Level, a)
		}
		worst = level
		if a.StartLine < 1 || a.EndLine < a.StartLine || a.StartColumn < 0 || a.EndColumn < a.StartColumn || a.StartColumn == 0 && a.EndColumn != 0 || a.StartColumn > 0 && a.StartLine != a.EndLine {
			t.Errorf("lines and columns of %+v", a)
		}
		key, _ := json.Marshal([]any{a.Path, a.StartLine, a.Message})
		if seen[string(key)] {
			t.Errorf("twice: %s", key)
		}
		seen[string(key)] = true
	}
	for _, test := range f.Failed {
		text("name", test.Name, 200, false)
		text("message", test.Message, 300, true)
		if test.Path != "" {
			inTree(test.Path)
		}
	}
	for _, s := range f.Slowest {
		text("name", s.Name, 200, false)
		if s.Took <= 0 {
			t.Errorf("%s took %s", s.Name, s.Took)
		}
	}
	for _, u := range slices.Concat(f.Unplaced, f.Notes) {
		text("line", u, 300, false)
	}
	text("log", f.Log, 40<<10, true)
	for _, name := range f.Seen.Red {
		text("name", name, 200, false)
	}
	if data, err := json.Marshal(f); err != nil || len(data) > 400<<10 {
		t.Errorf("as JSON it has %d bytes: %v", len(data), err)
	}
}
