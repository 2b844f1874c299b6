package minihub

import (
	"net/http"
	"strconv"
)

// viewer is in whose name the pages act.
func (h *Hub) viewer(r *Repo) string {
	if h.opts.Viewer != "" {
		return h.opts.Viewer
	}
	return r.owner.login
}

// pageRun finds the check run of a form's path; nil answered 404.
func (h *Hub) pageRun(w http.ResponseWriter, r *http.Request) (*Repo, *checkRun) {
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	h.mu.Lock()
	defer h.mu.Unlock()
	repo, run := h.findRun(id)
	if run == nil || repo != h.repo(r.PathValue("owner")+"/"+r.PathValue("repo")) {
		http.NotFound(w, r)
		return nil, nil
	}
	return repo, run
}

func (h *Hub) rerunForm(w http.ResponseWriter, r *http.Request) {
	repo, run := h.pageRun(w, r)
	if run == nil {
		return
	}
	if err := h.RerequestRun(run.ID, h.viewer(repo)); err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	h.back(w, r, repo, run.HeadSHA)
}

func (h *Hub) actionForm(w http.ResponseWriter, r *http.Request) {
	repo, run := h.pageRun(w, r)
	if run == nil {
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := h.RequestAction(run.ID, r.PostFormValue("identifier"), h.viewer(repo)); err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	h.back(w, r, repo, run.HeadSHA)
}

func (h *Hub) rerunAllForm(w http.ResponseWriter, r *http.Request) {
	repo, p := h.pagePull(w, r)
	if p == nil {
		return
	}
	h.mu.Lock()
	sha := p.headSHA
	h.mu.Unlock()
	if err := repo.RerequestSuites(sha, h.viewer(repo)); err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	http.Redirect(w, r, "/"+repo.FullName()+"/pull/"+strconv.Itoa(p.number), http.StatusSeeOther)
}

// back leads to the pull request that a commit belongs to, else to the
// repository.
func (h *Hub) back(w http.ResponseWriter, r *http.Request, repo *Repo, sha string) {
	h.mu.Lock()
	to := "/" + repo.FullName()
	for n := repo.lastNumber; n > 0; n-- {
		if p := repo.pulls[n]; p != nil && p.headSHA == sha {
			to += "/pull/" + strconv.Itoa(n)
			break
		}
	}
	h.mu.Unlock()
	http.Redirect(w, r, to, http.StatusSeeOther)
}
