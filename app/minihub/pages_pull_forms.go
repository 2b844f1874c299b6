package minihub

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
)

// routePullForms serves what can be done with a pull request.
func (h *Hub) routePullForms(mux *http.ServeMux, under string) {
	for name, one := range map[string]struct {
		need need
		do   func(*form) error
	}{
		"rerun":          {writer, (*form).rerunAll},
		"merge":          {writer, (*form).merge},
		"enqueue":        {writer, (*form).enqueue},
		"dequeue":        {writer, func(f *form) error { return f.repo.Dequeue(f.Context(), f.pull.number, f.viewer) }},
		"finish":         {writer, (*form).finishQueue},
		"close":          {author, (*form).closePull},
		"reopen":         {author, (*form).reopenPull},
		"draft":          {author, func(f *form) error { return f.repo.SetDraft(f.pull.number, f.viewer, true) }},
		"ready":          {author, func(f *form) error { return f.repo.SetDraft(f.pull.number, f.viewer, false) }},
		"edit":           {author, (*form).editPull},
		"label":          {writer, func(f *form) error { return f.repo.Label(f.pull.number, f.viewer, f.line("name")) }},
		"unlabel":        {writer, func(f *form) error { return f.repo.Unlabel(f.pull.number, f.viewer, f.PostFormValue("name")) }},
		"comment":        {anybody, (*form).comment},
		"comment/edit":   {anybody, (*form).editComment},
		"comment/delete": {anybody, (*form).deleteComment},
		"push":           {anybody, (*form).pushToPull},
	} {
		mux.HandleFunc("POST "+under+name, func(w http.ResponseWriter, r *http.Request) {
			if repo, p := h.pagePull(w, r); p != nil {
				h.submit(w, r, repo, p, one.need, one.do)
			}
		})
	}
}

func (f *form) rerunAll() error {
	f.h.mu.Lock()
	sha := f.pull.headSHA
	f.h.mu.Unlock()
	return f.repo.RerequestSuites(sha, f.viewer)
}

func (f *form) merge() error {
	_, err := f.repo.MergePull(f.Context(), f.pull.number, f.viewer)
	return err
}

// enqueue takes what GitHub's queue takes: what passes its required checks.
func (f *form) enqueue() error {
	if why := f.repo.MergeBlockers(f.pull.number); len(why) > 0 {
		return errors.New(strings.Join(why, "; "))
	}
	_, err := f.repo.Enqueue(f.Context(), f.pull.number, f.viewer)
	return err
}

// finishQueue merges the group as GitHub's queue does when the group's checks
// have passed, and in its name.
func (f *form) finishQueue() error {
	f.h.mu.Lock()
	row := f.h.queueRow(f.repo, f.pull, frame{})
	f.h.mu.Unlock()
	if row != nil && len(row.Blockers) > 0 {
		return errors.New(strings.Join(row.Blockers, "; "))
	}
	return f.repo.FinishQueue(f.Context(), f.pull.number, "")
}

func (f *form) closePull() error {
	if err := f.commentBeside(); err != nil {
		return err
	}
	return f.repo.ClosePull(f.Context(), f.pull.number, f.viewer)
}

func (f *form) reopenPull() error {
	if err := f.commentBeside(); err != nil {
		return err
	}
	return f.repo.ReopenPull(f.Context(), f.pull.number, f.viewer)
}

// commentBeside writes the comment that came with another button.
func (f *form) commentBeside() error {
	if f.text("body") == "" {
		return nil
	}
	return f.comment()
}

func (f *form) comment() error {
	_, err := f.repo.Comment(f.Context(), f.pull.number, f.viewer, f.body())
	return err
}

// body is a comment's text.
func (f *form) body() string {
	return strings.ReplaceAll(f.PostFormValue("body"), "\r\n", "\n")
}

// ownComment is the id of a comment below the pull request that the viewer
// may change: their own, or any with write access.
func (f *form) ownComment() (int64, error) {
	id, _ := strconv.ParseInt(f.PostFormValue("id"), 10, 64)
	f.h.mu.Lock()
	defer f.h.mu.Unlock()
	c := f.repo.comment(id)
	switch {
	case c == nil || c.thread.number != f.pull.number:
		return 0, errors.New("there is no such comment")
	case c.author != f.h.users[lower(f.viewer)] && !f.repo.rightsOf(f.viewer).Write:
		return 0, f.forbid("%s did not write the comment and has no write access.", f.viewer)
	}
	return id, nil
}

func (f *form) editComment() error {
	id, err := f.ownComment()
	if err != nil {
		return err
	}
	return f.repo.EditComment(f.Context(), id, f.viewer, f.body())
}

func (f *form) deleteComment() error {
	id, err := f.ownComment()
	if err != nil {
		return err
	}
	return f.repo.DeleteComment(f.Context(), id, f.viewer)
}

func (f *form) editPull() error {
	title, base := f.line("title"), ""
	if f.PostFormValue("base") != "" {
		var err error
		if base, err = f.branch(f.repo, "base"); err != nil {
			return err
		}
	}
	if title == "" && base == "" {
		return errors.New("title can't be blank")
	}
	return f.repo.EditPull(f.Context(), f.pull.number, f.viewer, title, base)
}

// pushToPull pushes a commit onto the head branch, which may be a fork's.
func (f *form) pushToPull() error {
	f.h.mu.Lock()
	head, branch := f.pull.headRepo, f.pull.headRef
	may := head.rightsOf(f.viewer).Write
	f.h.mu.Unlock()
	if !may {
		return f.forbid("%s has no write access to %s.", f.viewer, head.FullName())
	}
	if _, err := head.branchTip(f.Context(), branch); err != nil {
		return errors.New("the head branch was deleted")
	}
	c, err := f.commit()
	if err != nil {
		return err
	}
	c.Branch = branch
	_, err = head.Commit(f.Context(), c)
	return err
}

// commit is the commit of a form, without its branch.
func (f *form) commit() (Commit, error) {
	path := f.text("path")
	if path == "" {
		return Commit{}, errors.New("the commit changes no file: name a path")
	}
	c := Commit{Message: f.text("message"), Author: f.viewer, Files: map[string]string{path: f.content("content")}}
	if f.PostFormValue("delete") != "" {
		c.Files, c.Delete = nil, []string{path}
	}
	if c.Message == "" {
		verb := "Update "
		if c.Delete != nil {
			verb = "Delete "
		}
		c.Message = verb + path
	}
	return c, nil
}
