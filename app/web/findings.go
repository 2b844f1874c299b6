package web

import (
	"fmt"

	"github.com/dudesons/loktar/checks"
)

// testCounts are tests by their outcomes, in words.
func testCounts(c checks.TestCounts) (parts []string) {
	for _, p := range []struct {
		n    int
		what string
	}{{c.Failed, "failed"}, {c.Errors, "with errors"}, {c.Passed, "passed"}, {c.Skipped, "skipped"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	return parts
}

// moreFailed is how many failed tests are not listed.
func moreFailed(f *checks.Findings) int { return max(0, f.Tests.Red()-len(f.Failed)) }
