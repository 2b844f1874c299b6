package minihub

import (
	"fmt"
	"net/http"
	"strconv"
	"unicode/utf8"
)

// boolean reads a member that is true or false.
func (f fields) boolean(name string) bool {
	v, ok := f.m[name]
	if !ok {
		return false
	}
	b, ok := v.(bool)
	if !ok {
		f.badField(name, "%s is not a boolean", show(v))
	}
	return b
}

// badRelease is GitHub's refusal of a release.
func badRelease(problem obj) error {
	problem["resource"] = "Release"
	return &apiError{status: http.StatusUnprocessableEntity, message: "Validation Failed", errors: []obj{problem}}
}

// postRelease makes a release, and its tag where that is missing. Drafts are
// not known here.
func (h *Hub) postRelease(c *call) (answer, error) {
	m, err := c.readObject()
	if err != nil {
		return answer{}, err
	}
	f := newFields(m)
	f.require("tag_name")
	n := &release{tag: f.filled("tag_name", 0), name: f.str("name", 0), body: f.str("body", 0), target: f.str("target_commitish", 0), prerelease: f.boolean("prerelease")}
	latest := f.oneOf("make_latest", "true", "false", "legacy")
	if f.boolean("draft") {
		f.badField("draft", "minihub keeps no drafts")
	}
	if err := f.err(); err != nil {
		return answer{}, err
	}
	if utf8.RuneCountInString(n.body) > maxRelease {
		return answer{}, badRelease(obj{"code": "custom", "field": "body", "message": fmt.Sprintf("body is too long (maximum is %d characters)", maxRelease)})
	}
	r, ref := c.repo, "refs/tags/"+n.tag
	if _, err := h.git(c.Context(), "", nil, "check-ref-format", ref); err != nil || !r.takesRef(ref) {
		return answer{}, badRelease(obj{"code": "custom", "field": "tag_name", "message": "tag_name is not a valid tag"})
	}
	h.refMu.Lock()
	defer h.refMu.Unlock()
	refs, err := r.refs(c.Context())
	if err != nil {
		return answer{}, err
	}
	h.mu.Lock()
	taken := r.releaseOf(n.tag) != nil
	h.mu.Unlock()
	if taken && refs[ref] != "" {
		return answer{}, badRelease(obj{"code": "already_exists", "field": "tag_name"})
	}
	if n.target == "" {
		n.target = r.defaultBranch
	}
	if refs[ref] == "" {
		sha, err := r.resolve(c.Context(), n.target)
		if err != nil {
			return answer{}, err
		}
		if sha == "" {
			return answer{}, badRelease(obj{"code": "invalid", "field": "target_commitish"})
		}
		if _, err := h.git(c.Context(), r.dir, nil, "update-ref", "--end-of-options", ref, sha); err != nil {
			return answer{}, badRelease(obj{"code": "custom", "field": "tag_name", "message": "tag_name is not a valid tag"})
		}
		if err := r.refsMoved(c.Context(), c.app.bot.login, refs); err != nil {
			return answer{}, err
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	n.id, n.author, n.created = h.nextID("release"), c.app.bot, h.now()
	r.releases = append(r.releases, n)
	if latest != "false" && !n.prerelease {
		r.latest = n
	}
	h.touch()
	o := h.releaseJSON(r, n)
	c.w.Header().Set("Location", o["url"].(string))
	return answer{http.StatusCreated, o}, nil
}

func (h *Hub) getReleaseOfTag(c *call) (answer, error) {
	refs, err := c.repo.refs(c.Context())
	if err != nil {
		return answer{}, err
	}
	tag := c.PathValue("tag")
	h.mu.Lock()
	defer h.mu.Unlock()
	n := c.repo.releaseOf(tag)
	if n == nil || refs["refs/tags/"+tag] == "" {
		return answer{}, errNotFound
	}
	return answer{http.StatusOK, h.releaseJSON(c.repo, n)}, nil
}

// releaseJSON is a release as the API shows it. mu is held.
func (h *Hub) releaseJSON(r *Repo, n *release) obj {
	api, web, id := h.repoAPI(r), h.url+"/"+r.FullName(), strconv.FormatInt(n.id, 10)
	return obj{
		"url": api + "/releases/" + id, "html_url": web + tagPage(n.tag), "assets_url": api + "/releases/" + id + "/assets",
		"upload_url": api + "/releases/" + id + "/assets{?name,label}", "tarball_url": api + "/tarball/" + pathOf(n.tag), "zipball_url": api + "/zipball/" + pathOf(n.tag),
		"id": n.id, "node_id": nodeID("RE", n.id), "tag_name": n.tag, "target_commitish": n.target, "name": orNull(n.name), "body": orNull(n.body),
		"draft": false, "prerelease": n.prerelease, "immutable": false, "created_at": stamp(n.created), "updated_at": stamp(n.created),
		"published_at": stamp(n.created), "author": h.userJSON(n.author), "assets": []obj{},
	}
}
