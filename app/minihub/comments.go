package minihub

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// maxComment is how many characters a comment may have: the bound that
// GitHub's refusal names.
const maxComment = 65_536

// thread is the conversation below an issue or a pull request.
type thread struct {
	id               int64 // of the issue, which a pull request has beside its own id
	number           int
	pull             *pull // nil for an issue that is no pull request
	title            string
	author           *user
	created, updated time.Time
	comments         []*comment // by id
}

type comment struct {
	id               int64
	thread           *thread
	author           *user
	via              *App // nil for a person's
	body             string
	created, updated time.Time
	reactions        []*reaction // by id
}

type reaction struct {
	id      int64
	user    *user
	content string
	created time.Time
}

// OpenIssue opens an issue that is no pull request and returns its number,
// which is the next one of pull requests too. It makes no event.
func (r *Repo) OpenIssue(login, title string) (number int) {
	h := r.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	r.lastNumber++
	r.addThread(&thread{number: r.lastNumber, title: title, author: h.user(login), created: h.now(), updated: h.now()})
	h.touch()
	return r.lastNumber
}

// addThread gives a thread its id and keeps it. Hub.mu is held.
func (r *Repo) addThread(t *thread) *thread {
	t.id = r.hub.nextID("issue")
	if r.threads == nil {
		r.threads = map[int]*thread{}
	}
	r.threads[t.number] = t
	return t
}

// thread is that of an issue or a pull request, or nil. Hub.mu is held.
func (r *Repo) thread(number int) *thread {
	if t := r.threads[number]; t != nil {
		return t
	}
	if p := r.pulls[number]; p != nil {
		return r.addThread(&thread{number: number, pull: p})
	}
	return nil
}

// commentCount is how many comments a pull request has. Hub.mu is held.
func (r *Repo) commentCount(number int) int {
	if t := r.threads[number]; t != nil {
		return len(t.comments)
	}
	return 0
}

// comment finds a comment by id, or nil. Hub.mu is held.
func (r *Repo) comment(id int64) *comment {
	for _, t := range r.threads {
		for _, c := range t.comments {
			if c.id == id {
				return c
			}
		}
	}
	return nil
}

// badComment says what GitHub refuses of a comment's body; empty when it
// takes it.
func badComment(body string) string {
	switch {
	case strings.TrimSpace(body) == "":
		return "Body cannot be blank"
	case utf8.RuneCountInString(body) > maxComment:
		return fmt.Sprintf("Body is too long (maximum is %d characters)", maxComment)
	}
	return ""
}

// addComment writes a comment and tells of it. Hub.mu is held.
func (r *Repo) addComment(t *thread, author *user, via *App, body string) *comment {
	h, now := r.hub, r.hub.now()
	c := &comment{id: h.nextID("comment"), thread: t, author: author, via: via, body: body, created: now, updated: now}
	t.comments = append(t.comments, c)
	t.touched(c.created)
	h.commentEvent(r, c, "created", author, nil)
	h.touch()
	return c
}

func (t *thread) touched(now time.Time) {
	t.updated = now
	if t.pull != nil {
		t.pull.updated = now
	}
}

// editComment replaces the body of a comment; without an event when it is the
// same. Hub.mu is held.
func (r *Repo) editComment(c *comment, sender *user, body string) {
	if body == c.body {
		return
	}
	h, was := r.hub, c.body
	c.body, c.updated = body, h.now()
	c.thread.touched(c.updated)
	h.commentEvent(r, c, "edited", sender, obj{"changes": obj{"body": obj{"from": was}}})
	h.touch()
}

// deleteComment takes a comment away. Hub.mu is held.
func (r *Repo) deleteComment(c *comment, sender *user) {
	t := c.thread
	for i, other := range t.comments {
		if other == c {
			t.comments = append(t.comments[:i:i], t.comments[i+1:]...)
			break
		}
	}
	t.touched(r.hub.now())
	r.hub.commentEvent(r, c, "deleted", sender, nil)
	r.hub.touch()
}

// Comment writes a comment below a pull request or an issue, in the name of
// any login, and returns its id. The error says that there is no such number,
// that GitHub takes no such body or that the repository is archived or gone;
// or it is that of ctx. The event
// issue_comment.created goes to the Apps that are subscribed to issue_comment
// and may read issues or, below a pull request, pull requests.
func (r *Repo) Comment(ctx context.Context, number int, login, body string) (id int64, err error) {
	fail := func(err error) (int64, error) {
		return 0, fmt.Errorf("comment on %s#%d: %w", r.FullName(), number, err)
	}
	if err := errors.Join(ctx.Err(), r.writable()); err != nil {
		return fail(err)
	}
	if bad := badComment(body); bad != "" {
		return fail(errors.New(bad))
	}
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	t := r.thread(number)
	if t == nil {
		return fail(errors.New("there is no such issue or pull request"))
	}
	return r.addComment(t, r.hub.user(login), nil, strings.ToValidUTF8(body, "\uFFFD")).id, nil
}

// EditComment replaces the body of a comment and sends issue_comment.edited;
// nothing when the body is the same.
func (r *Repo) EditComment(ctx context.Context, id int64, login, body string) error {
	if bad := badComment(body); bad != "" {
		return fmt.Errorf("edit comment %d of %s: %s", id, r.FullName(), bad)
	}
	return r.changeComment(ctx, id, "edit", func(c *comment) {
		r.editComment(c, r.hub.user(login), strings.ToValidUTF8(body, "\uFFFD"))
	})
}

// DeleteComment deletes a comment and sends issue_comment.deleted.
func (r *Repo) DeleteComment(ctx context.Context, id int64, login string) error {
	return r.changeComment(ctx, id, "delete", func(c *comment) { r.deleteComment(c, r.hub.user(login)) })
}

func (r *Repo) changeComment(ctx context.Context, id int64, verb string, f func(*comment)) error {
	err := errors.Join(ctx.Err(), r.writable())
	if err == nil {
		r.hub.mu.Lock()
		defer r.hub.mu.Unlock()
		if c := r.comment(id); c != nil {
			f(c)
			return nil
		}
		err = errors.New("there is no such comment")
	}
	return fmt.Errorf("%s comment %d of %s: %w", verb, id, r.FullName(), err)
}
