package checks

import (
	"fmt"
	"strings"
	"time"
)

// Findings is what the reports and the log of a job's attempt tell its reader.
// All texts were made by hostile code: they are valid UTF-8 without control,
// format and bidirectional characters, but for line ends where it says so.
// Whoever makes Findings keeps them within bounds, see annotate.Collector.
type Findings struct {
	Tests  TestCounts   `json:"tests,omitzero"`
	Failed []FailedTest `json:"failed,omitempty"` // the first of Tests.Failed and Tests.Errors
	// Slowest are the slowest tests, the slowest first.
	Slowest []SlowTest `json:"slowest,omitempty"`
	// Flaky are tests that were red and green at the same inputs.
	Flaky []FlakyTest `json:"flaky,omitempty"`
	// Annotations are of files of the tree, each of them one line or more that
	// nobody else remarks the same of, the worst first.
	Annotations []Annotation `json:"annotations,omitempty"`
	// Unplaced are remarks on no file of the tree, one line each.
	Unplaced []string `json:"unplaced,omitempty"`
	// LeftOut is how many annotations there are beside those, and UnplacedMore
	// how many unplaced remarks.
	LeftOut      int `json:"left_out,omitempty"`
	UnplacedMore int `json:"unplaced_more,omitempty"`
	// Notes are sentences about reports that could not be read whole.
	Notes []string `json:"notes,omitempty"`
	// Log is the failing part of the log, with line ends. Cut is how many lines
	// of that part are left out before it.
	Log string `json:"log,omitempty"`
	Cut int    `json:"cut,omitempty"`
	// Seen are the tests' outcomes; it is not kept.
	Seen SeenTests `json:"-"`
}

// TestCounts count tests by their outcomes.
type TestCounts struct {
	Passed  int `json:"passed,omitempty"`
	Failed  int `json:"failed,omitempty"`
	Errors  int `json:"errors,omitempty"` // could not be run, or broke
	Skipped int `json:"skipped,omitempty"`
}

// Total is how many there are.
func (c TestCounts) Total() int { return c.Passed + c.Failed + c.Errors + c.Skipped }

// Red is how many did not pass and were not skipped.
func (c TestCounts) Red() int { return c.Failed + c.Errors }

// String is the outcomes that there are, in words: "2 failed, 30 passed".
func (c TestCounts) String() string {
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{{c.Failed, "failed"}, {c.Errors, "with errors"}, {c.Passed, "passed"}, {c.Skipped, "skipped"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	return strings.Join(parts, ", ")
}

// FailedTest is a test that did not pass.
type FailedTest struct {
	Name    string `json:"name"`
	Path    string `json:"path,omitempty"` // a file of the tree; empty when it is not known
	Line    int    `json:"line,omitempty"`
	Message string `json:"message,omitempty"` // with line ends
}

// SlowTest is a test and how long it took.
type SlowTest struct {
	Name string        `json:"name"`
	Took time.Duration `json:"took"`
}

// SeenTests are the tests of an attempt that ended red or green. A test that
// was tried more than once may be both.
type SeenTests struct {
	Red []string // at most MaxRedSeen, each once
	// Green reports whether the test of that name passed; nil is none.
	Green func(name string) bool
}

// MaxRedSeen bounds SeenTests.Red.
const MaxRedSeen = 100
