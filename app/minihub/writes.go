package minihub

import (
	"slices"
	"time"
)

// Writes is how much an installation wrote, by requests that are no GET.
type Writes struct {
	// Total is all that was taken, and Refused what went beyond the bounds.
	Total, Refused int
	// Minute and Hour are the most that was taken in any of them, however they
	// are laid.
	Minute, Hour int
}

// writes counts those of one installation.
type writes struct {
	Writes
	recent []time.Time // of the last hour, oldest first
}

// count counts a write, or returns how long nothing more is taken. A bound of
// 0 is none. Hub.mu is held.
func (w *writes) count(now time.Time, minute, hour int) (wait time.Duration) {
	within := func(width time.Duration) int {
		i, _ := slices.BinarySearchFunc(w.recent, now.Add(-width), func(t, limit time.Time) int {
			if t.After(limit) {
				return 1
			}
			return -1
		})
		return len(w.recent) - i
	}
	w.recent = w.recent[len(w.recent)-within(time.Hour):]
	m, h := within(time.Minute)+1, len(w.recent)+1
	switch {
	case minute > 0 && m > minute:
		wait = w.recent[len(w.recent)-minute].Add(time.Minute).Sub(now)
	case hour > 0 && h > hour:
		wait = w.recent[len(w.recent)-hour].Add(time.Hour).Sub(now)
	}
	if wait > 0 {
		w.Refused++
		return wait
	}
	w.recent = append(w.recent, now)
	w.Total++
	w.Minute, w.Hour = max(w.Minute, m), max(w.Hour, h)
	return 0
}

// Writes is how much the App's installation on an account wrote; zero where it
// is not installed.
func (a *App) Writes(owner string) Writes {
	a.hub.mu.Lock()
	defer a.hub.mu.Unlock()
	in, err := a.on(owner)
	if err != nil {
		return Writes{}
	}
	return in.writes.Writes
}
