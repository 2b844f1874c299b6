package checks_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/dudesons/loktar/checks"
)

func TestCausesAreToldApart(t *testing.T) {
	seen := map[string]checks.Cause{}
	for _, c := range checks.Causes() {
		if other, again := seen[c.Words()]; again || c.Words() == "" {
			t.Errorf("%s has the words %q of %q", c, c.Words(), other)
		}
		seen[c.Words()] = c
	}
	if w := checks.Cause("of another version").Words(); w != "" {
		t.Errorf("an unknown cause has the words %q", w)
	}
}

func TestFaultsSayWhatIsToBeDone(t *testing.T) {
	for _, c := range []struct {
		err     error
		kind    checks.Kind
		cause   checks.Cause
		passing bool
	}{
		{checks.Causef(checks.CauseImageUnpullable, nil, "No way."), checks.KindConfig, checks.CauseImageUnpullable, true},
		{checks.Causef(checks.CauseImageUnknown, nil, "No such image."), checks.KindConfig, checks.CauseImageUnknown, false},
		{checks.Causef(checks.CauseEngineLost, nil, "No engine."), checks.KindUnavailable, checks.CauseEngineLost, false},
		{fmt.Errorf("run job: %w", checks.Causef(checks.CauseDiskFull, nil, "Full.")), checks.KindConfig, checks.CauseDiskFull, true},
		{checks.Errorf(checks.KindConfig, checks.Causef(checks.CauseLog, nil, "No log."), "Mend it."), checks.KindConfig, checks.CauseLog, true},
		{checks.Errorf(checks.KindConfig, nil, "Mend it."), checks.KindConfig, "", false},
		{errors.New("nobody expected it"), checks.KindInternal, "", true},
	} {
		if k, cause, p := checks.KindOf(c.err), checks.CauseOf(c.err), checks.Passing(c.err); k != c.kind || cause != c.cause || p != c.passing {
			t.Errorf("%v: %v, %q, %v; want %v, %q, %v", c.err, k, cause, p, c.kind, c.cause, c.passing)
		}
	}
}
