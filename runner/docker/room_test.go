package docker

import "testing"

// TestListener has the words come in any pieces.
func TestListener(t *testing.T) {
	for text, want := range map[string]bool{
		"write f: no space left on device\n": true, "dd: error writing 'f': No space left on device": true,
		"no space left": false, "no space left on a device": false, "": false,
	} {
		for size := 1; size <= len(text)+1; size++ {
			var l listener
			for rest := []byte(text); len(rest) > 0; rest = rest[min(size, len(rest)):] {
				l.hear(rest[:min(size, len(rest))])
			}
			if l.said.Load() != want {
				t.Errorf("%q in pieces of %d: %v", text, size, !want)
			}
		}
	}
}
