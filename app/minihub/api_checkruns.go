package minihub

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

func (h *Hub) postCheckRun(c *call) (answer, error) {
	m, err := c.readObject()
	if err != nil {
		return answer{}, err
	}
	in, err := readRun(m, true)
	if err != nil {
		return answer{}, err
	}
	commit, err := c.repo.commit(c.Context(), in.headSHA)
	if err != nil {
		return answer{}, err
	}
	if commit == nil {
		return answer{}, refuse(http.StatusUnprocessableEntity, "No commit found for SHA: %s", in.headSHA)
	}
	branch, err := c.repo.branchAt(c.Context(), in.headSHA)
	if err != nil {
		return answer{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.suiteFor(c.repo, c.app, in.headSHA, branch)
	run := &checkRun{app: c.app, suite: s, CheckRun: CheckRun{ID: h.nextID("run"), AppID: c.app.id, SuiteID: s.id, Repo: c.repo.FullName(),
		HeadSHA: in.headSHA, Name: in.name, Status: "queued", StartedAt: h.now().Truncate(time.Second), DetailsURL: h.url + "/apps/" + c.app.slug}}
	run.apply(in, h.now())
	c.repo.runs = append(c.repo.runs, run)
	s.reset, s.updated = false, h.now()
	h.runEvent(c.repo, run, "created", c.app.bot)
	if run.Status == "completed" {
		h.runCompleted(c.repo, run)
	}
	h.touch()
	return answer{http.StatusCreated, h.runJSON(c.repo, run)}, nil
}

// apply writes a valid request over the check run.
func (run *checkRun) apply(in runInput, now time.Time) {
	set := func(to *string, v *string) {
		if v != nil {
			*to = *v
		}
	}
	if in.name != "" {
		run.Name = in.name
	}
	set(&run.DetailsURL, in.detailsURL)
	set(&run.ExternalID, in.externalID)
	if in.status != "" {
		run.Status, run.Conclusion = in.status, in.conclusion
	}
	if !in.started.IsZero() {
		run.StartedAt = in.started
	}
	if !in.completed.IsZero() {
		run.CompletedAt = in.completed
	} else if run.Status == "completed" && run.CompletedAt.IsZero() {
		run.CompletedAt = now.Truncate(time.Second)
	}
	if in.output {
		run.HasOutput, run.Title, run.Summary = true, in.title, in.summary
		set(&run.Text, in.text)
		run.Annotations = append(run.Annotations, in.annotations...)
	}
	if in.actionsGiven {
		run.Actions = in.actions
	}
	run.Writes++
}

// run finds the check run of the path. mu is held.
func (c *call) run() (*checkRun, error) {
	for _, r := range c.repo.runs {
		if r.ID == c.id("id") {
			return r, nil
		}
	}
	return nil, errNotFound
}

// own refuses a check run of another App.
func (c *call) own(run *checkRun) error {
	if run.app != c.app {
		return refuse(http.StatusForbidden, "Invalid app_id `%d` - check run can only be modified by the GitHub App that created it.", c.app.id)
	}
	return nil
}

func (h *Hub) patchCheckRun(c *call) (answer, error) {
	m, err := c.readObject()
	if err != nil {
		return answer{}, err
	}
	in, err := readRun(m, false)
	if err != nil {
		return answer{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	run, err := c.run()
	if err != nil {
		return answer{}, err
	}
	if err := c.own(run); err != nil {
		return answer{}, err
	}
	was := run.Status
	if was == "completed" && in.status != "" && in.status != "completed" {
		return answer{}, refuse(http.StatusUnprocessableEntity, "Invalid request.\n\nA completed check run cannot go back to %s.", in.status)
	}
	run.apply(in, h.now())
	run.suite.reset, run.suite.updated = false, h.now()
	if was != "completed" && run.Status == "completed" {
		h.runCompleted(c.repo, run)
	}
	h.touch()
	return answer{http.StatusOK, h.runJSON(c.repo, run)}, nil
}

func (h *Hub) getCheckRun(c *call) (answer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	run, err := c.run()
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, h.runJSON(c.repo, run)}, nil
}

func (h *Hub) listAnnotations(c *call) (answer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	run, err := c.run()
	if err != nil {
		return answer{}, err
	}
	all := []obj{}
	for _, a := range run.Annotations {
		all = append(all, obj{
			"path": a.Path, "start_line": a.StartLine, "end_line": a.EndLine, "start_column": orNoNumber(a.StartColumn),
			"end_column": orNoNumber(a.EndColumn), "annotation_level": a.Level, "title": orNull(a.Title), "message": a.Message,
			"raw_details": orNull(a.RawDetails), "blob_href": h.repoAPI(c.repo) + "/contents/" + a.Path + "?ref=" + run.HeadSHA,
		})
	}
	return answer{http.StatusOK, page(c.w, c.Request, h.url, all)}, nil
}

func orNoNumber(n int) any {
	if n == 0 {
		return nil
	}
	return n
}

func (h *Hub) rerequestRun(c *call) (answer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	run, err := c.run()
	if err != nil {
		return answer{}, err
	}
	if err := c.own(run); err != nil {
		return answer{}, err
	}
	if run.Status != "completed" {
		return answer{}, refuse(http.StatusUnprocessableEntity, "This check run is not rerequestable")
	}
	h.rerequest(c.repo, run, c.app.bot)
	return answer{http.StatusCreated, obj{}}, nil
}

// listCommitRuns lists newest first; by default only the newest of each name
// in each suite.
func (h *Hub) listCommitRuns(c *call) (answer, error) {
	commit, err := c.commitOf()
	if err != nil {
		return answer{}, err
	}
	q := c.URL.Query()
	name, status, appID := q.Get("check_name"), q.Get("status"), q.Get("app_id")
	f := newFields(obj{})
	for _, p := range []struct {
		key     string
		allowed []string
	}{{"status", []string{"queued", "in_progress", "completed"}}, {"filter", []string{"latest", "all"}}} {
		if q.Has(p.key) {
			f.m[p.key] = q.Get(p.key)
			f.oneOf(p.key, p.allowed...)
		}
	}
	if err := f.err(); err != nil {
		return answer{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	all := []obj{}
	for _, run := range c.repo.runsAt(commit.sha, q.Get("filter") != "all") {
		if (name == "" || run.Name == name) && (status == "" || run.Status == status) &&
			(appID == "" || appID == strconv.FormatInt(run.AppID, 10)) {
			all = append(all, h.runJSON(c.repo, run))
		}
	}
	return answer{http.StatusOK, obj{"total_count": len(all), "check_runs": page(c.w, c.Request, h.url, all)}}, nil
}

// runsAt are the check runs of a commit, newest first. mu is held.
func (r *Repo) runsAt(sha string, latest bool) []*checkRun {
	type key struct {
		suite int64
		name  string
	}
	var out []*checkRun
	seen := map[key]bool{}
	for _, run := range slices.Backward(r.runs) {
		k := key{run.SuiteID, run.Name}
		if run.HeadSHA == sha && (!latest || !seen[k]) {
			seen[k] = true
			out = append(out, run)
		}
	}
	return out
}
