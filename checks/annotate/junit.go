package annotate

import (
	"errors"
	"io"
	"strconv"
	"strings"
	"time"
)

// junit reads JUnit XML, as the tools write it: those of Java, pytest,
// gotestsum, jest, eslint, golangci-lint and others.
func (c *Collector) junit(r io.Reader) error {
	x := newXML(r)
	x.mute = true
	j := junit{c: c}
	for first := true; ; first = false {
		t, err := x.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case first && t.name != "testsuites" && t.name != "testsuite":
			return errUnknown
		}
		switch t.kind {
		case xmlStart:
			j.start(&t)
			x.mute = j.text == nil
		case xmlEnd:
			j.end(t.name)
			x.mute = j.text == nil
		case xmlText:
			j.text.write(t.text)
		}
	}
}

// junit is where a report is being read.
type junit struct {
	c      *Collector
	suites []junitSuite

	test   test
	inside bool // a testcase
	class  string
	file   string
	line   int
	red    bool     // the outcome is known
	flaky  bool     // it failed, and passed when it was tried again
	text   *excerpt // of the element that says why; nil outside of it
	depth  int      // of elements within that
}

type junitSuite struct{ name, file string }

func (j *junit) start(t *xmlToken) {
	switch {
	case j.text != nil:
		j.depth++
	case t.name == "testsuite" || t.name == "testsuites":
		j.suites = append(j.suites, junitSuite{t.attr("name"), firstOf(t.attr("file"), t.attr("filepath"))})
	case t.name == "testcase":
		j.inside, j.red, j.flaky = true, false, false
		j.class, j.file, j.line = t.attr("classname"), t.attr("file"), number(t.attr("line"))
		j.test = test{name: t.attr("name"), outcome: passed, took: seconds(t.attr("time"))}
		if status := t.attr("status"); status == "notrun" || status == "disabled" { // googletest
			j.test.outcome = skipped
		}
	case !j.inside:
	case t.name == "failure" || t.name == "error":
		if j.red {
			return // the first says it
		}
		j.red, j.test.outcome = true, failed
		if t.name == "error" {
			j.test.outcome = errored
		}
		j.why(t)
	case t.name == "flakyFailure" || t.name == "flakyError": // Surefire
		if !j.red && !j.flaky {
			j.flaky = true
			j.why(t)
		}
	case t.name == "skipped":
		j.test.outcome = skipped
	}
}

// why begins the text of an element that says why a test failed.
func (j *junit) why(t *xmlToken) {
	j.test.message = t.attr("message")
	if kind := t.attr("type"); j.test.message == "" {
		j.test.message = kind
	}
	j.text, j.depth = &excerpt{}, 0
}

func (j *junit) end(name string) {
	switch {
	case j.text != nil && j.depth > 0:
		j.depth--
	case j.text != nil:
		j.test.detail = j.text.String()
		j.text = nil
	case name == "testcase" && j.inside:
		j.inside = false
		j.close()
	case (name == "testsuite" || name == "testsuites") && len(j.suites) > 0:
		j.suites = j.suites[:len(j.suites)-1]
	}
}

// close takes the test that ended.
func (j *junit) close() {
	t := j.test
	suite := junitSuite{}
	if n := len(j.suites); n > 0 {
		suite = j.suites[n-1]
	}
	// Linters have a place for a class.
	class := firstOf(j.class, suite.name)
	if lint := class != "" && (class[0] == '/' || len(frames(class)) > 0); class != "" && !lint && !strings.HasPrefix(t.name, class) {
		t.name = class + "." + t.name
	}
	if t.outcome == failed || t.outcome == errored || j.flaky {
		p := &j.c.places
		own, line := p.find(firstOf(j.file, suite.file), ""), j.line
		for _, name := range []string{j.class, suite.name} {
			if own == "" {
				own = p.find(name, "")
			}
			if own == "" {
				own = p.module(name)
			}
		}
		text := t.detail
		if f := frames(j.class); len(f) == 1 { // golangci-lint's class is a place
			text = j.class
		}
		if line == 0 { // eslint writes "line 3, col 10, Error - ..."
			rest, ok := strings.CutPrefix(text, "line ")
			if line = number(rest); !ok {
				line = 0
			}
		}
		t.at = p.failing(own, line, text)
	}
	if j.flaky {
		again := t
		again.outcome = failed
		j.c.flake(again)
		t.message, t.detail, t.at = "", "", place{}
	}
	j.c.add(t)
}

// seconds is a duration as reports write it; 0 for what is none.
func seconds(s string) time.Duration {
	f, err := strconv.ParseFloat(strings.ReplaceAll(s, ",", ""), 64)
	if err != nil || !(f > 0) {
		return 0
	}
	return time.Duration(min(f, 1e6) * float64(time.Second))
}

// excerpt keeps the beginning and the end of a long text.
type excerpt struct {
	head, tail []byte
	cut        bool
}

const (
	excerptHead = 8 << 10
	excerptTail = 4 << 10
)

func (e *excerpt) write(p []byte) {
	if room := excerptHead - len(e.head); room > 0 {
		n := min(room, len(p))
		e.head, p = append(e.head, p[:n]...), p[n:]
	}
	if len(p) > excerptTail {
		e.tail, p, e.cut = e.tail[:0], p[len(p)-excerptTail:], true
	}
	e.tail = append(e.tail, p...)
	if len(e.tail) > 4*excerptTail {
		e.tail = append(e.tail[:0], e.tail[len(e.tail)-excerptTail:]...)
		e.cut = true
	}
}

func (e *excerpt) String() string {
	if !e.cut {
		return string(e.head) + string(e.tail)
	}
	return string(e.head) + "\n…\n" + string(e.tail)
}
