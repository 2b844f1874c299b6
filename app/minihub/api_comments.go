package minihub

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

// The calls in this file take the permission issues or, below a pull request,
// pull_requests: the route lets both in, and reach holds the rest.

// eitherTalk is what the calls of conversations need.
const eitherTalk = "issues|pull_requests"

// reach refuses what needs issues to a token that has pull_requests alone. mu
// is held.
func (c *call) reach(t *thread, level string) error {
	if t.pull == nil && !c.tok.allows("issues", level) {
		return errForbidden
	}
	return nil
}

func (c *call) thread(number, level string) (*thread, error) {
	n, _ := strconv.Atoi(number)
	t := c.repo.thread(n)
	if t == nil {
		return nil, errNotFound
	}
	return t, c.reach(t, level)
}

func (c *call) comment(id, level string) (*comment, error) {
	n, _ := strconv.ParseInt(id, 10, 64)
	k := c.repo.comment(n)
	if k == nil {
		return nil, errNotFound
	}
	return k, c.reach(k.thread, level)
}

// getIssuePart serves issues/NUMBER/comments and issues/comments/ID: a
// ServeMux takes no two patterns of which neither is the narrower.
func (h *Hub) getIssuePart(c *call) (answer, error) {
	first, second := c.PathValue("first"), c.PathValue("second")
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case first == "comments":
		k, err := c.comment(second, "read")
		if err != nil {
			return answer{}, err
		}
		return answer{http.StatusOK, h.commentJSON(c.repo, k)}, nil
	case second == "comments":
		return h.listComments(c, first)
	}
	return answer{}, errNotFound
}

// listComments lists oldest first. mu is held.
func (h *Hub) listComments(c *call, number string) (answer, error) {
	t, err := c.thread(number, "read")
	if err != nil {
		return answer{}, err
	}
	var since time.Time
	if q := c.URL.Query(); q.Has("since") {
		f := newFields(obj{"since": q.Get("since")})
		since = f.time("since")
		if err := f.err(); err != nil {
			return answer{}, err
		}
	}
	all := []obj{}
	for _, k := range t.comments {
		if !k.updated.Truncate(time.Second).Before(since) {
			all = append(all, h.commentJSON(c.repo, k))
		}
	}
	return answer{http.StatusOK, page(c.w, c.Request, h.url, all)}, nil
}

// readComment reads the body of a POST or PATCH of a comment.
func (c *call) readComment() (string, error) {
	m, err := c.readObject()
	if err != nil {
		return "", err
	}
	f := newFields(m)
	f.require("body")
	body := f.str("body", 0)
	if err := f.err(); err != nil {
		return "", err
	}
	if bad := badComment(body); bad != "" {
		return "", &apiError{status: http.StatusUnprocessableEntity, message: "Validation Failed",
			errors: []obj{{"resource": "IssueComment", "code": "unprocessable", "field": "data", "message": bad}}}
	}
	return body, nil
}

func (h *Hub) postComment(c *call) (answer, error) {
	body, err := c.readComment()
	if err != nil {
		return answer{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	t, err := c.thread(c.PathValue("number"), "write")
	if err != nil {
		return answer{}, err
	}
	k := c.repo.addComment(t, c.app.bot, c.app, body)
	c.w.Header().Set("Location", h.commentURL(c.repo, k))
	return answer{http.StatusCreated, h.commentJSON(c.repo, k)}, nil
}

func (h *Hub) patchComment(c *call) (answer, error) {
	body, err := c.readComment()
	if err != nil {
		return answer{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	k, err := c.comment(c.PathValue("id"), "write")
	if err != nil {
		return answer{}, err
	}
	c.repo.editComment(k, c.app.bot, body)
	return answer{http.StatusOK, h.commentJSON(c.repo, k)}, nil
}

func (h *Hub) deleteComment(c *call) (answer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	k, err := c.comment(c.PathValue("id"), "write")
	if err != nil {
		return answer{}, err
	}
	c.repo.deleteComment(k, c.app.bot)
	return answer{http.StatusNoContent, nil}, nil
}

func (h *Hub) listReactions(c *call) (answer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	k, err := c.comment(c.PathValue("id"), "read")
	if err != nil {
		return answer{}, err
	}
	q, all := c.URL.Query(), []obj{}
	if f := newFields(obj{"content": q.Get("content")}); q.Has("content") {
		f.oneOf("content", reactionContents...)
		if err := f.err(); err != nil {
			return answer{}, err
		}
	}
	for _, r := range k.reactions {
		if !q.Has("content") || r.content == q.Get("content") {
			all = append(all, h.reactionJSON(r))
		}
	}
	return answer{http.StatusOK, page(c.w, c.Request, h.url, all)}, nil
}

// postReaction answers 200 when the App reacted so before. A reaction makes
// no event.
func (h *Hub) postReaction(c *call) (answer, error) {
	m, err := c.readObject()
	if err != nil {
		return answer{}, err
	}
	f := newFields(m)
	f.require("content")
	content := f.oneOf("content", reactionContents...)
	if err := f.err(); err != nil {
		return answer{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	k, err := c.comment(c.PathValue("id"), "write")
	if err != nil {
		return answer{}, err
	}
	i := slices.IndexFunc(k.reactions, func(r *reaction) bool { return r.user == c.app.bot && r.content == content })
	if i >= 0 {
		return answer{http.StatusOK, h.reactionJSON(k.reactions[i])}, nil
	}
	r := &reaction{id: h.nextID("reaction"), user: c.app.bot, content: content, created: h.now()}
	k.reactions = append(k.reactions, r)
	h.touch()
	return answer{http.StatusCreated, h.reactionJSON(r)}, nil
}
