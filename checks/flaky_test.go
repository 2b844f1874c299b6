package checks_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
)

func seen(red string, green string) checks.SeenTests {
	passed := strings.Fields(green)
	return checks.SeenTests{Red: strings.Fields(red), Green: func(name string) bool { return slices.Contains(passed, name) }}
}

// attempt is what one saw; inputs are what it was of.
type attempt struct{ inputs, red, green string }

// observe has the histories of a package see attempts, one a minute.
func observe(all map[string]checks.TestHistory, n int, a attempt) []checks.FlakyTest {
	at := time.Date(2026, 1, 1, 0, n, 0, 0, time.UTC)
	for _, h := range checks.Observe(slices.Collect(maps.Values(all)), seen(a.red, a.green), checks.TestOutcome{Inputs: a.inputs, Run: fmt.Sprint("run", n), Commit: "c", At: at}) {
		if len(h.Outcomes) == 0 {
			delete(all, h.Name)
			continue
		}
		all[h.Name] = h
	}
	return checks.Flaky(slices.Collect(maps.Values(all)), seen(a.red, a.green), a.inputs)
}

func TestFlaky(t *testing.T) {
	for name, c := range map[string]struct {
		attempts []attempt
		want     string // what the last one names, with the reds and greens
	}{
		"red, then green":           {[]attempt{{"k1", "a", "b"}, {"k1", "", "a b"}}, "a:rg"},
		"red, mended":               {[]attempt{{"k1", "a", "b"}, {"k2", "", "a b"}}, ""},
		"green, then red":           {[]attempt{{"k0", "a", ""}, {"k1", "", "a"}, {"k1", "a", ""}}, "a:gr"},
		"green before it was known": {[]attempt{{"k1", "", "a"}, {"k1", "a", ""}}, ""}, // of a test that was never red nothing is kept
		"both in one attempt":       {[]attempt{{"k1", "a", "a"}}, "a:rg"},
		"flaky elsewhere, red here": {[]attempt{{"k1", "a", ""}, {"k1", "", "a"}, {"k2", "a", ""}}, "a:rg"},
		"flaky elsewhere, green":    {[]attempt{{"k1", "a", ""}, {"k1", "", "a"}, {"k2", "", "a"}}, ""},
		"not run now":               {[]attempt{{"k1", "a", ""}, {"k1", "", "a"}, {"k1", "", "b"}}, ""},
		"always red":                {[]attempt{{"k1", "a", ""}, {"k1", "a", ""}}, ""},
		"long ago":                  {slices.Concat([]attempt{{"k1", "a", ""}}, slices.Repeat([]attempt{{"k1", "", "a"}}, 12)), "a:rggggg"},
		"forgotten":                 {slices.Concat([]attempt{{"k1", "a", ""}}, slices.Repeat([]attempt{{"k1", "", "a"}}, checks.MaxOutcomes)), ""},
	} {
		t.Run(name, func(t *testing.T) {
			all := map[string]checks.TestHistory{}
			var got []string
			for i, a := range c.attempts {
				got = nil
				for _, f := range observe(all, i, a) {
					s := f.Name + ":"
					for _, o := range f.History {
						if o.Red {
							s += "r"
						} else {
							s += "g"
						}
					}
					got = append(got, s)
				}
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("named %q, want %q", s, c.want)
			}
		})
	}
}

// TestObserve: whatever attempts see, what is kept has its bounds, each history
// has a red in it, and whoever is named was red and green at one key.
func TestObserve(t *testing.T) {
	names := make([]string, 150)
	for i := range names {
		names[i] = fmt.Sprint("t", i)
	}
	rapid.Check(t, func(t *rapid.T) {
		all := map[string]checks.TestHistory{}
		subset := rapid.SliceOfN(rapid.SampledFrom(names), 0, 150)
		for n := range rapid.IntRange(1, 30).Draw(t, "attempts") {
			a := attempt{rapid.SampledFrom([]string{"k1", "k2"}).Draw(t, "inputs"),
				strings.Join(subset.Draw(t, "red"), " "), strings.Join(subset.Draw(t, "green"), " ")}
			red := seen(a.red, "").Red
			slices.Sort(red)
			a.red = strings.Join(slices.Compact(red), " ")
			flaky := observe(all, n, a)
			if len(all) > checks.MaxHistories {
				t.Fatalf("%d histories", len(all))
			}
			for _, h := range all {
				if len(h.Outcomes) > checks.MaxOutcomes || !slices.ContainsFunc(h.Outcomes, func(o checks.TestOutcome) bool { return o.Red }) {
					t.Fatalf("%+v", h)
				}
				if !slices.IsSortedFunc(h.Outcomes, func(a, b checks.TestOutcome) int { return a.At.Compare(b.At) }) {
					t.Fatalf("not in order: %+v", h)
				}
			}
			for _, f := range flaky {
				reds, keys := 0, map[string]bool{}
				for _, o := range f.History {
					keys[o.Inputs] = true
					if o.Red {
						reds++
					}
				}
				if reds == 0 || reds == len(f.History) || len(keys) != 1 || len(f.History) > 6 {
					t.Fatalf("named: %+v", f)
				}
			}
		}
	})
}
