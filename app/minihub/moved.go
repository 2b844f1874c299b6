package minihub

import (
	"net/http"
	"strconv"
	"strings"
)

// redirectDocs is what GitHub's redirects name as their documentation.
const redirectDocs = "https://docs.github.com/v3/#http-redirects"

// repoByID finds a repository by its id. mu is held.
func (h *Hub) repoByID(id int64) *Repo {
	for _, r := range h.repos {
		if r.id == id {
			return r
		}
	}
	return nil
}

// named finds the repository that has a full name, or had it. mu is held.
func (h *Hub) named(fullName string) (r *Repo, moved bool) {
	if r = h.repo(fullName); r != nil {
		return r, false
	}
	r = h.moved[strings.ToLower(fullName)]
	return r, r != nil
}

// target finds the repository of the path, by id or by name. moved says that
// the name is an old one. mu is held.
func (c *call) target(h *Hub) (r *Repo, moved bool) {
	if c.PathValue("repository_id") != "" {
		return h.repoByID(c.id("repository_id")), false
	}
	return h.named(c.PathValue("owner") + "/" + c.PathValue("repo"))
}

// movedTo redirects to the same call by the repository's id, as GitHub does
// for those who may see it: 301 for reading, 307 for the rest. mu is held.
func (c *call) movedTo(h *Hub, r *Repo) error {
	status := http.StatusTemporaryRedirect
	if c.Method == http.MethodGet || c.Method == http.MethodHead {
		status = http.StatusMovedPermanently
	}
	rest := ""
	if parts := strings.SplitN(strings.TrimPrefix(c.URL.EscapedPath(), apiPrefix+"/repos/"), "/", 3); len(parts) == 3 {
		rest = "/" + parts[2]
	}
	if c.URL.RawQuery != "" {
		rest += "?" + c.URL.RawQuery
	}
	e := refuse(status, "Moved Permanently")
	e.location = h.url + apiPrefix + "/repositories/" + strconv.FormatInt(r.id, 10) + rest
	return e
}
