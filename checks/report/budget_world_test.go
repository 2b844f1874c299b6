package report_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/report"
)

func TestARunIsReportedWithinTheBudget(t *testing.T) {
	for _, tt := range []struct {
		packages int
		most     int // writes a package
		slow     bool
	}{{10, 3, false}, {100, 2, false}, {1000, 2, true}} {
		t.Run(fmt.Sprint(tt.packages), func(t *testing.T) {
			f := measure(t, tt.packages)
			if f.perMinute > 80 || f.perHr > 500 {
				t.Errorf("%d writes in a minute, %d in an hour", f.perMinute, f.perHr)
			}
			if f.verdict > time.Second || f.slow != tt.slow {
				t.Errorf("the verdict came after %v, and says that checks come late: %v", f.verdict, f.slow)
			}
			if f.writes > tt.most*tt.packages {
				t.Errorf("%d writes for %d packages", f.writes, tt.packages)
			}
			t.Logf("%+v", f)
		})
	}
}

// TestTheMostImportantFirst has an hour's budget be used up by a large run:
// what is red is there first, then what is required; another run's verdict and
// another installation wait for nothing.
func TestTheMostImportantFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, to := newPlant(), &clerk{}
		defer reporting(p, to, report.Limits{})()
		p.add("big", 1, 2000)
		p.endAtOnce("big")
		time.Sleep(30 * time.Minute)
		p.add("small", 1, 3)
		p.add("other", 2, 3)
		p.work("small", 3, time.Second)
		p.work("other", 3, time.Second)
		time.Sleep(5 * time.Second)
		if all := to.of("small", true); len(all) == 0 || all[len(all)-1].Status != checks.StatusCompleted {
			t.Error("a small run's verdict waits for a large run's checks")
		}
		if all := to.of("other", false); len(all) < 3 || all[len(all)-1].Status != checks.StatusCompleted {
			t.Error("an installation waits for another")
		}
		rank := func(w written) int {
			switch {
			case w.Conclusion == checks.ConclusionFailure:
				return 0
			case p.jobs[checks.JobID{Run: "big", Package: w.Key.Name}].Required:
				return 1
			}
			return 2
		}
		var told []written
		for _, w := range to.of("big", false) {
			if w.Status == checks.StatusCompleted {
				told = append(told, w)
			}
		}
		for i, w := range told {
			for _, before := range told[:i] {
				// Of those of one moment some are under way at once.
				if rank(before) > rank(w) && before.at.Before(w.at) {
					t.Fatalf("%s of rank %d came after %s of rank %d", w.Key.Name, rank(w), before.Key.Name, rank(before))
				}
			}
		}
		if n := len(told); n == 0 || rank(told[n-1]) == 0 {
			t.Errorf("in half an hour %d were told, and nothing but red", n)
		}
	})
}

// TestARestartKnowsWhatWasWritten ends a reporter in the middle of an hour
// that it used up.
func TestARestartKnowsWhatWasWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, to := newPlant(), &clerk{}
		for range 3 {
			end := reporting(p, to, report.Limits{})
			if len(p.runs) == 0 {
				p.add("big", 1, 2000)
				p.endAtOnce("big")
			}
			time.Sleep(15 * time.Minute)
			end()
		}
		if m, h := most(to.all, time.Minute), most(to.all, time.Hour); m > 80 || h > 500 {
			t.Errorf("over restarts %d writes in a minute, %d in an hour", m, h)
		}
	})
}

// BenchmarkWrites reports runs of 10, 100 and 1,000 packages in virtual time
// under 80 writes a minute and 500 an hour, 20 packages at once and a minute
// each. verdict-s is from the end of the last package to the aggregate's
// conclusion at GitHub, all-s to the last package's check there.
func BenchmarkWrites(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("packages=%d", n), func(b *testing.B) {
			var f figures
			for b.Loop() {
				virtually(b, func(t *testing.T) { f = measure(t, n) })
			}
			b.ReportMetric(float64(f.writes)/float64(n), "writes/package")
			b.ReportMetric(f.verdict.Seconds(), "verdict-s")
			b.ReportMetric(f.all.Seconds(), "all-s")
			b.ReportMetric(float64(f.perMinute), "most/min")
			b.ReportMetric(float64(f.perHr), "most/h")
		})
	}
}

// virtually runs a test in a benchmark: a bubble needs one.
func virtually(b *testing.B, f func(*testing.T)) {
	b.Helper()
	always := func(string, string) (bool, error) { return true, nil }
	if !testing.RunTests(always, []testing.InternalTest{{Name: b.Name(), F: f}}) {
		b.Fatal("the run was not reported as it should be")
	}
}

// TestAnnotationsAreWithinTheBudget has checks end at once that take four
// writes each: those under way together write no more than a minute allows.
func TestAnnotationsAreWithinTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, to := newPlant(), &clerk{}
		for i := range 3 {
			id := fmt.Sprint("noisy", i)
			p.add(id, 1, 20)
			p.endAtOnce(id)
			for _, j := range p.of[id] {
				j.Result.Findings = &checks.Findings{Annotations: make([]checks.Annotation, 200)}
			}
		}
		end := reporting(p, to, report.Limits{})
		time.Sleep(time.Hour)
		end()
		var all []written
		checked := 0
		for _, w := range to.all {
			for range 1 + max(0, len(w.Annotations)-1)/50 {
				all = append(all, w)
			}
			if len(w.Annotations) > 0 {
				checked++
			}
		}
		if m := most(all, time.Minute); m > 80 || checked != 60 {
			t.Errorf("%d writes in a minute, %d checks with annotations", m, checked)
		}
	})
}
