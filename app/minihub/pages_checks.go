package minihub

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// checkRow is one check as the list shows it.
type checkRow struct {
	Name, Icon, Line, Title string
	App, RunURL, DetailsURL string // RunURL is empty for a check that nobody reported
	CanRerun, Required      bool
	Actions                 []Action
	Back                    string // where its forms come back to
	group                   int
}

// checksBox is the box of checks of a commit.
type checksBox struct {
	Icon, Header, Sub string
	Rows              []checkRow
	Rerun             string // where "Re-run all checks" goes; empty without it
	Back              string
}

// rank groups the checks of the list as GitHub does: what needs a look first.
var rank = map[string]int{"failure": 0, "timed_out": 0, "action_required": 0, "cancelled": 1, "in_progress": 2, "queued": 2, "expected": 2,
	"neutral": 3, "skipped": 4, "success": 5}

// words are how the box counts check runs of a kind.
var words = []struct{ word, kinds string }{
	{"failing", "failure timed_out action_required"}, {"cancelled", "cancelled"}, {"expected", "expected"}, {"in progress", "in_progress"},
	{"queued", "queued"}, {"neutral", "neutral"}, {"skipped", "skipped"}, {"successful", "success"},
}

// checksAt is the box of a commit, without buttons. base is the branch whose
// rules count; empty when none do. mu is held.
func (h *Hub) checksAt(r *Repo, sha, base string) checksBox {
	box, counts := checksBox{}, map[string]int{}
	var required []RequiredCheck
	if base != "" {
		required = r.requiredOn(base)
	}
	runs := r.runsAt(sha, true)
	for _, run := range runs {
		row := h.row(r, run)
		row.Required = slices.ContainsFunc(required, func(c RequiredCheck) bool { return c.by(run) })
		box.Rows = append(box.Rows, row)
	}
	for _, c := range required {
		if !slices.ContainsFunc(runs, c.by) {
			row := checkRow{Name: c.Context, Icon: "expected", Line: blockerWords[""][0], Required: true, group: rank["expected"]}
			if a := h.apps[c.AppID]; a != nil {
				row.App = a.slug
			}
			box.Rows = append(box.Rows, row)
		}
	}
	if len(box.Rows) == 0 {
		return box
	}
	for _, row := range box.Rows {
		counts[row.Icon]++
	}
	slices.SortStableFunc(box.Rows, func(a, b checkRow) int {
		if a.group != b.group {
			return a.group - b.group
		}
		return strings.Compare(a.Name, b.Name)
	})
	box.count(counts)
	return box
}

// by reports whether a check run is the one that is required.
func (c RequiredCheck) by(run *checkRun) bool {
	return c.Context == run.Name && (c.AppID == 0 || c.AppID == run.AppID)
}

// count writes the box's words.
func (box *checksBox) count(counts map[string]int) {
	var parts []string
	total := map[string]int{}
	for _, w := range words {
		for kind := range strings.FieldsSeq(w.kinds) {
			total[w.word] += counts[kind]
		}
		if n := total[w.word]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, w.word))
		}
	}
	noun := " checks"
	if len(box.Rows) == 1 {
		noun = " check"
	}
	box.Sub = strings.Join(parts, ", ") + noun
	switch {
	case total["in progress"]+total["queued"]+total["expected"] > 0:
		box.Icon, box.Header = "pending", "Some checks haven't completed yet"
	case total["failing"]+total["cancelled"] == len(box.Rows):
		box.Icon, box.Header = "failure", "All checks have failed"
	case total["failing"]+total["cancelled"] > 0:
		box.Icon, box.Header = "failure", "Some checks were not successful"
	default:
		box.Icon, box.Header = "success", "All checks have passed"
	}
}

// buttons gives the box those that a viewer with these rights sees. rerun is
// where "Re-run all checks" goes, back where all of them come back to.
func (box *checksBox) buttons(may rights, rerun, back string) {
	done, running := false, false
	for i := range box.Rows {
		row := &box.Rows[i]
		row.Back = back
		running = running || row.Icon == "queued" || row.Icon == "in_progress"
		done = done || row.CanRerun
		if !may.Write {
			row.CanRerun, row.Actions = false, nil
		}
	}
	if may.Write && done && !running {
		box.Rerun = rerun
	}
	box.Back = back
}

// row is a check run's line in the list. mu is held.
func (h *Hub) row(r *Repo, run *checkRun) checkRow {
	row := checkRow{Name: run.Name, Title: run.Title, App: run.app.slug, DetailsURL: run.DetailsURL, Actions: slices.Clone(run.Actions),
		RunURL: "/" + r.FullName() + "/runs/" + strconv.FormatInt(run.ID, 10), CanRerun: run.Status == "completed", Icon: run.Status}
	if run.Status == "completed" {
		row.Icon = run.Conclusion
	}
	row.group = rank[row.Icon]
	took := duration(run.CompletedAt.Sub(run.StartedAt))
	row.Line = map[string]string{
		"success": "Successful in " + took, "failure": "Failing after " + took, "timed_out": "Timed out after " + took,
		"action_required": "Action required after " + took, "cancelled": "Cancelled after " + took, "neutral": "Completed in " + took,
		"skipped": "Skipped", "in_progress": "In progress", "queued": "Queued",
	}[row.Icon]
	return row
}

// duration is d as GitHub writes it: 12s, 1m 5s, 2h 3m.
func duration(d time.Duration) string {
	d = max(d, 0).Round(time.Second)
	h, m, s := int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60
	switch {
	case h > 0:
		return fmt.Sprintf("%dh %dm", h, m)
	case m > 0:
		return fmt.Sprintf("%dm %ds", m, s)
	}
	return fmt.Sprintf("%ds", s)
}
