package report

import (
	"strings"
	"testing"
	"time"

	"github.com/dudesons/loktar/checks"
)

func TestSteps(t *testing.T) {
	one := checks.Step{Line: "make ci", Took: 3 * time.Second}
	if got := timings(checks.Result{Steps: []checks.Step{one}}); got != "" {
		t.Errorf("one step: %q", got)
	}
	got := timings(checks.Result{Steps: []checks.Step{one, {Line: "a | b `c`", Took: 90 * time.Second}}})
	if want := "| Step | Took |\n| --- | ---: |\n| `make ci` | 3.0 s |\n| <code>a &#124; b &#96;c&#96;</code> | 1 min 30 s |\n\n"; got != want {
		t.Errorf("got %q", got)
	}
	var many []checks.Step
	for range 30 {
		many = append(many, one)
	}
	got = timings(checks.Result{Steps: many})
	if n := strings.Count(got, "\n"); n != 2+maxSteps+1 || !strings.HasSuffix(got, "| 19 more | 57 s |\n\n") {
		t.Errorf("%d lines: %q", n, got)
	}
}
