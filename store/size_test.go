package store

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/dudesons/loktar/checks"
)

// TestCommitTouchesOnlyItsJobs holds what a change of two jobs may write in a
// run of 5,000, whose jobs take about two megabytes.
func TestCommitTouchesOnlyItsJobs(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "loktar.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	run := checks.Run{ID: "large", Seq: 1}
	c := checks.Commit{Runs: []checks.Run{run}}
	for i := range 5000 {
		name := fmt.Sprintf("package-%d", i)
		c.Jobs = append(c.Jobs, checks.Job{Run: run.ID, Index: i, State: checks.StateQueued, Package: checks.Package{Name: name, Dir: name}})
	}
	if err := s.Commit(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	before := s.db.Stats()
	if err := s.Commit(t.Context(), checks.Commit{Jobs: []checks.Job{c.Jobs[17], c.Jobs[4711]}}); err != nil {
		t.Fatal(err)
	}
	after := s.db.Stats()
	diff := after.Sub(&before)
	if written, nodes := diff.TxStats.GetPageAlloc(), diff.TxStats.GetNodeCount(); written > 100_000 || nodes > 20 {
		t.Errorf("a commit of two jobs wrote %d bytes and read %d pages into memory", written, nodes)
	}
}
