package checks_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/dudesons/loktar/checks"
)

func TestRemarksAreBounded(t *testing.T) {
	var run checks.Run
	run.Remark("0")
	shared := run // another copy of the run, as a reader has it
	for i := range 25 {
		run.Remark(fmt.Sprint(i / 2)) // each twice
	}
	want := []string{"3", "4", "5", "6", "7", "8", "9", "10", "11", "12"}
	if !slices.Equal(run.Remarks, want) {
		t.Errorf("%q", run.Remarks)
	}
	if !slices.Equal(shared.Remarks, []string{"0"}) {
		t.Errorf("a copy's remarks are %q", shared.Remarks)
	}
	run.Remark("3")
	if n := len(run.Remarks); n != 10 || run.Remarks[n-1] != "3" || run.Remarks[0] != "4" {
		t.Errorf("an older remark again: %q", run.Remarks)
	}
}

func TestRunIsDone(t *testing.T) {
	run := checks.Run{Created: time.Unix(1, 0)}
	if run.Done() {
		t.Error("done before it finished")
	}
	run.Finished = time.Unix(2, 0)
	if !run.Done() {
		t.Error("not done, and finished")
	}
}
