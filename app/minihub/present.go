package minihub

import (
	"maps"
	"slices"
	"strconv"
)

// The functions in this file render state as the API and the payloads show
// it. Hub.mu is held.

func (h *Hub) userJSON(u *user) obj {
	if u == nil {
		return nil
	}
	api, web := h.url+apiPrefix+"/users/"+u.login, h.url+"/"+u.login
	return obj{
		"login": u.login, "id": u.id, "node_id": nodeID("U", u.id), "avatar_url": h.url + "/-/avatar/" + u.login, "gravatar_id": "",
		"url": api, "html_url": web, "followers_url": api + "/followers", "following_url": api + "/following{/other_user}",
		"gists_url": api + "/gists{/gist_id}", "starred_url": api + "/starred{/owner}{/repo}", "subscriptions_url": api + "/subscriptions",
		"organizations_url": api + "/orgs", "repos_url": api + "/repos", "events_url": api + "/events{/privacy}",
		"received_events_url": api + "/received_events", "type": u.kind, "site_admin": false,
	}
}

// orNullUser is the user, or null.
func (h *Hub) orNullUser(u *user) any {
	if u == nil {
		return nil
	}
	return h.userJSON(u)
}

// repoURLs are the addresses that a repository carries, below its own.
var repoURLs = map[string]string{
	"archive_url": "/{archive_format}{/ref}", "assignees_url": "/assignees{/user}", "blobs_url": "/git/blobs{/sha}",
	"branches_url": "/branches{/branch}", "collaborators_url": "/collaborators{/collaborator}", "comments_url": "/comments{/number}",
	"commits_url": "/commits{/sha}", "compare_url": "/compare/{base}...{head}", "contents_url": "/contents/{+path}",
	"contributors_url": "/contributors", "deployments_url": "/deployments", "downloads_url": "/downloads", "events_url": "/events",
	"forks_url": "/forks", "git_commits_url": "/git/commits{/sha}", "git_refs_url": "/git/refs{/sha}", "git_tags_url": "/git/tags{/sha}",
	"issue_comment_url": "/issues/comments{/number}", "issue_events_url": "/issues/events{/number}", "issues_url": "/issues{/number}",
	"keys_url": "/keys{/key_id}", "labels_url": "/labels{/name}", "languages_url": "/languages", "merges_url": "/merges",
	"milestones_url": "/milestones{/number}", "notifications_url": "/notifications{?since,all,participating}", "pulls_url": "/pulls{/number}",
	"releases_url": "/releases{/id}", "stargazers_url": "/stargazers", "statuses_url": "/statuses/{sha}", "subscribers_url": "/subscribers",
	"subscription_url": "/subscription", "tags_url": "/tags", "teams_url": "/teams", "trees_url": "/git/trees{/sha}", "hooks_url": "/hooks",
}

func (h *Hub) repoAPI(r *Repo) string { return h.url + apiPrefix + "/repos/" + r.FullName() }

func (h *Hub) repoJSON(r *Repo) obj {
	api, web := h.repoAPI(r), h.url+"/"+r.FullName()
	open, forks := 0, 0
	for _, t := range r.threads {
		if t.pull == nil {
			open++
		}
	}
	for _, p := range r.pulls {
		if p.open {
			open++
		}
	}
	for _, other := range h.repos {
		if other.parent == r {
			forks++
		}
	}
	visibility := "private"
	if r.public {
		visibility = "public"
	}
	o := obj{
		"id": r.id, "node_id": nodeID("R", r.id), "name": r.name, "full_name": r.FullName(), "owner": h.userJSON(r.owner),
		"private": !r.public, "visibility": visibility, "html_url": web, "description": nil, "fork": r.parent != nil, "url": api,
		"git_url": "git://" + r.FullName() + ".git", "ssh_url": "git@minihub:" + r.FullName() + ".git", "clone_url": web + ".git",
		"svn_url": web, "mirror_url": nil, "homepage": nil, "language": nil, "forks_count": forks, "forks": forks,
		"stargazers_count": 0, "watchers_count": 0, "watchers": 0, "size": 1, "default_branch": r.defaultBranch,
		"open_issues_count": open, "open_issues": open, "is_template": false, "topics": []string{}, "has_issues": true,
		"has_projects": false, "has_wiki": false, "has_pages": false, "has_downloads": false, "has_discussions": false,
		"archived": r.archived, "disabled": false, "pushed_at": stamp(r.pushed), "created_at": stamp(r.created), "updated_at": stamp(r.pushed),
		"license": nil, "allow_forking": true, "web_commit_signoff_required": false,
	}
	for k, suffix := range repoURLs {
		o[k] = api + suffix
	}
	return o
}

func (h *Hub) appJSON(a *App) obj {
	return obj{
		"id": a.id, "slug": a.slug, "node_id": nodeID("A", a.id), "client_id": "Iv23" + strconv.FormatInt(a.id, 36), "owner": h.userJSON(a.owner),
		"name": a.slug, "description": "", "external_url": h.url + "/apps/" + a.slug, "html_url": h.url + "/apps/" + a.slug,
		"created_at": stamp(a.created), "updated_at": stamp(a.created), "permissions": maps.Clone(h.opts.Permissions), "events": h.events(),
	}
}

// events are what Apps are subscribed to, with what comes by itself.
func (h *Hub) events() []string {
	e := slices.Clone(h.opts.Events)
	if levels[h.opts.Permissions["checks"]] >= levels["write"] {
		e = append(e, "check_run", "check_suite")
	}
	slices.Sort(e)
	return slices.Compact(e)
}

func (i *installation) selection() string {
	if i.selected == nil {
		return "all"
	}
	return "selected"
}

func (h *Hub) installationJSON(in *installation) obj {
	id := strconv.FormatInt(in.id, 10)
	by := any(nil)
	if !in.suspended.IsZero() {
		by = h.userJSON(in.account)
	}
	return obj{
		"id": in.id, "account": h.userJSON(in.account), "repository_selection": in.selection(), "app_id": in.app.id, "app_slug": in.app.slug,
		"access_tokens_url": h.url + apiPrefix + "/app/installations/" + id + "/access_tokens",
		"repositories_url":  h.url + apiPrefix + "/installation/repositories", "html_url": h.url + "/settings/installations/" + id,
		"target_id": in.account.id, "target_type": in.account.kind, "permissions": maps.Clone(h.opts.Permissions), "events": h.events(),
		"created_at": stamp(in.created), "updated_at": stamp(in.created), "single_file_name": nil, "has_multiple_single_files": false,
		"single_file_paths": []string{}, "suspended_by": by, "suspended_at": stamp(in.suspended),
	}
}

func (h *Hub) commitJSON(r *Repo, c *commit) obj {
	api, web := h.repoAPI(r), h.url+"/"+r.FullName()
	parents := []obj{}
	for _, p := range c.parents {
		parents = append(parents, obj{"sha": p, "url": api + "/commits/" + p, "html_url": web + "/commit/" + p})
	}
	return obj{
		"sha": c.sha, "node_id": "C_" + c.sha, "url": api + "/commits/" + c.sha, "html_url": web + "/commit/" + c.sha,
		"comments_url": api + "/commits/" + c.sha + "/comments", "author": nil, "committer": nil, "parents": parents,
		"commit": obj{
			"url": api + "/git/commits/" + c.sha, "message": c.message, "comment_count": 0,
			"author":       obj{"name": c.authorName, "email": c.authorEmail, "date": stamp(c.authored)},
			"committer":    obj{"name": c.committerName, "email": c.committerEmail, "date": stamp(c.committed)},
			"tree":         obj{"sha": c.tree, "url": api + "/git/trees/" + c.tree},
			"verification": obj{"verified": false, "reason": "unsigned", "payload": nil, "signature": nil, "verified_at": nil},
		},
	}
}
