package minihub

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

func (h *Hub) getApp(c *call) (answer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	a := h.appJSON(c.app)
	a["installations_count"] = len(c.app.installations)
	return answer{http.StatusOK, a}, nil
}

func (h *Hub) listInstallations(c *call) (answer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := []obj{}
	for _, in := range c.app.installations {
		all = append(all, h.installationJSON(in))
	}
	return answer{http.StatusOK, page(c.w, c.Request, h.url, all)}, nil
}

// installation finds an installation of the App that asks. mu is held.
func (c *call) installation() (*installation, error) {
	for _, in := range c.app.installations {
		if in.id == c.id("id") {
			return in, nil
		}
	}
	return nil, errNotFound
}

func (h *Hub) getInstallation(c *call) (answer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	in, err := c.installation()
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, h.installationJSON(in)}, nil
}

func (h *Hub) getRepoInstallation(c *call) (answer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r, moved := c.target(h); r != nil {
		if in := c.app.installationOf(r); in != nil {
			if moved {
				return answer{}, c.movedTo(h, r)
			}
			return answer{http.StatusOK, h.installationJSON(in)}, nil
		}
	}
	return answer{}, errNotFound
}

func (h *Hub) postAccessToken(c *call) (answer, error) {
	m, err := c.readObject()
	if err != nil {
		return answer{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	in, err := c.installation()
	if err != nil {
		return answer{}, err
	}
	if !in.suspended.IsZero() {
		return answer{}, errSuspended
	}
	f := newFields(m)
	repos, err := h.tokenRepos(in, f)
	if err != nil {
		return answer{}, err
	}
	var want map[string]string
	if p, ok := f.object("permissions"); ok {
		want = map[string]string{}
		for k := range p.m {
			want[k] = p.str(k, 0)
		}
	}
	if err := f.err(); err != nil {
		return answer{}, err
	}
	perms, refused := grant(h.opts.Permissions, want)
	if refused != nil {
		return answer{}, refused
	}
	s, t, err := h.mint(in, repos, perms)
	if err != nil {
		return answer{}, err
	}
	body := obj{"token": s, "expires_at": stamp(t.expires), "permissions": perms, "repository_selection": in.selection()}
	if repos != nil {
		body["repository_selection"] = "selected"
		var out []obj
		for _, r := range h.reposOf(in) {
			if repos[r.id] {
				out = append(out, h.repoJSON(r))
			}
		}
		body["repositories"] = list(out)
	}
	return answer{http.StatusCreated, body}, nil
}

// tokenRepos are the repositories that a token is asked for; nil means all of
// the installation. mu is held.
func (h *Hub) tokenRepos(in *installation, f fields) (map[int64]bool, error) {
	if !f.has("repositories") && !f.has("repository_ids") {
		return nil, nil
	}
	names, ids := map[string]bool{}, map[string]bool{}
	for key, set := range map[string]map[string]bool{"repositories": names, "repository_ids": ids} {
		v, ok := f.m[key].([]any)
		if f.has(key) && !ok {
			f.badField(key, "%s is not an array", show(f.m[key]))
		}
		for _, x := range v {
			_, isNumber := x.(json.Number)
			if _, isString := x.(string); isString != (key == "repositories") || isNumber == isString {
				f.badField(key, "%s is of the wrong type", show(x))
			}
			set[strings.ToLower(fmt.Sprint(x))] = true
		}
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	if len(names)+len(ids) > 500 {
		return nil, invalid([]string{"A token may name at most 500 repositories."})
	}
	out := map[int64]bool{}
	for _, r := range h.reposOf(in) {
		if n := strings.ToLower(r.name); names[n] || ids[fmt.Sprint(r.id)] {
			out[r.id] = true
			delete(names, n)
			delete(ids, fmt.Sprint(r.id))
		}
	}
	if len(names)+len(ids) > 0 {
		return nil, refuse(http.StatusUnprocessableEntity,
			"There is at least one repository that does not exist or is not accessible to the parent installation.")
	}
	return out, nil
}

func (h *Hub) listInstallationRepos(c *call) (answer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := []obj{}
	for _, r := range h.reposOf(c.tok.in) {
		if c.tok.covers(r) {
			all = append(all, h.repoJSON(r))
		}
	}
	selection := c.tok.in.selection()
	if c.tok.repos != nil {
		selection = "selected"
	}
	return answer{http.StatusOK, obj{"total_count": len(all), "repository_selection": selection,
		"repositories": page(c.w, c.Request, h.url, all)}}, nil
}

func (h *Hub) getRateLimit(c *call) (answer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	core := obj{"limit": h.opts.RateLimit, "used": c.tok.used, "remaining": h.opts.RateLimit - c.tok.used, "reset": c.tok.window.Unix() + 3600}
	search := obj{"limit": 30, "used": 0, "remaining": 30, "reset": c.tok.window.Unix() + 60}
	return answer{http.StatusOK, obj{"resources": obj{"core": core, "search": search}, "rate": core}}, nil
}

func (h *Hub) getMeta(*call) (answer, error) {
	return answer{http.StatusOK, obj{"verifiable_password_authentication": false, "installed_version": "minihub",
		"hooks": []string{"127.0.0.0/8"}, "git": []string{"127.0.0.0/8"}, "api": []string{"127.0.0.0/8"}, "web": []string{"127.0.0.0/8"}}}, nil
}
