package minihub

import (
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// checkRow is one check as the list shows it.
type checkRow struct {
	Name, Icon, Line, Title string
	App, RunURL, DetailsURL string
	CanRerun                bool
	group                   int
}

// checksBox is the box of checks below a pull request.
type checksBox struct {
	Icon, Header, Sub string
	Rows              []checkRow
	CanRerun          bool
}

type commitRow struct {
	SHA, Subject, Author, Icon string
}

type pullPageData struct {
	Repo, Title, Author, AuthorURL, State, StateName string
	Number                                           int
	Base, Head, Body                                 string
	Commits, Files, Additions, Deletions             int
	CommitRows                                       []commitRow
	Checks                                           checksBox
	Open, Mergeable, Merged, Draft                   bool
	MergedBy, MergeSHA, Path                         string
}

func (h *Hub) pullData(r *Repo, p *pull) pullPageData {
	h.mu.Lock()
	defer h.mu.Unlock()
	d := pullPageData{
		Repo: r.FullName(), Title: p.title, Number: p.number, Author: p.author.login, Base: p.baseRef, Head: p.headRef, Body: p.body,
		Commits: p.facts.commits, Files: p.facts.files, Additions: p.facts.additions, Deletions: p.facts.deletions,
		Open: p.open, Merged: p.merged, Mergeable: p.facts.mergeable, Draft: p.draft, Checks: h.checksAt(r, p.headSHA),
		State: p.state(), StateName: "Open", Path: "/" + r.FullName() + "/pull/" + strconv.Itoa(p.number),
	}
	switch {
	case p.merged:
		d.State, d.StateName, d.MergedBy, d.MergeSHA = "merged", "Merged", p.mergedBy.login, short(p.facts.mergeSHA)
	case !p.open:
		d.StateName = "Closed"
	case p.draft:
		d.State, d.StateName = "draft", "Draft"
	}
	if p.headRepo != r {
		d.Head = p.headRepo.owner.login + ":" + p.headRef
	}
	for _, sha := range p.facts.list {
		c := r.known(sha)
		d.CommitRows = append(d.CommitRows, commitRow{SHA: sha[:7], Subject: c.subject(), Author: c.authorName, Icon: h.checksAt(r, sha).Icon})
	}
	return d
}

// rank groups the checks of the list as GitHub does: what needs a look first.
var rank = map[string]int{"failure": 0, "timed_out": 0, "action_required": 0, "cancelled": 1, "in_progress": 2, "queued": 2,
	"neutral": 3, "skipped": 4, "success": 5}

// words are how the box counts check runs of a kind.
var words = []struct{ word, kinds string }{
	{"failing", "failure timed_out action_required"}, {"cancelled", "cancelled"}, {"in progress", "in_progress"}, {"queued", "queued"},
	{"neutral", "neutral"}, {"skipped", "skipped"}, {"successful", "success"},
}

// checksAt is the box of a commit. mu is held.
func (h *Hub) checksAt(r *Repo, sha string) checksBox {
	box, counts := checksBox{}, map[string]int{}
	for _, run := range r.runsAt(sha, true) {
		row := h.row(r, run)
		counts[row.Icon]++
		box.Rows = append(box.Rows, row)
	}
	if len(box.Rows) == 0 {
		return box
	}
	slices.SortFunc(box.Rows, func(a, b checkRow) int {
		if a.group != b.group {
			return a.group - b.group
		}
		return strings.Compare(a.Name, b.Name)
	})
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
	case total["in progress"]+total["queued"] > 0:
		box.Icon, box.Header = "pending", "Some checks haven't completed yet"
	case total["failing"]+total["cancelled"] == len(box.Rows):
		box.Icon, box.Header = "failure", "All checks have failed"
	case total["failing"]+total["cancelled"] > 0:
		box.Icon, box.Header = "failure", "Some checks were not successful"
	default:
		box.Icon, box.Header = "success", "All checks have passed"
	}
	box.CanRerun = total["in progress"]+total["queued"] == 0
	return box
}

// row is a check run's line in the list. mu is held.
func (h *Hub) row(r *Repo, run *checkRun) checkRow {
	row := checkRow{Name: run.Name, Title: run.Title, App: run.app.slug, DetailsURL: run.DetailsURL,
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

type pullRow struct {
	Repo, Title, Author, State, Icon, Sub string
	Number                                int
}

type repoRow struct{ Name, Visibility string }

type branchRow struct{ Name, SHA, Subject string }

type repoPageData struct {
	Repo, CloneURL string
	Branches       []branchRow
	Pulls          []pullRow
}

func (h *Hub) repoData(r *Repo, refs map[string]string) repoPageData {
	d := repoPageData{Repo: r.FullName(), CloneURL: r.CloneURL()}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, ref := range slices.Sorted(maps.Keys(refs)) {
		if name, ok := strings.CutPrefix(ref, "refs/heads/"); ok {
			d.Branches = append(d.Branches, branchRow{name, refs[ref][:7], r.known(refs[ref]).subject()})
		}
	}
	for n := r.lastNumber; n > 0; n-- {
		if p := r.pulls[n]; p != nil {
			box := h.checksAt(r, p.headSHA)
			row := pullRow{Repo: r.FullName(), Title: p.title, Author: p.author.login, State: p.state(), Number: n, Icon: box.Icon, Sub: box.Sub}
			if p.merged {
				row.State = "merged"
			}
			d.Pulls = append(d.Pulls, row)
		}
	}
	return d
}

func (h *Hub) startData() []repoRow {
	h.mu.Lock()
	defer h.mu.Unlock()
	var rows []repoRow
	for _, k := range slices.Sorted(maps.Keys(h.repos)) {
		r := h.repos[k]
		row := repoRow{r.FullName(), "Private"}
		if r.public {
			row.Visibility = "Public"
		}
		rows = append(rows, row)
	}
	return rows
}

type runPageData struct {
	checkRow
	Repo, SHA, Status, Conclusion string
	PullURL                       string
	PullNumber                    int
	Summary, Text                 template.HTML
	Annotations                   []Annotation
	Actions                       []Action
}

func (h *Hub) runData(repo, id string) (runPageData, bool) {
	h.mu.Lock()
	n, _ := strconv.ParseInt(id, 10, 64)
	r, run := h.findRun(n)
	if run == nil || r != h.repo(repo) {
		h.mu.Unlock()
		return runPageData{}, false
	}
	d := runPageData{checkRow: h.row(r, run), Repo: r.FullName(), SHA: run.HeadSHA[:7], Status: run.Status, Conclusion: run.Conclusion,
		Annotations: slices.Clone(run.Annotations), Actions: slices.Clone(run.Actions)}
	for n := r.lastNumber; n > 0; n-- {
		if p := r.pulls[n]; p != nil && p.headSHA == run.HeadSHA {
			d.PullNumber, d.PullURL = n, "/"+r.FullName()+"/pull/"+strconv.Itoa(n)
			break
		}
	}
	summary, text := run.Summary, run.Text
	h.mu.Unlock()
	d.Summary, d.Text = markdown(summary), markdown(text)
	return d, true
}
