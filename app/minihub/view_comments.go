package minihub

import "time"

// Comment is the state of a comment at one moment.
type Comment struct {
	ID               int64
	Number           int // of the pull request or issue
	Author           string
	Body             string
	Created, Updated time.Time
	// Reactions are the logins that reacted, by content ("+1", "eyes"), in
	// the order in which they did; nil when nobody did.
	Reactions map[string][]string
}

func (c *comment) snapshot() Comment {
	s := Comment{ID: c.id, Number: c.thread.number, Author: c.author.login, Body: c.body, Created: c.created, Updated: c.updated}
	for _, r := range c.reactions {
		if s.Reactions == nil {
			s.Reactions = map[string][]string{}
		}
		s.Reactions[r.content] = append(s.Reactions[r.content], r.user.login)
	}
	return s
}

// Comments are those below a pull request or an issue, oldest first; nil when
// there are none. repo is OWNER/NAME.
func (v *View) Comments(repo string, number int) []Comment {
	r := v.h.repo(repo)
	if r == nil || r.threads[number] == nil {
		return nil
	}
	var out []Comment
	for _, c := range r.threads[number].comments {
		out = append(out, c.snapshot())
	}
	return out
}

// Comments are those below a pull request or an issue, oldest first. repo is
// OWNER/NAME.
func (h *Hub) Comments(repo string, number int) (cs []Comment) {
	h.Read(func(v *View) { cs = v.Comments(repo, number) })
	return cs
}
