package runner

import (
	"errors"
	"fmt"
	"slices"
)

// lenient is what a finder leaves out, where that is allowed. The methods of a
// nil one allow nothing.
type lenient struct {
	first func(name string) bool
	why   error // of the first file that was left out
	count int
}

// leaveOut remembers a refusal, and gives back what is none.
func (l *lenient) leaveOut(err error) error {
	if refused := refusedError(""); l == nil || !errors.As(err, &refused) {
		return err
	}
	if l.count++; l.why == nil {
		l.why = err
	}
	return nil
}

// refusal is the sentence that tells of what was left out, or "".
func (l *lenient) refusal() string {
	switch {
	case l == nil || l.count == 0:
		return ""
	case l.count == 1:
		return l.why.Error()
	}
	return fmt.Sprintf("%s %d more are left out.", l.why, l.count-1)
}

// fit keeps of what was found as much as the bounds allow.
func (f *finder) fit() error {
	first := func(e FileEntry) int {
		if f.lenient.first != nil && f.lenient.first(e.Name) {
			return 0
		}
		return 1
	}
	all := f.found
	slices.SortFunc(all, func(a, b FileEntry) int {
		if n := first(a) - first(b); n != 0 {
			return n
		}
		return byName(a, b)
	})
	f.found = nil
	for _, e := range all {
		if err := f.lenient.leaveOut(f.take(e)); err != nil {
			return err
		}
	}
	return nil
}
