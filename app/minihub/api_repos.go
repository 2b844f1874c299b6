package minihub

import (
	"net/http"
	"net/url"
)

func (h *Hub) getRepo(c *call) (answer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	o := h.repoJSON(c.repo)
	o["subscribers_count"], o["network_count"] = 0, 0
	if c.repo.parent != nil {
		o["parent"], o["source"] = h.repoJSON(c.repo.parent), h.repoJSON(c.repo.parent)
	}
	return answer{http.StatusOK, o}, nil
}

func (h *Hub) getPermission(c *call) (answer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	login := c.PathValue("user")
	u := h.users[lower(login)]
	if u == nil {
		return answer{}, refuse(http.StatusNotFound, "%s is not a user", login)
	}
	level := c.repo.permission(u)
	o := h.userJSON(u)
	o["role_name"] = level
	o["permissions"] = obj{"pull": levels[level] >= 1, "triage": levels[level] >= 2, "push": levels[level] >= 2,
		"maintain": levels[level] >= 3, "admin": levels[level] >= 3}
	return answer{http.StatusOK, obj{"permission": level, "role_name": level, "user": o}}, nil
}

func (h *Hub) getBranch(c *call) (answer, error) {
	name := c.PathValue("branch")
	refs, err := c.repo.refs(c.Context())
	if err != nil {
		return answer{}, err
	}
	sha := refs["refs/heads/"+name]
	if sha == "" {
		return answer{}, refuse(http.StatusNotFound, "Branch not found")
	}
	commit, err := c.repo.commit(c.Context(), sha)
	if err != nil {
		return answer{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	self := h.repoAPI(c.repo) + "/branches/" + url.PathEscape(name)
	protection, protected := h.protectionJSON(c.repo, name)
	return answer{http.StatusOK, obj{
		"name": name, "commit": h.commitJSON(c.repo, commit), "protected": protected, "protection_url": self + "/protection",
		"_links":     obj{"self": self, "html": h.url + "/" + c.repo.FullName() + "/tree/" + name},
		"protection": protection,
	}}, nil
}

// commitOf resolves {ref} of the path to a commit.
func (c *call) commitOf() (*commit, error) {
	ref := c.PathValue("ref")
	sha, err := c.repo.resolve(c.Context(), ref)
	if err != nil {
		return nil, err
	}
	if sha == "" {
		return nil, refuse(http.StatusUnprocessableEntity, "No commit found for SHA: %s", ref)
	}
	return c.repo.commit(c.Context(), sha)
}

func (h *Hub) getCommit(c *call) (answer, error) {
	commit, err := c.commitOf()
	if err != nil {
		return answer{}, err
	}
	base := commit.sha
	if len(commit.parents) > 0 {
		base = commit.parents[0]
	}
	files, err := c.repo.diff(c.Context(), base, commit.sha)
	if err != nil {
		return answer{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	o := h.commitJSON(c.repo, commit)
	add, del, entries := 0, 0, []obj{}
	for _, f := range files {
		add, del = add+f.additions, del+f.deletions
		entries = append(entries, h.fileJSON(c.repo, commit.sha, f))
	}
	o["stats"] = obj{"additions": add, "deletions": del, "total": add + del}
	o["files"] = entries[:min(len(entries), 300)]
	return answer{http.StatusOK, o}, nil
}
