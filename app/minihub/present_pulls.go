package minihub

import "strconv"

// The functions in this file render pull requests. Hub.mu is held.

func (h *Hub) sideJSON(r *Repo, ref, sha string) obj {
	o := obj{"label": r.owner.login + ":" + ref, "ref": ref, "sha": sha, "user": h.userJSON(r.owner), "repo": nil}
	if !r.gone {
		o["repo"] = h.repoJSON(r)
	}
	return o
}

// association is what a login is to the repository. A contributor wrote
// something that was merged; that gives no permission.
func (h *Hub) association(r *Repo, u *user) string {
	switch {
	case u == r.owner:
		return "OWNER"
	case levels[r.access[u.id]] > 0:
		return "COLLABORATOR"
	}
	for _, p := range r.pulls {
		if p.merged && p.author == u {
			return "CONTRIBUTOR"
		}
	}
	return "NONE"
}

// pullJSON is a pull request as lists show it.
func (h *Hub) pullJSON(r *Repo, p *pull) obj {
	n := strconv.Itoa(p.number)
	api, web := h.repoAPI(r), h.url+"/"+r.FullName()+"/pull/"+n
	self, issue, comments := api+"/pulls/"+n, api+"/issues/"+n, api+"/pulls/comments{/number}"
	statuses := api + "/statuses/" + p.headSHA
	href := func(s string) obj { return obj{"href": s} }
	var mergeSHA any
	if p.merged {
		mergeSHA = p.facts.mergeSHA
	}
	return obj{
		"url": self, "id": p.id, "node_id": nodeID("PR", p.id), "html_url": web, "diff_url": web + ".diff", "patch_url": web + ".patch",
		"issue_url": issue, "commits_url": self + "/commits", "review_comments_url": self + "/comments", "review_comment_url": comments,
		"comments_url": issue + "/comments", "statuses_url": statuses, "number": p.number, "state": p.state(), "locked": false,
		"title": p.title, "user": h.userJSON(p.author), "body": orNull(p.body), "labels": h.labelsJSON(r, p), "milestone": nil, "active_lock_reason": nil,
		"created_at": stamp(p.created), "updated_at": stamp(p.updated), "closed_at": stamp(p.closed), "merged_at": stamp(p.mergedAt),
		"merge_commit_sha": mergeSHA, "assignee": nil, "assignees": []obj{}, "requested_reviewers": []obj{}, "requested_teams": []obj{},
		"head": h.sideJSON(p.headRepo, p.headRef, p.headSHA), "base": h.sideJSON(r, p.baseRef, p.baseSHA),
		"_links": obj{"self": href(self), "html": href(web), "issue": href(issue), "comments": href(issue + "/comments"),
			"review_comments": href(self + "/comments"), "review_comment": href(comments), "commits": href(self + "/commits"), "statuses": href(statuses)},
		"author_association": h.association(r, p.author), "auto_merge": nil, "draft": p.draft,
	}
}

// fullPullJSON is a pull request as payloads show it: GitHub is still
// computing whether it merges.
func (h *Hub) fullPullJSON(r *Repo, p *pull) obj {
	o := h.pullJSON(r, p)
	for k, v := range (obj{
		"merged": p.merged, "mergeable": nil, "rebaseable": nil, "mergeable_state": "unknown", "merged_by": h.orNullUser(p.mergedBy),
		"comments": r.commentCount(p.number), "review_comments": 0, "maintainer_can_modify": false, "commits": p.facts.commits,
		"additions": p.facts.additions, "deletions": p.facts.deletions, "changed_files": p.facts.files,
	}) {
		o[k] = v
	}
	return o
}

// pullsOf are the open pull requests of a repository whose head is a commit
// on one of its own branches, as check events name them.
func (h *Hub) pullsOf(r *Repo, sha string) []obj {
	out := []obj{}
	side := func(s *Repo, ref, sha string) obj {
		return obj{"ref": ref, "sha": sha, "repo": obj{"id": s.id, "url": h.repoAPI(s), "name": s.name}}
	}
	for n := r.lastNumber; n > 0; n-- {
		if p := r.pulls[n]; p != nil && p.open && p.headRepo == r && p.headSHA == sha {
			out = append(out, obj{"id": p.id, "number": p.number, "url": h.repoAPI(r) + "/pulls/" + strconv.Itoa(p.number),
				"head": side(r, p.headRef, p.headSHA), "base": side(r, p.baseRef, p.baseSHA)})
		}
	}
	return out
}
