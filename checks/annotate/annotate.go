// Package annotate makes of what tools wrote, their reports and the lines of a
// log, what a pull request's reader wants to know: which tests failed, where,
// and what compilers and linters say of which line. All of the input is
// hostile; every parser streams, and keeps within bounds whatever it reads.
// All of it is pure but for the readers and the Files that it is given.
package annotate

import (
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/dudesons/loktar/checks"
)

// The bounds of what a Collector keeps.
const (
	// MaxAnnotations is how many annotations.
	MaxAnnotations = 200
	// maxFailed, maxSlowest, maxUnplaced and maxNotes bound the lists.
	maxFailed   = 30
	maxSlowest  = 5
	maxUnplaced = 20
	maxNotes    = 10
	// maxKnown bounds what is remembered of tests and remarks to tell whether
	// one comes again.
	maxKnown = 200_000
	// maxReports bounds the bytes of all reports together.
	maxReports = 1 << 30
)

// The bounds of texts, in characters.
const (
	maxName    = 200
	maxMessage = 1500
	maxShort   = 300
	maxTitle   = 255
)

// maxBytes bounds the annotations together, and maxFailedBytes the failed
// tests.
const (
	maxBytes       = 32 << 10
	maxFailedBytes = 8 << 10
)

// Options are what a Collector is made of.
type Options struct {
	// Dir is the package's folder, where its steps run: slash-separated,
	// clean, from the root; "." is the root.
	Dir string
	// Root is the absolute path of the tree as the steps saw it.
	Root string
	// Files are those of the tree. Nil has none, and so no annotations.
	Files Files
	// Mask takes out of a text what nobody may see. Nil is nothing.
	Mask func(string) string
}

// Collector takes the reports and the log of one attempt. It is not safe for
// concurrent use.
type Collector struct {
	places places
	texts  texts
	report int   // the number of the present report
	budget int64 // bytes of reports that may still be read

	counts  checks.TestCounts
	failed  []checks.FailedTest
	slowest []checks.SlowTest
	red     []string
	known   map[uint64]int // outcome and name of a test -> the report that told
	notes   []string

	levels   map[string][]checks.Annotation
	left     int
	seen     map[uint64]bool // remarks
	spots    map[uint64]bool // lines that reports told of
	unplaced map[string][]string
	more     int

	log logged
}

// New makes a Collector.
func New(o Options) *Collector {
	return &Collector{
		places: newPlaces(o), texts: texts{o.Mask}, budget: maxReports,
		known: map[uint64]int{}, seen: map[uint64]bool{}, spots: map[uint64]bool{},
		levels: map[string][]checks.Annotation{}, unplaced: map[string][]string{},
	}
}

// The outcomes of a test.
const (
	passed  = 'p'
	failed  = 'f'
	errored = 'e'
	skipped = 's'
)

// test is a test as a report tells of it.
type test struct {
	name    string
	outcome byte
	took    time.Duration
	message string // one sentence
	detail  string // what it printed, or a trace
	at      place  // where it failed; none when that is not known
}

// place is a line of a file of the tree; the zero value is none.
type place struct {
	path      string
	line, col int
}

// add takes a test.
func (c *Collector) add(t test) {
	t.name = c.texts.testName(t.name)
	if c.again(t) {
		return
	}
	switch t.outcome {
	case passed:
		c.counts.Passed++
	case skipped:
		c.counts.Skipped++
	case failed:
		c.counts.Failed++
	default:
		c.counts.Errors++
	}
	if t.outcome != skipped {
		c.slow(t)
	}
	if t.outcome == passed || t.outcome == skipped {
		return
	}
	if len(c.red) < checks.MaxRedSeen && !slices.Contains(c.red, t.name) {
		c.red = append(c.red, t.name)
	}
	message := c.texts.block(t.message, maxMessage)
	detail := c.texts.block(t.detail, maxMessage)
	short, _, _ := strings.Cut(firstOf(message, detail), "\n\n")
	short = c.texts.block(short, maxShort)
	if len(c.failed) < maxFailed {
		c.failed = append(c.failed, checks.FailedTest{Name: t.name, Path: t.at.path, Line: t.at.line, Message: short})
	}
	if t.at.path == "" {
		return // the list of failed tests tells of it
	}
	full := message
	if detail != "" && !strings.Contains(detail, firstLine(message)) {
		full = strings.TrimSpace(message + "\n\n" + detail)
	} else if detail != "" {
		full = detail
	}
	c.remark(checks.Annotation{
		Path: t.at.path, StartLine: t.at.line, EndLine: t.at.line, StartColumn: t.at.col, EndColumn: t.at.col,
		Level: levelFailure, Title: c.texts.oneLine(t.name, maxTitle), Message: firstOf(c.texts.block(full, maxMessage), t.name+" failed."),
	})
}

// flake takes a failure of a test that passed when the tool tried it again.
func (c *Collector) flake(t test) {
	name := c.texts.testName(t.name)
	if len(c.red) < checks.MaxRedSeen && !slices.Contains(c.red, name) {
		c.red = append(c.red, name)
	}
	if t.at.path != "" {
		c.remark(checks.Annotation{
			Path: t.at.path, StartLine: t.at.line, Level: levelWarning, Title: c.texts.oneLine(name+" is flaky", maxTitle),
			Message: firstOf(c.texts.block(t.detail, maxMessage), c.texts.block(t.message, maxMessage), "It failed, and passed when it was tried again."),
		})
	}
}

// again reports whether an earlier report told the same of the test: tools
// write one run of tests in more than one form.
func (c *Collector) again(t test) bool {
	key := hash(string(t.outcome), t.name)
	from, there := c.known[key]
	if there && from != c.report {
		return true
	}
	if len(c.known) < maxKnown {
		c.known[key] = c.report
	}
	return false
}

func (c *Collector) slow(t test) {
	const least = 10 * time.Millisecond // below that nobody asks
	if t.took < least {
		return
	}
	i := len(c.slowest)
	for i > 0 && c.slowest[i-1].Took < t.took {
		i--
	}
	if i < maxSlowest {
		c.slowest = slices.Insert(c.slowest, i, checks.SlowTest{Name: t.name, Took: t.took})
		c.slowest = c.slowest[:min(len(c.slowest), maxSlowest)]
	}
}

// The levels of annotations, the worst first.
const (
	levelFailure = "failure"
	levelWarning = "warning"
	levelNotice  = "notice"
)

var levels = []string{levelFailure, levelWarning, levelNotice}

// remark takes an annotation of a file of the tree.
func (c *Collector) remark(a checks.Annotation) {
	a.Message = firstOf(c.texts.block(a.Message, maxMessage), "No message.")
	a.Title = c.texts.oneLine(a.Title, maxTitle)
	a.StartLine, a.EndLine = bounded(a.StartLine), bounded(a.EndLine)
	if a.EndLine <= a.StartLine {
		a.EndLine = a.StartLine
	}
	if a.StartLine != a.EndLine || a.StartColumn < 1 || a.StartColumn > maxLine {
		a.StartColumn, a.EndColumn = 0, 0
	} else {
		a.EndColumn = min(max(a.EndColumn, a.StartColumn), maxLine)
	}
	key := hash(a.Path, fmt.Sprint(a.StartLine), a.Message)
	at := hash(a.Path, fmt.Sprint(a.StartLine))
	if c.seen[key] || c.report == 0 && c.spots[at] {
		return
	}
	if len(c.seen) < maxKnown {
		c.seen[key] = true
		if c.report > 0 {
			c.spots[at] = true
		}
	}
	if len(c.levels[a.Level]) == MaxAnnotations {
		c.left++
		return
	}
	c.levels[a.Level] = append(c.levels[a.Level], a)
}

// tell takes a remark on what is no file of the tree.
func (c *Collector) tell(level, text string) {
	text = c.texts.oneLine(text, maxShort)
	key := hash("", text)
	if text == "" || c.seen[key] {
		return
	}
	if len(c.seen) < maxKnown {
		c.seen[key] = true
	}
	if len(c.unplaced[level]) == maxUnplaced {
		c.more++
		return
	}
	c.unplaced[level] = append(c.unplaced[level], text)
}

// note takes a sentence about a report.
func (c *Collector) note(format string, args ...any) {
	if len(c.notes) < maxNotes {
		c.notes = append(c.notes, c.texts.oneLine(fmt.Sprintf(format, args...), maxShort))
	}
}

// Findings are what was found so far.
func (c *Collector) Findings() checks.Findings {
	f := checks.Findings{
		Tests: c.counts, Slowest: slices.Clone(c.slowest), Notes: slices.Clone(c.notes),
		LeftOut: c.left, UnplacedMore: c.more,
		Seen: checks.SeenTests{Red: slices.Clone(c.red), Green: func(name string) bool {
			_, ok := c.known[hash(string(rune(passed)), name)]
			return ok
		}},
	}
	room := maxFailedBytes
	for _, t := range c.failed {
		if room -= len(t.Name) + len(t.Path) + len(t.Message); room < 0 {
			break
		}
		f.Failed = append(f.Failed, t)
	}
	room = maxBytes
	for _, level := range levels {
		for _, a := range c.levels[level] {
			room -= len(a.Path) + len(a.Title) + len(a.Message)
			if room < 0 || len(f.Annotations) == MaxAnnotations {
				f.LeftOut++
				continue
			}
			f.Annotations = append(f.Annotations, a)
		}
		for _, text := range c.unplaced[level] {
			if len(f.Unplaced) == maxUnplaced {
				f.UnplacedMore++
				continue
			}
			f.Unplaced = append(f.Unplaced, text)
		}
	}
	f.Log, f.Cut = c.log.text()
	return f
}

// maxLine bounds the numbers of lines and columns.
const maxLine = 1 << 30

func bounded(line int) int { return min(max(line, 1), maxLine) }

func hash(parts ...string) uint64 {
	h := fnv.New64a()
	for _, p := range parts {
		_, _ = io.WriteString(h, p)
		_, _ = h.Write([]byte{0})
	}
	return h.Sum64()
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
