package web

import "github.com/dudesons/loktar/checks"

// moreFailed is how many failed tests are not listed.
func moreFailed(f *checks.Findings) int { return max(0, f.Tests.Red()-len(f.Failed)) }
