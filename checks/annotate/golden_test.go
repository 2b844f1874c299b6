package annotate_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/annotate"
)

var update = flag.Bool("update", false, "write what is found to testdata/want")

// tree is a list of files.
type tree []string

func (t tree) Has(name string) bool { return slices.Contains(t, name) }

func (t tree) Named(base string) (all []string) {
	for _, f := range t {
		if path.Base(f) == base {
			all = append(all, f)
		}
	}
	return all
}

// petshop is the tree that the reports in testdata are of.
var petshop = tree{
	"golib/lib.go", "golib/lib_test.go", "golib/sub/sub.go", "golib/sub/sub_test.go", "golib/broken/broken.go",
	"clib/Makefile", "clib/src/pet.c", "clib/src/pet.h", "pylib/pets/__init__.py", "pylib/tests/test_pets.py",
	"jlib/src/com/acme/Pet.java", "jlib/src/test/java/com/acme/PetTest.java", "tslib/src/pet.ts", "jslib/src/pet.js", "rslib/src/main.rs",
}

// folders are those in which the tools ran.
var folders = map[string]string{
	"go": "golib", "govet": "golib", "golangci": "golib", "gcc": "clib", "clang": "clib", "mypy": "pylib", "pytest": "pylib", "ruff": "pylib",
	"javac": "jlib", "surefire": "jlib", "maven": "jlib", "tsc": "tslib", "eslint": "jslib", "rustc": "rslib", "codeql": "pylib",
}

// TestReal reads what the real tools wrote, as reports and, the lines, as a log.
func TestReal(t *testing.T) {
	files, err := filepath.Glob("testdata/*.*")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		if name == "README.md" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			stem, _, _ := strings.Cut(strings.TrimSuffix(name, path.Ext(name)), "-")
			dir, ok := folders[stem]
			if !ok {
				t.Fatalf("no folder for %s", name)
			}
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			o := annotate.Options{Dir: dir, Root: "/workspace", Files: petshop}
			c := annotate.New(o)
			c.Report(name, bytes.NewReader(data))
			got := show(c.Findings())
			if path.Ext(name) == ".txt" {
				if in := show(inLog(o, data)); in != got {
					t.Errorf("in a log:\n%s\nas a report:\n%s", in, got)
				}
			}
			golden := "testdata/want/" + name + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// inLog is what is found when text is the output of a job's step.
func inLog(o annotate.Options, text []byte) checks.Findings {
	c := annotate.New(o)
	for line := range bytes.Lines(text) {
		c.Line(bytes.TrimSuffix(line, []byte("\n")))
	}
	c.End()
	f := c.Findings()
	f.Log, f.Cut = "", 0
	return f
}

// show is findings as a person reads them.
func show(f checks.Findings) string {
	var b strings.Builder
	fmt.Fprintf(&b, "passed %d, failed %d, errors %d, skipped %d\n", f.Tests.Passed, f.Tests.Failed, f.Tests.Errors, f.Tests.Skipped)
	for _, t := range f.Failed {
		fmt.Fprintf(&b, "FAILED %s at %s:%d\n%s\n", t.Name, t.Path, t.Line, indent(t.Message))
	}
	for _, t := range f.Slowest {
		fmt.Fprintf(&b, "SLOW %s %s\n", t.Name, t.Took)
	}
	for _, a := range f.Annotations {
		fmt.Fprintf(&b, "%s %s:%d", a.Level, a.Path, a.StartLine)
		if a.EndLine != a.StartLine {
			fmt.Fprintf(&b, "-%d", a.EndLine)
		}
		if a.StartColumn > 0 {
			fmt.Fprintf(&b, ", column %d-%d", a.StartColumn, a.EndColumn)
		}
		fmt.Fprintf(&b, " [%s]\n%s\n", a.Title, indent(a.Message))
	}
	for _, u := range f.Unplaced {
		fmt.Fprintf(&b, "UNPLACED %s\n", u)
	}
	for _, n := range f.Notes {
		fmt.Fprintf(&b, "NOTE %s\n", n)
	}
	fmt.Fprintf(&b, "left out %d, %d\n", f.LeftOut, f.UnplacedMore)
	return b.String()
}

func indent(s string) string { return "    " + strings.ReplaceAll(s, "\n", "\n    ") }
