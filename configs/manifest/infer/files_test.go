package infer

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// parseCase is a file and what a parser makes of it.
type parseCase struct {
	file     string // its path; the package's folder is the folder it is in
	data     string
	provides []string
	needs    []string // as needText writes them
	err      string
}

func testParser(t *testing.T, p parser, cases map[string]parseCase) {
	t.Helper()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := path.Dir(c.file)
			if !p.match(dir, c.file) {
				t.Fatalf("%s does not match in %s", c.file, dir)
			}
			facts, err := p.parse(dir, c.file, []byte(c.data))
			if text := parseErrText(err); text != c.err {
				t.Errorf("error %q, want %q", text, c.err)
			}
			if d := cmp.Diff(c.provides, facts.Provides); d != "" {
				t.Errorf("provides (-want +got)\n%s", d)
			}
			if d := cmp.Diff(c.needs, needTexts(facts)); d != "" {
				t.Errorf("needs (-want +got)\n%s", d)
			}
			checkFacts(t, []byte(c.data), facts, err)
		})
	}
}

// needTexts writes a need as "LINE NAME" or as "LINE ./PATH".
func needTexts(f Facts) []string {
	var out []string
	for _, n := range f.Needs {
		if n.Path != "" {
			out = append(out, fmt.Sprintf("%d ./%s", n.Line, n.Path))
		} else {
			out = append(out, fmt.Sprintf("%d %s", n.Line, n.Name))
		}
	}
	return out
}

// fuzzParser fuzzes one parser with the files of its table as seeds.
func fuzzParser(f *testing.F, p parser, file string, cases map[string]parseCase) {
	for _, c := range cases {
		if path.Base(c.file) == path.Base(file) {
			f.Add([]byte(c.data))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		facts, err := p.parse(path.Dir(file), file, data)
		checkFacts(t, data, facts, err)
		if !bytes.Equal(before, data) {
			t.Error("the data was written to")
		}
		again, _ := p.parse(path.Dir(file), file, data)
		if d := cmp.Diff(facts, again); d != "" {
			t.Errorf("other facts the second time:\n%s", d)
		}
	})
}

// checkFacts holds what is true of the facts of every file.
func checkFacts(t *testing.T, data []byte, facts Facts, err error) {
	t.Helper()
	checkError(t, data, err)
	if err != nil && (facts.Provides != nil || facts.Needs != nil || facts.Includes != nil) {
		t.Errorf("an error and facts: %+v", facts)
	}
	for _, n := range facts.Provides {
		if n == "" {
			t.Error("it provides the empty name")
		}
	}
	for _, n := range facts.Needs {
		if (n.Name == "") == (n.Path == "") {
			t.Errorf("a need is a name or a path: %+v", n)
		}
		if n.Line < 1 || n.Line > lineCount(data) {
			t.Errorf("line %d of %d: %+v", n.Line, lineCount(data), n)
		}
		if n.Path != "" {
			checkPath(t, n.Path)
		}
	}
}

func checkPath(t *testing.T, p string) {
	t.Helper()
	if path.Clean(p) != p || path.IsAbs(p) || p == ".." || strings.HasPrefix(p, "../") || strings.IndexByte(p, 0) >= 0 {
		t.Errorf("path %q is not clean or leaves the repository", p)
	}
	if !fs.ValidPath(strings.ToValidUTF8(p, "?")) {
		t.Errorf("path %q is not valid", p)
	}
}

var errorForm = regexp.MustCompile(`^line ([1-9][0-9]*): [[:print:]\PC]+$`)

// checkError holds that an error names a line of the file in one printable line.
func checkError(t *testing.T, data []byte, err error) {
	t.Helper()
	if err == nil {
		return
	}
	m := errorForm.FindStringSubmatch(err.Error())
	if m == nil {
		t.Fatalf("error %q", err)
	}
	if line, _ := strconv.Atoi(m[1]); line > lineCount(data) {
		t.Errorf("error %q, but the file has %d lines", err, lineCount(data))
	}
	if len(err.Error()) > 350 {
		t.Errorf("an error of %d bytes", len(err.Error()))
	}
}

func lineCount(data []byte) int { return bytes.Count(data, []byte{'\n'}) + 1 }

func parseErrText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestOwnFile(t *testing.T) {
	match := ownFile("go.mod", "go.work")
	for _, c := range []struct {
		dir, file string
		want      bool
	}{
		{".", "go.mod", true},
		{".", "go.work", true},
		{".", "a/go.mod", false},
		{"a", "a/go.mod", true},
		{"a", "a/b/go.mod", false},
		{"a", "go.mod", false},
		{"a", "ab/go.mod", false},
		{"a", "a/go.sum", false},
		{"a", "a/GO.MOD", false},
	} {
		if got := match(c.dir, c.file); got != c.want {
			t.Errorf("%s in %s: %v", c.file, c.dir, got)
		}
	}
}

func TestPathBeside(t *testing.T) {
	for _, c := range []struct {
		file, rel, want string
	}{
		{"a/go.mod", "../b", "b"},
		{"a/go.mod", "..", "."},
		{"a/go.mod", "./c/", "a/c"},
		{"a/go.mod", "", "a"},
		{"a/go.mod", "../../b", ""},
		{"a/go.mod", "../..", ""},
		{"go.mod", "..", ""},
		{"go.mod", ".", "."},
		{"go.mod", "..b", "..b"},
		{"go.mod", "/b", ""},
		{"go.mod", "b\x00c", ""},
		{"a/b/go.mod", "x/../../../c d", "c d"},
	} {
		got, ok := pathBeside(c.file, c.rel)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%q in %s: %q, %v", c.rel, c.file, got, ok)
		}
	}
}

func TestLineCounter(t *testing.T) {
	c := lineCounter{data: []byte("a\nb\n\nc")}
	for _, x := range [][2]int{{0, 1}, {1, 1}, {2, 2}, {4, 3}, {5, 4}, {6, 4}, {99, 4}, {2, 2}, {0, 1}} {
		if got := c.at(x[0]); got != x[1] {
			t.Errorf("offset %d: line %d", x[0], got)
		}
	}
}

func TestProblemf(t *testing.T) {
	for want, err := range map[string]error{
		"line 1: a b":   problemf(0, "a\n\tb"),
		"line 7: x?[0m": problemf(7, "x\x1b[0m"),
		"line 2: " + strings.Repeat("x", 300) + "...": problemf(2, "%s", strings.Repeat("x", 9_000)),
	} {
		if err.Error() != want {
			t.Errorf("%q, want %q", err, want)
		}
	}
}
