package annotate_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks/annotate"
)

// TestSaved has a Collector die after any of its reports, and another one go on:
// what is found is the same, of reports that tell of the same and of a log that
// repeats them.
func TestSaved(t *testing.T) {
	files, err := filepath.Glob("testdata/*.*")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	texts := map[string][]byte{}
	for _, file := range files {
		if texts[file], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	o := annotate.Options{Dir: "pylib", Root: "/workspace", Files: petshop, Mask: func(s string) string { return s }}
	rapid.Check(t, func(rt *rapid.T) {
		reports := rapid.SliceOfN(rapid.SampledFrom(files), 1, 4).Draw(rt, "reports")
		log := rapid.SampledFrom(files).Draw(rt, "log")
		die := rapid.IntRange(0, len(reports)).Draw(rt, "die")
		found := func(dies bool) (string, []string, string) {
			c := annotate.New(o)
			for i := 0; i <= len(reports); i++ {
				if dies && i == die {
					text, err := c.Save()
					if err != nil {
						rt.Fatal(err)
					}
					c = annotate.New(o)
					if err := c.Load(text); err != nil {
						rt.Fatal(err)
					}
				}
				if i < len(reports) {
					c.Report(reports[i], bytes.NewReader(texts[reports[i]]))
				}
			}
			c.Step()
			for line := range bytes.Lines(texts[log]) {
				c.Line(bytes.TrimSuffix(line, []byte("\n")))
			}
			c.End()
			f := c.Findings()
			green := ""
			for _, s := range f.Slowest {
				if f.Seen.Green(s.Name) {
					green += s.Name + "\n"
				}
			}
			return show(f), append(f.Seen.Red, f.Log), green
		}
		want, wantRed, wantGreen := found(false)
		got, gotRed, gotGreen := found(true)
		if got != want || !slices.Equal(gotRed, wantRed) || gotGreen != wantGreen {
			rt.Fatalf("with a death:\n%s\n%q\n%q\nwithout:\n%s\n%q\n%q", got, gotRed, gotGreen, want, wantRed, wantGreen)
		}
	})
}

// What is read back may be anything, and makes no Collector panic.
func FuzzLoad(f *testing.F) {
	c := annotate.New(annotate.Options{Files: petshop})
	c.Report("x", bytes.NewReader([]byte(`<testsuite><testcase name="a"/><testcase name="b"><failure message="no"/></testcase></testsuite>`)))
	text, err := c.Save()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"known":"AAAA","levels":{"x":null}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c := annotate.New(annotate.Options{Files: petshop})
		if c.Load(text) != nil {
			return
		}
		c.Report("x", bytes.NewReader([]byte(`<testsuite><testcase name="a"/></testsuite>`)))
		c.Line([]byte("golib/lib.go:1: error: x"))
		c.End()
		c.Findings()
	})
}
