package minihub

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestWritesAreCounted holds the counting against one that is plain.
func TestWritesAreCounted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		minute, hour := rapid.IntRange(0, 5).Draw(t, "minute"), rapid.IntRange(0, 20).Draw(t, "hour")
		var w writes
		var taken []time.Time
		want := Writes{}
		now := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
		for range rapid.IntRange(1, 80).Draw(t, "writes") {
			now = now.Add(time.Duration(rapid.IntRange(0, 300).Draw(t, "pause")) * time.Second)
			m, h := 1, 1
			for _, at := range taken {
				if now.Sub(at) < time.Minute {
					m++
				}
				if now.Sub(at) < time.Hour {
					h++
				}
			}
			wait := w.count(now, minute, hour)
			over := minute > 0 && m > minute || hour > 0 && h > hour
			if over != (wait > 0) {
				t.Fatalf("%d in the minute and %d in the hour, of %d and %d: wait %v", m, h, minute, hour, wait)
			}
			if over {
				want.Refused++
				continue
			}
			taken = append(taken, now)
			want.Total++
			want.Minute, want.Hour = max(want.Minute, m), max(want.Hour, h)
		}
		if w.Writes != want {
			t.Fatalf("counted %+v, want %+v", w.Writes, want)
		}
	})
}
