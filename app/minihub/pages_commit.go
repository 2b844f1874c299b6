package minihub

import (
	"html/template"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

type commitPageData struct {
	frame
	SHA, Short, Subject, Rest, Author, When string
	Parents                                 []string
	Branches, Tags                          []string
	Pull                                    int    // whose head it is; 0 for none
	Group                                   int    // the pull request whose merge group it is; 0 for none
	Base                                    string // the branch that the group is for
	Checks                                  checksBox
}

var abbreviated = regexp.MustCompile(`^[0-9a-f]{7,40}$`)

// pageCommit is the commit of a path, by its id or the start of it; nil when
// there is none.
func (r *Repo) pageCommit(req *http.Request) (*commit, error) {
	sha := req.PathValue("sha")
	if !abbreviated.MatchString(sha) {
		return nil, nil
	}
	out, err := r.hub.git(req.Context(), r.dir, nil, "rev-parse", "--quiet", "--verify", "--end-of-options", sha+"^{commit}")
	if exitCode(err) > 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return r.commit(req.Context(), strings.TrimSpace(out))
}

// openCommit finds the commit of a page and what points at it; nil answered.
func (h *Hub) openCommit(w http.ResponseWriter, r *http.Request) (*Repo, func() any) {
	repo := h.pageRepo(w, r)
	if repo == nil {
		return nil, nil
	}
	c, err := repo.pageCommit(r)
	if err == nil && c == nil {
		http.NotFound(w, r)
		return nil, nil
	}
	var refs map[string]string
	if err == nil {
		refs, err = repo.tips(r.Context())
	}
	if err != nil {
		h.fail(w, r, repo, http.StatusInternalServerError, err.Error())
		return nil, nil
	}
	var branches, tags []string
	for ref, sha := range refs {
		if sha != c.sha {
			continue
		}
		if tag, ok := strings.CutPrefix(ref, "refs/tags/"); ok {
			tags = append(tags, tag)
		} else {
			branches = append(branches, strings.TrimPrefix(ref, "refs/heads/"))
		}
	}
	slices.Sort(branches)
	slices.Sort(tags)
	return repo, func() any {
		d := h.commitData(r, repo, c)
		d.Branches, d.Tags = branches, tags
		return d
	}
}

func (h *Hub) commitPage(w http.ResponseWriter, r *http.Request) {
	if _, data := h.openCommit(w, r); data != nil {
		render(w, http.StatusOK, "commit.html", data())
	}
}

func (h *Hub) commitEvents(w http.ResponseWriter, r *http.Request) {
	if _, data := h.openCommit(w, r); data != nil {
		h.stream(w, r, "commit-live", data)
	}
}

func (h *Hub) commitData(req *http.Request, r *Repo, c *commit) commitPageData {
	path := "/" + r.FullName() + "/commit/" + c.sha
	d := commitPageData{frame: h.frame(req, r, c.subject()+" · "+r.FullName()+"@"+c.sha[:7], path), SHA: c.sha, Short: c.sha[:7],
		Subject: c.subject(), Author: c.authorName, When: c.committed.Format("Jan 2, 2006 15:04 UTC"), Parents: c.parents}
	d.Tab = "code"
	_, rest, _ := strings.Cut(c.message, "\n")
	d.Rest = strings.TrimSpace(rest)
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := r.pullAt(c.sha); p != nil {
		d.Pull = p.number
	}
	for _, g := range r.queue {
		if g.headSHA == c.sha {
			d.Group, d.Base = g.pull.number, g.base
		}
	}
	d.Checks = h.checksAt(r, c.sha, d.Base)
	d.Checks.buttons(d.rights, path+"/rerun", path)
	return d
}

type runPageData struct {
	frame
	checkRow
	SHA, Short, Status, Conclusion string
	PullURL                        string
	PullNumber                     int
	Summary, Text                  template.HTML
	Annotations                    []Annotation
}

func (h *Hub) runPage(w http.ResponseWriter, r *http.Request) {
	if repo, run := h.pageRun(w, r); run != nil {
		render(w, http.StatusOK, "run.html", h.runData(r, repo, run))
	}
}

func (h *Hub) runEvents(w http.ResponseWriter, r *http.Request) {
	if repo, run := h.pageRun(w, r); run != nil {
		h.stream(w, r, "run-live", func() any { return h.runData(r, repo, run) })
	}
}

func (h *Hub) runData(req *http.Request, r *Repo, run *checkRun) runPageData {
	path := "/" + r.FullName() + "/runs/" + strconv.FormatInt(run.ID, 10)
	d := runPageData{frame: h.frame(req, r, "", path)}
	h.mu.Lock()
	d.checkRow = h.row(r, run)
	d.PageTitle, d.Tab = run.Name+" · "+d.Repo, "pulls"
	d.SHA, d.Short, d.Status, d.Conclusion = run.HeadSHA, run.HeadSHA[:7], run.Status, run.Conclusion
	d.Annotations = slices.Clone(run.Annotations)
	if p := r.pullAt(run.HeadSHA); p != nil {
		d.PullNumber, d.PullURL = p.number, "/"+r.FullName()+"/pull/"+strconv.Itoa(p.number)
	}
	if d.Back = path; !d.Write {
		d.CanRerun, d.Actions = false, nil
	}
	summary, text := run.Summary, run.Text
	h.mu.Unlock()
	d.Summary, d.Text = markdown(summary), markdown(text)
	return d
}
