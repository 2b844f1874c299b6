package checks

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// TestOutcome is how a test ended once.
type TestOutcome struct {
	// Inputs stands for all that the package was made of, and its image.
	Inputs string    `json:"inputs"`
	Red    bool      `json:"red,omitempty"`
	Run    string    `json:"run"`
	Commit string    `json:"commit"` // the run's head
	At     time.Time `json:"at"`
}

// TestHistory is how a test that was red once ended since, the oldest first.
type TestHistory struct {
	Name     string        `json:"name"`
	Outcomes []TestOutcome `json:"outcomes"`
}

// ScopedTestHistory is that of a test of a package of a repository. One
// without outcomes is to be forgotten.
type ScopedTestHistory struct {
	Repo    int64
	Package string
	TestHistory
}

// FlakyTest is a test that was red and green at the same inputs: its outcomes
// at these, the oldest first.
type FlakyTest struct {
	Name    string        `json:"name"`
	History []TestOutcome `json:"history"`
}

// The bounds of what is kept of a package's tests.
const (
	// MaxOutcomes is how many outcomes of a test.
	MaxOutcomes = 20
	// MaxHistories is of how many tests. Those that were red most lately stay.
	MaxHistories = 100
)

// maxFlaky bounds the flaky tests that are named, maxFlakyHistory the outcomes
// of each.
const (
	maxFlaky        = 10
	maxFlakyHistory = 6
)

// Observe adds what an attempt saw to the histories of its package, and returns
// all of them that changed. now is the attempt's; its Red does not count. Of a
// test that was never red nothing is kept, nor of one that was green
// MaxOutcomes times since.
func Observe(all []TestHistory, seen SeenTests, now TestOutcome) (changed []TestHistory) {
	byName := map[string]TestHistory{}
	for _, h := range all {
		byName[h.Name] = h
	}
	touched := map[string]bool{}
	for _, name := range seen.Red[:min(len(seen.Red), MaxRedSeen)] {
		now.Red = true
		byName[name] = byName[name].with(name, now)
		touched[name] = true
	}
	for name, h := range byName {
		if seen.Green != nil && seen.Green(name) {
			now.Red = false
			byName[name] = h.with(name, now)
			touched[name] = true
		}
	}
	if n := len(byName) - MaxHistories; n > 0 {
		for _, h := range slices.SortedFunc(maps.Values(byName), func(a, b TestHistory) int {
			return cmp.Or(a.lastRed().Compare(b.lastRed()), cmp.Compare(a.Name, b.Name))
		})[:n] {
			byName[h.Name] = TestHistory{Name: h.Name}
			touched[h.Name] = true
		}
	}
	for name := range touched {
		h := byName[name]
		if h.lastRed().IsZero() {
			h.Outcomes = nil
		}
		changed = append(changed, h)
	}
	slices.SortFunc(changed, func(a, b TestHistory) int { return cmp.Compare(a.Name, b.Name) })
	return changed
}

func (h TestHistory) with(name string, o TestOutcome) TestHistory {
	all := append(slices.Clone(h.Outcomes), o)
	return TestHistory{Name: name, Outcomes: all[max(0, len(all)-MaxOutcomes):]}
}

// lastRed is when the test was red last; zero when that is not known.
func (h TestHistory) lastRed() time.Time {
	for _, o := range slices.Backward(h.Outcomes) {
		if o.Red {
			return o.At
		}
	}
	return time.Time{}
}

// Flaky are the tests that an attempt is to name as flaky: those that were red
// in it and, at whatever inputs, were both red and green, and those that were
// both at its own inputs. all are the histories with that attempt in them.
func Flaky(all []TestHistory, seen SeenTests, inputs string) []FlakyTest {
	var out []FlakyTest
	for _, h := range all {
		at := h.both(inputs)
		if at == nil && slices.Contains(seen.Red, h.Name) {
			for _, o := range slices.Backward(h.Outcomes) {
				if at = h.both(o.Inputs); at != nil {
					break
				}
			}
		}
		if at != nil && (slices.Contains(seen.Red, h.Name) || seen.Green != nil && seen.Green(h.Name)) {
			out = append(out, FlakyTest{Name: h.Name, History: at})
		}
	}
	slices.SortFunc(out, func(a, b FlakyTest) int { return cmp.Compare(a.Name, b.Name) })
	return out[:min(len(out), maxFlaky)]
}

// both are the last outcomes at inputs, where some are red and some green; nil
// otherwise.
func (h TestHistory) both(inputs string) []TestOutcome {
	var at []TestOutcome
	red, green := false, false
	for _, o := range h.Outcomes {
		if o.Inputs == inputs {
			at = append(at, o)
			red, green = red || o.Red, green || !o.Red
		}
	}
	if !red || !green {
		return nil
	}
	// Of the many, those that show both.
	start := max(0, len(at)-maxFlakyHistory)
	last := at[start:]
	for i, o := range slices.Backward(at) {
		if o.Red != at[len(at)-1].Red {
			if i < start {
				last = append([]TestOutcome{o}, last[1:]...)
			}
			break
		}
	}
	return last
}
