package report

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
)

func TestRanksLeaveMoreFreeTheLessTheyMatter(t *testing.T) {
	for r := 1; r < len(ranks); r++ {
		if ranks[r].minute < ranks[r-1].minute || ranks[r].hour < ranks[r-1].hour {
			t.Errorf("rank %d leaves less free than the one before it: %+v, %+v", r, ranks[r], ranks[r-1])
		}
	}
}

// TestBudgetHolds spends by what next says, at any times and ranks: no window
// ever has more than its limit, less what the rank leaves free.
func TestBudgetHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := Limits{Minute: rapid.IntRange(1, 20).Draw(t, "minute"), Hour: rapid.IntRange(1, 60).Draw(t, "hour")}
		b, now := NewBudget(limits), noon
		var sent []time.Time
		for range rapid.IntRange(1, 200).Draw(t, "writes") {
			now = now.Add(time.Duration(rapid.IntRange(0, 90).Draw(t, "pause")) * time.Second)
			r := rank(rapid.IntRange(0, len(ranks)-1).Draw(t, "rank"))
			at := b.next(1, r, now)
			if at.Before(now) {
				t.Fatalf("next is %v before now", now.Sub(at))
			}
			if other := b.next(2, r, now); !other.Equal(now) {
				t.Fatalf("another installation waits until %v", other)
			}
			if rapid.Bool().Draw(t, "waits") {
				now = at
			}
			if at.After(now) {
				continue
			}
			b.Spend(1, now, 1)
			sent = append(sent, now)
			for width, most := range map[time.Duration]int{time.Minute: less(limits.Minute, ranks[r].minute), time.Hour: less(limits.Hour, ranks[r].hour)} {
				n := 0
				for _, s := range sent {
					if s.Add(width).After(now) {
						n++
					}
				}
				if n > most {
					t.Fatalf("%d writes within %v, of rank %d at most %d", n, width, r, most)
				}
			}
		}
	})
}

func TestBudgetLooksAhead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := NewBudget(Limits{Minute: rapid.IntRange(2, 20).Draw(t, "minute"), Hour: rapid.IntRange(2, 60).Draw(t, "hour")})
		now := noon
		n := rapid.IntRange(1, 150).Draw(t, "writes")
		told := b.ahead(1, rankEnd, n, now)
		for range n {
			now = b.next(1, rankEnd, now)
			b.Spend(1, now, 1)
		}
		if !told.Equal(now) {
			t.Fatalf("the last of %d was foretold for %v and sent at %v", n, told, now)
		}
	})
}

func TestGitHubNarrowsTheBudget(t *testing.T) {
	b := NewBudget(Limits{})
	b.Silence(1, noon.Add(5*time.Minute))
	if at := b.next(1, rankVerdict, noon); !at.Equal(noon.Add(5 * time.Minute)) {
		t.Errorf("during the silence that GitHub asked for, the next write is at %v", at)
	}
	later := noon.Add(5 * time.Minute)
	b.Spend(1, later, 40)
	if at := b.next(1, rankVerdict, later); !at.Equal(later.Add(time.Minute)) {
		t.Errorf("after a silence half a minute's writes are 40; the next is at %v", at)
	}
	if at := b.next(1, rankVerdict, later.Add(11*time.Minute)); !at.Equal(later.Add(11 * time.Minute)) {
		t.Errorf("it stays narrow for ever: %v", at)
	}
	reset := noon.Add(20 * time.Minute)
	b.Left(2, 90, reset)
	if at := b.next(2, rankEnd, noon); !at.Equal(reset) {
		t.Errorf("with 90 requests left an end is sent at %v, want %v", at, reset)
	}
	if at := b.next(2, rankVerdict, noon); !at.Equal(noon) {
		t.Errorf("with 90 requests left a verdict waits until %v", at)
	}
}

func TestRankOfJobs(t *testing.T) {
	required, release := passedJob("lib"), passedJob("lib")
	required.Required = true
	release.Release = &checks.Release{}
	away := testJob("lib")
	away.State, away.Wait = checks.StateQueued, &checks.Wait{}
	running := testJob("lib")
	running.State = checks.StateRunning
	queued := testJob("lib")
	queued.State = checks.StateQueued
	for _, tt := range []struct {
		name string
		job  checks.Job
		want rank
	}{
		{"failed", atOnce("lib", checks.OutcomeFailed, ""), rankRed},
		{"timed out", atOnce("lib", checks.OutcomeTimedOut, ""), rankRed},
		{"errored", atOnce("lib", checks.OutcomeErrored, ""), rankRed},
		{"required", required, rankRequired},
		{"release", release, rankRelease},
		{"passed", passedJob("lib"), rankEnd},
		{"cancelled", atOnce("lib", checks.OutcomeCancelled, ""), rankEnd},
		{"running", running, rankRunning},
		{"away", away, rankRunning},
		{"queued", queued, rankQueued},
	} {
		if got := rankOf(tt.job); got != tt.want {
			t.Errorf("%s: rank %d, want %d", tt.name, got, tt.want)
		}
	}
}
