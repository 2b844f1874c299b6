package minihub

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// viewerCookie keeps in whose name a browser acts.
const viewerCookie = "minihub_viewer"

// maxForm bounds the body of a form.
const maxForm = 1 << 20

// viewer is in whose name a request acts: whom the switch named, else
// Options.Viewer, else the repository's owner. r is nil, and the login may be
// empty, on pages that belong to no repository.
func (h *Hub) viewer(req *http.Request, r *Repo) string {
	if login := chosen(req); login != "" {
		h.mu.Lock()
		defer h.mu.Unlock()
		if u := h.users[lower(login)]; u != nil {
			return u.login
		}
		return login
	}
	switch {
	case h.opts.Viewer != "":
		return h.opts.Viewer
	case r != nil:
		return r.Owner()
	}
	return ""
}

// chosen is whom the viewer switch named; empty when it was not used.
func chosen(req *http.Request) string {
	if c, err := req.Cookie(viewerCookie); err == nil && ownerName.MatchString(c.Value) {
		return c.Value
	}
	return ""
}

// rights are what a viewer may do in a repository.
type rights struct {
	Write, Admin, Archived bool
}

// rightsOf are a login's rights. An archived repository gives none. mu is
// held.
func (r *Repo) rightsOf(login string) rights {
	if r.archived || r.gone {
		return rights{Archived: true}
	}
	level := levels[r.permission(r.hub.users[lower(login)])]
	return rights{Write: level >= levels["write"], Admin: level >= levels["admin"]}
}

// frame is what every page has around it.
type frame struct {
	PageTitle, Path string // Path is where the page's forms come back to
	Repo            string // OWNER/NAME; empty on pages without one
	Tab             string
	Viewer          string
	Chosen          bool // the switch was used
	Logins          []string
	rights
}

func (h *Hub) frame(req *http.Request, r *Repo, title, path string) frame {
	f := frame{PageTitle: title, Path: path, Viewer: h.viewer(req, r), Chosen: chosen(req) != ""}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(h.users)) {
		if u := h.users[key]; u.kind == "User" {
			f.Logins = append(f.Logins, u.login)
		}
	}
	if f.Viewer != "" && !slices.Contains(f.Logins, f.Viewer) {
		f.Logins = append(f.Logins, f.Viewer)
	}
	if r != nil {
		f.Repo, f.rights = r.FullName(), r.rightsOf(f.Viewer)
	}
	return f
}

// viewerForm switches the viewer. An empty login goes back to the default.
func (h *Hub) viewerForm(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	login := strings.TrimSpace(r.PostFormValue("new"))
	if login == "" {
		login = r.PostFormValue("login")
	}
	c := &http.Cookie{Name: viewerCookie, Value: login, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}
	switch {
	case login == "":
		c.MaxAge = -1
	case !ownerName.MatchString(login) || len(login) > 39:
		h.fail(w, r, nil, http.StatusUnprocessableEntity, "A login has letters, digits, - and _, 39 at most.")
		return
	default:
		h.mu.Lock()
		c.Value = h.user(login).login
		h.touch()
		h.mu.Unlock()
	}
	http.SetCookie(w, c)
	http.Redirect(w, r, localPath(r.PostFormValue("return"), "/"), http.StatusSeeOther)
}

// localPath is a path of the hub itself; what leads elsewhere becomes other.
func localPath(path, other string) string {
	u, err := url.Parse(path)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") {
		return other
	}
	to := url.URL{Path: u.Path, RawQuery: u.RawQuery}
	return to.String()
}

type failPageData struct {
	frame
	Status  string
	Message string
}

// fail answers with a page that says what went wrong and leads back.
func (h *Hub) fail(w http.ResponseWriter, r *http.Request, repo *Repo, status int, message string) {
	back := "/"
	if repo != nil {
		back = "/" + repo.FullName()
	}
	if r.Method == http.MethodPost {
		back = localPath(r.PostFormValue("return"), back)
	}
	text := http.StatusText(status)
	render(w, status, "fail.html", failPageData{frame: h.frame(r, repo, text, back), Status: text, Message: message})
}
