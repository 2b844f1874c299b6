package annotate_test

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/dudesons/loktar/checks/annotate"
)

func collector(dir string) *annotate.Collector {
	return annotate.New(annotate.Options{Dir: dir, Root: "/workspace", Files: petshop})
}

// TestWorstFirst: what is left out is the least bad, and counted.
func TestWorstFirst(t *testing.T) {
	c := collector("clib")
	var b strings.Builder
	for i := 1; i <= 150; i++ {
		fmt.Fprintf(&b, "src/pet.c:%d: note: n\nsrc/pet.c:%d: warning: w\nsrc/pet.c:%d: error: e\n", i, i, i)
		fmt.Fprintf(&b, "/usr/include/stdio.h:%d: error: e\n", i)
	}
	c.Report("lint.txt", strings.NewReader(b.String()))
	f := c.Findings()
	sound(t, f)
	count := map[string]int{}
	for _, a := range f.Annotations {
		count[a.Level]++
	}
	if count["failure"] != 150 || count["warning"] != 50 || f.LeftOut != 250 {
		t.Errorf("%v, %d left out", count, f.LeftOut)
	}
	if len(f.Unplaced) != 20 || f.UnplacedMore != 130 {
		t.Errorf("%d unplaced, %d more", len(f.Unplaced), f.UnplacedMore)
	}
}

// TestBytes: a few long messages leave no room for others, and those are
// counted.
func TestBytes(t *testing.T) {
	c := collector("clib")
	for i := 1; i <= 100; i++ {
		c.Line([]byte(fmt.Sprintf("src/pet.c:%d: error: %s", i, strings.Repeat("long ", 1000))))
	}
	c.End()
	f := c.Findings()
	sound(t, f)
	if n := len(f.Annotations); n < 15 || n > 30 || n+f.LeftOut != 100 {
		t.Errorf("%d annotations, %d left out", n, f.LeftOut)
	}
}

// TestOnce: what two reports and the log tell of a line is said once.
func TestOnce(t *testing.T) {
	c := collector("golib")
	junit := `<testsuite name="example.com/golib"><testcase classname="example.com/golib" name="TestAdd"><failure message="Failed">    lib_test.go:10: no</failure></testcase><testcase classname="example.com/golib" name="TestFine"/></testsuite>`
	json := `{"Action":"output","Package":"example.com/golib","Test":"TestAdd","Output":"    lib_test.go:10: no\n"}
{"Action":"fail","Package":"example.com/golib","Test":"TestAdd"}
{"Action":"pass","Package":"example.com/golib","Test":"TestFine"}
`
	c.Report("a.xml", strings.NewReader(junit))
	c.Report("a.json", strings.NewReader(json))
	for line := range strings.SplitSeq("--- FAIL: TestAdd (0.00s)\n    lib_test.go:10: no\nFAIL\nFAIL\texample.com/golib\t0.1s\nlib.go:3:1: wrong\nlib.go:3:1: wrong", "\n") {
		c.Line([]byte(line))
	}
	c.End()
	f := c.Findings()
	sound(t, f)
	if f.Tests.Failed != 1 || f.Tests.Passed != 1 || len(f.Annotations) != 2 || f.LeftOut != 0 {
		t.Errorf("%s", show(f))
	}
	if !f.Seen.Green("example.com/golib.TestFine") || f.Seen.Green("example.com/golib.TestAdd") || f.Seen.Red[0] != "example.com/golib.TestAdd" {
		t.Errorf("seen: %v", f.Seen.Red)
	}
}

// TestPlaces: which file a tool means.
func TestPlaces(t *testing.T) {
	for name, want := range map[string]string{
		"lib.go":                               "golib/lib.go",
		"./sub/../lib.go":                      "golib/lib.go",
		"golib/lib.go":                         "golib/lib.go",
		"/workspace/golib/lib.go":              "golib/lib.go",
		"/workspace/golib/./sub//sub.go":       "golib/sub/sub.go",
		`sub\sub.go`:                           "golib/sub/sub.go",
		"../clib/src/pet.c":                    "clib/src/pet.c",
		"../../../clib/src/pet.c":              "clib/src/pet.c", // the end of one path alone
		"src/pet.c":                            "clib/src/pet.c",
		"build/../src/pet.c":                   "clib/src/pet.c",
		"file:///workspace/golib/lib%2ego":     "golib/lib.go",
		"file://host/workspace/golib/lib.go":   "golib/lib.go",
		"/workspace/../workspace/golib/lib.go": "golib/lib.go",
		"pet.c":                                "", // any name is somewhere
		"/golib/lib.go":                        "",
		"/workspace/golib":                     "",
		"/workspace/../etc/passwd":             "",
		"/etc/passwd":                          "",
		"../../etc/passwd":                     "",
		`C:\workspace\golib\lib.go`:            "",
		"C:/workspace/golib/lib.go":            "",
		"lib.go\x00":                           "",
		"lib\u202e.go":                         "",
		"lib\xff.go":                           "",
		"..":                                   "",
		"":                                     "",
	} {
		c := collector("golib")
		uri, _ := strings.CutPrefix(fmt.Sprintf("%q", name), `"`)
		uri = strings.ReplaceAll(strings.TrimSuffix(uri, `"`), `\x`, `\u00`)
		c.Report("r.sarif", strings.NewReader(`{"runs":[{"results":[{"message":{"text":"m"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"`+uri+`"}}}]}]}]}`))
		got := ""
		f := c.Findings()
		if sound(t, f); len(f.Annotations) > 0 {
			got = f.Annotations[0].Path
		}
		if got != want {
			t.Errorf("%q is %q, not %q: %s", name, got, want, show(f))
		}
	}
}

// TestAmbiguous: what may mean two files means none.
func TestAmbiguous(t *testing.T) {
	files := tree{"a/src/x.c", "b/src/x.c", "c/src/x.c"}
	for dir, want := range map[string]int{"a": 1, "d": 0} {
		c := annotate.New(annotate.Options{Dir: dir, Root: "/workspace", Files: files})
		c.Line([]byte("deep/../src/x.c:1: error: m"))
		c.End()
		if n := len(c.Findings().Annotations); n != want {
			t.Errorf("from %s: %d annotations", dir, n)
		}
	}
}

// TestNotes: what cannot be read is told, and what came before stands.
func TestNotes(t *testing.T) {
	one := `<testsuite><testcase name="a"/>`
	for text, want := range map[string]string{
		"":                               "",
		" \n":                            "",
		"<html><body>":                   "r is not a report: it is in no form that Loktar reads.",
		"[1, 2]":                         "r is not a report: it is in no form that Loktar reads.",
		"just words\n":                   "r is not a report: it is in no form that Loktar reads.",
		"\xff\xfe<\x00":                  "r is not a report: it is in no form that Loktar reads.",
		one:                              "r was read as far as it goes: its end is missing.",
		one + "</x>":                     "r was not read whole: it is not well-formed XML.",
		one + strings.Repeat("<a>", 99):  "r was read as far as it goes: its end is missing.",
		one + strings.Repeat("<a>", 100): "r was not read whole: its elements are nested too deep.",
		`{"runs":[{"results":[`:          "r was read as far as it goes: its end is missing.",
		`{"runs":5}`:                     "r was not read whole: it is not shaped as its format says.",
		`{"runs":[{"a":` + strings.Repeat("[", 200):                                          "r was not read whole: its elements are nested too deep.",
		`{"runs":[{"results":[{"message":{"text":"` + strings.Repeat("x", 3<<20) + `"}}]}]}`: "r was not read whole: one of its results is too long.",
	} {
		c := collector(".")
		c.Report("r", strings.NewReader(text))
		f := c.Findings()
		sound(t, f)
		if got := strings.Join(f.Notes, "|"); got != want {
			t.Errorf("%.60q: %q, want %q", text, got, want)
		}
		if strings.HasPrefix(text, one) && f.Tests.Passed != 1 {
			t.Errorf("%.60q: what came before is lost: %+v", text, f.Tests)
		}
	}
}

// TestLog: the failing part of a log is what its last step printed, its end
// when it is long.
func TestLog(t *testing.T) {
	c := collector(".")
	c.Line([]byte("of an earlier step"))
	c.Step()
	for i := range 5000 {
		c.Line([]byte(fmt.Sprintf("\x1b[31mline %d\x1b[0m \u202e", i)))
	}
	c.Line([]byte("10 %\r50 %\r100 %"))
	c.Line([]byte("``````"))
	c.End()
	f := c.Findings()
	sound(t, f)
	lines := strings.Split(f.Log, "\n")
	if n := len(lines); n != 300 || f.Cut != 4702 || lines[0] != "line 4702" || lines[n-2] != "100 %" || lines[n-1] != "``````" {
		t.Errorf("%d lines, %d cut, from %q to %q", n, f.Cut, lines[0], lines[n-1])
	}
	c = collector(".")
	for range 100 {
		c.Line([]byte(strings.Repeat("é", 3000)))
	}
	if f := c.Findings(); len(f.Log) > 24<<10 || f.Cut == 0 {
		t.Errorf("%d bytes, %d cut", len(f.Log), f.Cut)
	}
}

// repeated gives head, then body again and again, then foot.
type repeated struct {
	io.Reader
	body string
	left int
}

func repeat(head, body, foot string, size int) io.Reader {
	return io.MultiReader(strings.NewReader(head), &repeated{Reader: strings.NewReader(body), body: body, left: size / max(len(body), 1)}, strings.NewReader(foot))
}

func (r *repeated) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err == io.EOF && r.left > 1 {
		r.left--
		r.Reader = strings.NewReader(r.body)
		return n, nil
	}
	return n, err
}

const (
	caseXML   = `<testcase classname="com.acme.PetTest" name="legs" time="0.031"><failure message="no">at com.acme.PetTest.legs(PetTest.java:12)</failure><system-out>` + "a line of output that nobody asked for\n" + `</system-out></testcase>` + "\n"
	goLines   = `{"Time":"2026-11-29T02:28:31Z","Action":"run","Package":"example.com/golib","Test":"TestAdd"}` + "\n" + `{"Time":"2026-11-29T02:28:31Z","Action":"output","Package":"example.com/golib","Test":"TestAdd","Output":"    lib_test.go:10: Add(1, 2) = 3, want 4\n"}` + "\n" + `{"Time":"2026-11-29T02:28:31Z","Action":"fail","Package":"example.com/golib","Test":"TestAdd","Elapsed":0}` + "\n"
	sarifLine = `{"ruleId":"govet","level":"error","message":{"text":"printf: wrong"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"lib.go","index":0},"region":{"startLine":11,"startColumn":43}}}]},`
)

// TestMemory: 50 MB of a report, and of one text in it, need little memory.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("it reads 300 MB")
	}
	const size = 50 << 20
	for name, r := range map[string]io.Reader{
		"tests":       repeat("<testsuite>", caseXML, "</testsuite>", size),
		"one text":    repeat("<testsuite><testcase><failure>", "all in one text ", "</failure></testcase></testsuite>", size),
		"one value":   repeat(`<testsuite name="`, "all in one name ", `"/>`, size),
		"one section": repeat("<testsuite><testcase><system-out><![CDATA[", "]] ]>>", "]]></system-out></testcase></testsuite>", size),
		"go":          repeat("", goLines, "", size),
		"open tests":  repeat("", strings.Repeat(`{"Action":"output","Package":"p","Test":"T","Output":"`+strings.Repeat("x", 1000)+`"}`+"\n", 100), "", size),
		"sarif":       repeat(`{"runs":[{"results":[`, sarifLine, "{}]}]}", size),
		"one string":  repeat(`{"runs":[{"x":"`, "all in one string", `"}]}`, size),
		"one line":    repeat("lib.go:1:1: ", "all in one line", "", size),
	} {
		t.Run(name, func(t *testing.T) {
			c := collector("golib")
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			peak := uint64(0)
			c.Report("r", &watched{r, func() {
				runtime.ReadMemStats(&after)
				peak = max(peak, after.HeapInuse)
			}, 0})
			sound(t, c.Findings())
			if grown := int64(peak) - int64(before.HeapInuse); grown > 40<<20 {
				t.Errorf("it needs %d MB", grown>>20)
			}
		})
	}
}

// watched calls look now and then.
type watched struct {
	io.Reader
	look func()
	n    int
}

func (w *watched) Read(p []byte) (int, error) {
	if w.n++; w.n%100 == 0 {
		w.look()
	}
	return w.Reader.Read(p)
}

// TestNamelessFlake shows that a test which failed and then passed has a name
// by which it is remembered, whatever its report calls it.
func TestNamelessFlake(t *testing.T) {
	for _, name := range []string{"", " ", "\u200b"} {
		c := collector(".")
		report := `<testsuite><testcase name="` + name + `"><flakyFailure message="no"/></testcase></testsuite>`
		c.Report("TEST.xml", strings.NewReader(report))
		if red := c.Findings().Seen.Red; len(red) != 1 || strings.TrimSpace(red[0]) == "" {
			t.Errorf("%q: red are %q", name, red)
		}
	}
}
