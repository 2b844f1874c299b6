package minihub

import (
	"slices"
	"strings"
)

// own are the events that come without a subscription.
var ownEvents = []string{"ping", "installation", "check_run", "check_suite"}

// emit queues an event about a repository for every App that is installed on
// it, is subscribed and may see it. only restricts it to one App. mu is held.
func (h *Hub) emit(r *Repo, event, action string, only *App, sender *user, body func() obj) {
	if !slices.Contains(ownEvents, event) && !slices.Contains(h.opts.Events, event) {
		return
	}
	if strings.HasPrefix(event, "check_") && levels[h.opts.Permissions["checks"]] < levels["write"] {
		return
	}
	if event == "merge_group" && levels[h.opts.Permissions["merge_queues"]] < levels["read"] {
		return
	}
	for _, a := range h.appsByID() {
		in := a.installationOf(r)
		if in == nil || !in.suspended.IsZero() || a.hook.url == "" || (only != nil && a != only) {
			continue
		}
		b := body()
		if action != "" {
			b["action"] = action
		}
		if b["repository"] == nil {
			b["repository"] = h.repoJSON(r)
		}
		b["sender"] = h.userJSON(sender)
		b["installation"] = obj{"id": in.id, "node_id": nodeID("IN", in.id)}
		a.enqueue(event, action, in, r, b)
	}
}

func (r *Repo) pullEvent(p *pull, action string, sender *user, more obj) {
	h := r.hub
	h.emit(r, "pull_request", action, nil, sender, func() obj {
		o := h.fullPullJSON(r, p)
		b := obj{"number": p.number, "pull_request": o}
		for k, v := range more {
			b[k] = v
		}
		return b
	})
}

// runEvent tells of a check run: what a person asks for goes to the App that
// owns it, the rest to every App.
func (h *Hub) runEvent(r *Repo, run *checkRun, action string, sender *user) {
	h.runEventWith(r, run, action, sender, nil)
}

func (h *Hub) runEventWith(r *Repo, run *checkRun, action string, sender *user, more obj) {
	var only *App
	if action == "rerequested" || action == "requested_action" {
		only = run.app
	}
	h.emit(r, "check_run", action, only, sender, func() obj {
		b := obj{"check_run": h.payloadRunJSON(r, run)}
		for k, v := range more {
			b[k] = v
		}
		return b
	})
}

func (h *Hub) suiteEvent(r *Repo, s *suite, action string, sender *user) {
	var only *App
	if action != "completed" {
		only = s.app
	}
	h.emit(r, "check_suite", action, only, sender, func() obj { return obj{"check_suite": h.payloadSuiteJSON(r, s)} })
}

// pushEvents tells of one moved ref: create or delete, and push. mu is held.
func (r *Repo) pushEvents(u refUpdate, sender *user) {
	h := r.hub
	kind, name := "branch", strings.TrimPrefix(u.ref, "refs/heads/")
	if tag, ok := strings.CutPrefix(u.ref, "refs/tags/"); ok {
		kind, name = "tag", tag
	}
	refBody := func() obj { return obj{"ref": name, "ref_type": kind, "pusher_type": "user"} }
	switch {
	case u.before == "":
		h.emit(r, "create", "", nil, sender, func() obj {
			b := refBody()
			b["master_branch"], b["description"] = r.defaultBranch, nil
			return b
		})
	case u.after == "":
		h.emit(r, "delete", "", nil, sender, refBody)
	}
	h.emit(r, "push", "", nil, sender, func() obj { return h.pushJSON(r, u, sender) })
}

func (h *Hub) pushJSON(r *Repo, u refUpdate, sender *user) obj {
	web := h.url + "/" + r.FullName()
	commits, orZero := []obj{}, func(s string) string {
		if s == "" {
			return zeroSHA
		}
		return s
	}
	show := func(c pushedCommit) obj {
		return obj{
			"id": c.sha, "tree_id": c.tree, "distinct": true, "message": c.message, "timestamp": stamp(c.committed), "url": web + "/commit/" + c.sha,
			"author":    obj{"name": c.authorName, "email": c.authorEmail, "username": c.authorName},
			"committer": obj{"name": c.committerName, "email": c.committerEmail, "username": c.committerName},
			"added":     list(c.added), "removed": list(c.removed), "modified": list(c.modified),
		}
	}
	for _, c := range u.commits {
		commits = append(commits, show(c))
	}
	var head any
	if u.after != "" {
		head = show(pushedCommit{commit: r.known(u.commit)})
		if n := len(u.commits); n > 0 {
			head = commits[n-1]
		}
	}
	repo := h.repoJSON(r)
	repo["created_at"], repo["pushed_at"] = r.created.Unix(), r.pushed.Unix()
	repo["master_branch"], repo["stargazers"] = r.defaultBranch, 0
	owner := h.userJSON(r.owner)
	owner["name"], owner["email"] = r.owner.login, nil
	repo["owner"] = owner
	compare := web + "/compare/" + short(orZero(u.before)) + "..." + short(orZero(u.after))
	return obj{
		"ref": u.ref, "before": orZero(u.before), "after": orZero(u.after), "created": u.before == "", "deleted": u.after == "",
		"forced": u.forced, "base_ref": nil, "compare": compare, "commits": commits, "head_commit": head, "repository": repo,
		"pusher": obj{"name": sender.login, "email": sender.login + "@users.noreply.minihub.invalid"},
	}
}

func short(sha string) string { return sha[:min(len(sha), 12)] }
