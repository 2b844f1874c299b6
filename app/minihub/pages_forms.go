package minihub

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// form is one that a person sent.
type form struct {
	*http.Request
	h      *Hub
	viewer string
	repo   *Repo
	pull   *pull // nil when the form is not about one
	to     string
}

// need is who may send a form.
type need int

const (
	anybody need = iota
	author       // of the pull request, and who may write
	writer
	admin
)

// mayNot says why a viewer may not send a form; empty when they may.
func (f *form) mayNot(n need) string {
	f.h.mu.Lock()
	defer f.h.mu.Unlock()
	has := f.repo.rightsOf(f.viewer)
	switch {
	case has.Archived:
		return "This repository was archived by its owner. It is read-only."
	case n == anybody, has.Admin, n <= writer && has.Write, n == author && f.pull != nil && f.pull.author == f.h.users[lower(f.viewer)]:
		return ""
	case n == admin:
		return fmt.Sprintf("%s is no administrator of %s.", f.viewer, f.repo.FullName())
	}
	return fmt.Sprintf("%s has no write access to %s.", f.viewer, f.repo.FullName())
}

// refused is an error of a form with a status of its own.
type refused struct {
	status int
	text   string
}

func (e *refused) Error() string { return e.text }

func (f *form) forbid(format string, args ...any) error {
	return &refused{http.StatusForbidden, fmt.Sprintf(format, args...)}
}

// submit reads a form, asks whether the viewer may, does it, and leads back.
func (h *Hub) submit(w http.ResponseWriter, r *http.Request, repo *Repo, p *pull, n need, do func(*form) error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	f := &form{Request: r, h: h, viewer: h.viewer(r, repo), repo: repo, pull: p}
	if err := r.ParseForm(); err != nil {
		h.fail(w, r, repo, http.StatusBadRequest, "The form cannot be read: "+err.Error())
		return
	}
	if why := f.mayNot(n); why != "" {
		h.fail(w, r, repo, http.StatusForbidden, why)
		return
	}
	f.to = "/" + repo.FullName()
	if p != nil {
		f.to += "/pull/" + strconv.Itoa(p.number)
	}
	f.to = localPath(f.text("return"), f.to)
	if err := do(f); err != nil {
		status := http.StatusConflict
		if no := (*refused)(nil); errors.As(err, &no) {
			status = no.status
		}
		h.fail(w, r, repo, status, err.Error())
		return
	}
	http.Redirect(w, r, f.to, http.StatusSeeOther)
}

// text is a field without space around it.
func (f *form) text(name string) string {
	return strings.TrimSpace(strings.ToValidUTF8(f.PostFormValue(name), "\uFFFD"))
}

// line is a field that has one line.
func (f *form) line(name string) string { return strings.Join(strings.Fields(f.text(name)), " ") }

// content is what a text area holds, as the lines of a file.
func (f *form) content(name string) string {
	s := strings.ReplaceAll(f.PostFormValue(name), "\r\n", "\n")
	if s != "" && !strings.HasSuffix(s, "\n") {
		s += "\n"
	}
	return s
}

// refName is a field that names a branch or a tag. Nothing else may reach
// git's import stream.
func (f *form) refName(field string) (string, error) {
	name := f.PostFormValue(field)
	if _, err := f.h.git(f.Context(), "", nil, "check-ref-format", "refs/heads/"+name); err != nil || f.text(field) != name {
		return "", fmt.Errorf("git takes no branch or tag %q", name)
	}
	return name, nil
}

// branch is a field that names a branch which is there.
func (f *form) branch(r *Repo, field string) (string, error) {
	name, err := f.refName(field)
	if err != nil {
		return "", err
	}
	if _, err := r.branchTip(f.Context(), name); err != nil {
		return "", fmt.Errorf("%s has no branch %s", r.FullName(), name)
	}
	return name, nil
}

// pageRun finds the check run of a path; nil answered.
func (h *Hub) pageRun(w http.ResponseWriter, r *http.Request) (*Repo, *checkRun) {
	named := h.pageRepo(w, r)
	if named == nil {
		return nil, nil
	}
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	h.mu.Lock()
	defer h.mu.Unlock()
	repo, run := h.findRun(id)
	if run == nil || repo != named {
		http.NotFound(w, r)
		return nil, nil
	}
	return repo, run
}

func (h *Hub) rerunForm(w http.ResponseWriter, r *http.Request) {
	h.runForm(w, r, func(f *form, run *checkRun) error { return h.RerequestRun(run.ID, f.viewer) })
}

func (h *Hub) actionForm(w http.ResponseWriter, r *http.Request) {
	h.runForm(w, r, func(f *form, run *checkRun) error {
		return h.RequestAction(run.ID, f.PostFormValue("identifier"), f.viewer)
	})
}

func (h *Hub) runForm(w http.ResponseWriter, r *http.Request, do func(*form, *checkRun) error) {
	repo, run := h.pageRun(w, r)
	if run == nil {
		return
	}
	h.submit(w, r, repo, nil, writer, func(f *form) error {
		f.to = localPath(f.text("return"), h.homeOf(repo, run.HeadSHA))
		return do(f, run)
	})
}

func (h *Hub) rerunCommitForm(w http.ResponseWriter, r *http.Request) {
	repo := h.pageRepo(w, r)
	if repo == nil {
		return
	}
	h.submit(w, r, repo, nil, writer, func(f *form) error {
		c, err := repo.pageCommit(r)
		if err != nil {
			return err
		}
		if c == nil {
			return &refused{http.StatusNotFound, "There is no such commit."}
		}
		f.to = localPath(f.text("return"), h.homeOf(repo, c.sha))
		return repo.RerequestSuites(c.sha, f.viewer)
	})
}

// homeOf is the page of the newest pull request with a commit as its head,
// else the commit's own.
func (h *Hub) homeOf(repo *Repo, sha string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	home := "/" + repo.FullName()
	if p := repo.pullAt(sha); p != nil {
		return home + "/pull/" + strconv.Itoa(p.number)
	}
	return home + "/commit/" + sha
}

// pullAt is the newest pull request whose head a commit is, or nil. mu is
// held.
func (r *Repo) pullAt(sha string) *pull {
	for n := r.lastNumber; n > 0; n-- {
		if p := r.pulls[n]; p != nil && p.headSHA == sha {
			return p
		}
	}
	return nil
}
