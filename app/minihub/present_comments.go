package minihub

import (
	"net/url"
	"strconv"
)

// The functions in this file render issues, comments and labels, and tell of
// comments. Hub.mu is held.

var reactionContents = []string{"+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"}

func (h *Hub) rollupJSON(self string, reactions []*reaction) obj {
	o := obj{"url": self + "/reactions", "total_count": len(reactions)}
	for _, content := range reactionContents {
		n := 0
		for _, r := range reactions {
			if r.content == content {
				n++
			}
		}
		o[content] = n
	}
	return o
}

func (h *Hub) reactionJSON(r *reaction) obj {
	return obj{"id": r.id, "node_id": nodeID("REA", r.id), "user": h.userJSON(r.user), "content": r.content, "created_at": stamp(r.created)}
}

func (h *Hub) commentURL(r *Repo, c *comment) string {
	return h.repoAPI(r) + "/issues/comments/" + strconv.FormatInt(c.id, 10)
}

func (h *Hub) commentJSON(r *Repo, c *comment) obj {
	n, id, self := strconv.Itoa(c.thread.number), strconv.FormatInt(c.id, 10), h.commentURL(r, c)
	var via any
	if c.via != nil {
		via = h.appJSON(c.via)
	}
	return obj{
		"url": self, "html_url": h.threadPage(r, c.thread) + "#issuecomment-" + id, "issue_url": h.repoAPI(r) + "/issues/" + n,
		"id": c.id, "node_id": nodeID("IC", c.id), "user": h.userJSON(c.author), "created_at": stamp(c.created), "updated_at": stamp(c.updated),
		"author_association": h.association(r, c.author), "body": c.body, "reactions": h.rollupJSON(self, c.reactions),
		"performed_via_github_app": via,
	}
}

func (h *Hub) threadPage(r *Repo, t *thread) string {
	kind := "/issues/"
	if t.pull != nil {
		kind = "/pull/"
	}
	return h.url + "/" + r.FullName() + kind + strconv.Itoa(t.number)
}

// issueJSON is an issue as payloads of its comments show it. That of a pull
// request has the member pull_request.
func (h *Hub) issueJSON(r *Repo, t *thread) obj {
	api, web := h.repoAPI(r), h.threadPage(r, t)
	self := api + "/issues/" + strconv.Itoa(t.number)
	o := obj{
		"url": self, "repository_url": api, "labels_url": self + "/labels{/name}", "comments_url": self + "/comments",
		"events_url": self + "/events", "timeline_url": self + "/timeline", "html_url": web, "id": t.id, "node_id": nodeID("I", t.id),
		"number": t.number, "labels": []obj{}, "locked": false, "assignee": nil, "assignees": []obj{}, "milestone": nil,
		"comments": len(t.comments), "active_lock_reason": nil, "reactions": h.rollupJSON(self, nil), "state_reason": nil,
		"performed_via_github_app": nil,
	}
	if p := t.pull; p != nil {
		o["title"], o["user"], o["body"], o["state"], o["draft"] = p.title, h.userJSON(p.author), orNull(p.body), p.state(), p.draft
		o["created_at"], o["updated_at"], o["closed_at"] = stamp(p.created), stamp(p.updated), stamp(p.closed)
		o["author_association"], o["labels"] = h.association(r, p.author), h.labelsJSON(r, p)
		o["pull_request"] = obj{"url": api + "/pulls/" + strconv.Itoa(t.number), "html_url": web, "diff_url": web + ".diff",
			"patch_url": web + ".patch", "merged_at": stamp(p.mergedAt)}
		return o
	}
	o["title"], o["user"], o["body"], o["state"] = t.title, h.userJSON(t.author), nil, "open"
	o["created_at"], o["updated_at"], o["closed_at"] = stamp(t.created), stamp(t.updated), nil
	o["author_association"] = h.association(r, t.author)
	return o
}

// commentEvent tells the Apps that may read the conversation.
func (h *Hub) commentEvent(r *Repo, c *comment, action string, sender *user, more obj) {
	may := func(permission string) bool { return levels[h.opts.Permissions[permission]] >= levels["read"] }
	if !may("issues") && (c.thread.pull == nil || !may("pull_requests")) {
		return
	}
	h.emit(r, "issue_comment", action, nil, sender, func() obj {
		b := obj{"issue": h.issueJSON(r, c.thread), "comment": h.commentJSON(r, c)}
		for k, v := range more {
			b[k] = v
		}
		return b
	})
}

func (h *Hub) labelJSON(r *Repo, l *label) obj {
	return obj{"id": l.id, "node_id": nodeID("LA", l.id), "url": h.repoAPI(r) + "/labels/" + url.PathEscape(l.name), "name": l.name,
		"description": nil, "color": "ededed", "default": false}
}

func (h *Hub) labelsJSON(r *Repo, p *pull) []obj {
	out := []obj{}
	for _, l := range p.labels {
		out = append(out, h.labelJSON(r, l))
	}
	return out
}
