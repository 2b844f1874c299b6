package minihub

import (
	"html/template"
	"net/http"
	"net/url"
)

type releasePageData struct {
	frame
	Tag, Name, Author, When, SHA, Short string
	Notes                               template.HTML
}

// tagPage is where a tag, and its release when there is one, is shown.
func tagPage(tag string) string { return "/releases/tag/" + pathOf(tag) }

// pathOf is a name as a part of a path; its slashes stay.
func pathOf(name string) string { return (&url.URL{Path: name}).EscapedPath() }

func (h *Hub) releasePage(w http.ResponseWriter, r *http.Request) {
	repo := h.pageRepo(w, r)
	if repo == nil {
		return
	}
	tag := r.PathValue("tag")
	sha, err := repo.TagAt(r.Context(), tag)
	if err != nil {
		h.fail(w, r, repo, http.StatusInternalServerError, err.Error())
		return
	}
	if sha == "" {
		http.NotFound(w, r)
		return
	}
	d := releasePageData{frame: h.frame(r, repo, tag+" · "+repo.FullName(), "/"+repo.FullName()+tagPage(tag)), Tag: tag, Name: tag, SHA: sha, Short: sha[:7]}
	d.Tab = "code"
	h.mu.Lock()
	if n := repo.releaseOf(tag); n != nil {
		d.Author, d.When, d.Notes = n.author.login, n.created.Format("2 Jan 2006"), markdown(n.body)
		if n.name != "" {
			d.Name = n.name
		}
	}
	h.mu.Unlock()
	render(w, http.StatusOK, "release.html", d)
}

// treePage leads to the commit of a tag or branch: files are not shown here.
func (h *Hub) treePage(w http.ResponseWriter, r *http.Request) {
	repo := h.pageRepo(w, r)
	if repo == nil {
		return
	}
	sha, err := repo.resolve(r.Context(), r.PathValue("ref"))
	switch {
	case err != nil:
		h.fail(w, r, repo, http.StatusInternalServerError, err.Error())
	case sha == "":
		http.NotFound(w, r)
	default:
		http.Redirect(w, r, "/"+repo.FullName()+"/commit/"+sha, http.StatusFound)
	}
}
