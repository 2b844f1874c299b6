package minihub

import (
	"errors"
	"slices"
)

// label is one of a repository's labels.
type label struct {
	id   int64
	name string
}

// SetDraft makes an open pull request a draft, or ready for review, and sends
// converted_to_draft or ready_for_review. It fails when that is so already.
func (r *Repo) SetDraft(number int, login string, draft bool) error {
	return r.change(number, "set draft of", func(p *pull) error {
		h := r.hub
		h.mu.Lock()
		defer h.mu.Unlock()
		switch {
		case !p.open:
			return errors.New("it is closed")
		case p.draft == draft:
			return errors.New("nothing changes")
		}
		p.draft, p.updated = draft, h.now()
		action := "ready_for_review"
		if draft {
			action = "converted_to_draft"
		}
		r.pullEvent(p, action, h.user(login), nil)
		h.touch()
		return nil
	})
}

// Label puts a label on a pull request, open or closed, and sends labeled. A
// label that the repository does not have is made. It fails when the pull
// request bears it; names are compared without case.
func (r *Repo) Label(number int, login, name string) error {
	return r.change(number, "label", func(p *pull) error {
		h := r.hub
		h.mu.Lock()
		defer h.mu.Unlock()
		if name == "" {
			return errors.New("the label has no name")
		}
		l := r.labels[lower(name)]
		if l == nil {
			if r.labels == nil {
				r.labels = map[string]*label{}
			}
			l = &label{id: h.nextID("label"), name: name}
			r.labels[lower(name)] = l
		}
		if slices.Contains(p.labels, l) {
			return errors.New("it bears " + l.name + " already")
		}
		p.labels, p.updated = append(p.labels, l), h.now()
		r.pullEvent(p, "labeled", h.user(login), obj{"label": h.labelJSON(r, l)})
		h.touch()
		return nil
	})
}

// Unlabel takes a label off a pull request and sends unlabeled. It fails when
// the pull request does not bear it.
func (r *Repo) Unlabel(number int, login, name string) error {
	return r.change(number, "unlabel", func(p *pull) error {
		h := r.hub
		h.mu.Lock()
		defer h.mu.Unlock()
		l := r.labels[lower(name)]
		i := slices.Index(p.labels, l)
		if i < 0 {
			return errors.New("it does not bear " + name)
		}
		p.labels, p.updated = slices.Delete(slices.Clone(p.labels), i, i+1), h.now()
		r.pullEvent(p, "unlabeled", h.user(login), obj{"label": h.labelJSON(r, l)})
		h.touch()
		return nil
	})
}

// labelNames are the names of a pull request's labels, in the order in which
// they came.
func (p *pull) labelNames() []string {
	var out []string
	for _, l := range p.labels {
		out = append(out, l.name)
	}
	return out
}
