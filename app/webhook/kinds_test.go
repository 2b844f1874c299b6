package webhook

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/checks"
)

// afterSHA is a commit that is neither headSHA nor baseSHA.
const afterSHA = "366701fde727cb7a9e7f21eb88264f59f6f9b89c"

// about is a payload of the repository acme-inc/shop.api with the fields
// given, and edits made to it as old, new pairs.
func about(fields string, edits ...string) []byte {
	return edit(`{"installation": {"id": 99}, "sender": {"id": 3, "login": "ann", "type": "User"},
		"repository": {"id": 11, "name": "shop.api", "owner": {"login": "acme-inc"}, "default_branch": "main"}, `+fields+`}`, edits...)
}

func push(ref string, edits ...string) []byte {
	return about(fmt.Sprintf(`"ref": %q, "before": %q, "after": %q, "deleted": false, "head_commit": {"id": %q}`, ref, baseSHA, afterSHA, headSHA), edits...)
}

func mergeGroup(action string, edits ...string) []byte {
	return about(fmt.Sprintf(`"action": %q, "reason": "invalidated", "merge_group": {"head_sha": %q, "head_ref": "refs/heads/queue/main/pr-1",
		"base_sha": %q, "base_ref": "refs/heads/main"}`, action, headSHA, baseSHA), edits...)
}

func pressed(edits ...string) []byte {
	return checkEvent("check_run", "requested_action", append([]string{`"action"`, `"requested_action": {"identifier": "rerun_failed"}, "action"`}, edits...)...)
}

func comment(body string, edits ...string) []byte {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return about(`"action": "created", "issue": {"number": 7, "state": "closed", "pull_request": {}}, "comment": {"id": 8, "body": `+string(text)+`}`, edits...)
}

func removed(list string) []byte {
	return []byte(`{"action": "removed", "installation": {"id": 99}, "sender": {"id": 3, "login": "ann"}, "repositories_removed": ` + list + `}`)
}

// TestKinds has each kind of event that newer payloads lead to, whole.
func TestKinds(t *testing.T) {
	repo := checks.Repo{ID: 11, Owner: "acme-inc", Name: "shop.api"}
	// The delivery that ev differs from is filled in.
	event := func(name string, ev checks.Event) checks.Event {
		ev.Name, ev.Delivery, ev.Received, ev.Installation = name, guid, received, 99
		ev.Sender = checks.User{ID: 3, Login: "ann"}
		if ev.Kind != checks.EventReposGone {
			ev.Repo = repo
		}
		return ev
	}
	pushed := func(ref, before, after, branch string) checks.Event {
		return event("push", checks.Event{Kind: checks.EventPush, HeadSHA: after,
			Push: &checks.Push{Ref: ref, Before: before, After: after, DefaultBranch: branch}})
	}
	refGone := func(ref string) checks.Event {
		return event("push", checks.Event{Kind: checks.EventRefGone, Push: &checks.Push{Ref: ref, DefaultBranch: "main"}})
	}
	group := func(kind checks.EventKind, name, head, base, reason string) checks.Event {
		return event(name, checks.Event{Kind: kind, HeadSHA: head, MergeGroup: &checks.MergeGroup{
			HeadRef: "refs/heads/queue/main/pr-1", BaseRef: "refs/heads/main", BaseSHA: base, Reason: reason}})
	}
	asked := func(reason string) checks.Event {
		return group(checks.EventMergeGroup, "merge_group.checks_requested", headSHA, baseSHA, reason)
	}
	destroyed := func(head, base, reason string) checks.Event {
		return group(checks.EventMergeGroupGone, "merge_group.destroyed", head, base, reason)
	}
	moved := func(name string) checks.Event { return event(name, checks.Event{Kind: checks.EventRepoMoved}) }
	gone := func(name string, repos ...checks.Repo) checks.Event {
		return event(name, checks.Event{Kind: checks.EventReposGone, Repos: repos})
	}
	two := []checks.Repo{{ID: 1, Owner: "a", Name: "b"}, {ID: 2, Owner: "a", Name: "c.d"}}

	for name, tt := range map[string]struct {
		event string
		body  []byte
		want  checks.Event
	}{
		"branch moved":        {"push", push("refs/heads/a/b"), pushed("refs/heads/a/b", baseSHA, afterSHA, "main")},
		"branch made":         {"push", push("refs/heads/a", baseSHA, noSHA), pushed("refs/heads/a", "", afterSHA, "main")},
		"branch gone":         {"push", push("refs/heads/a", "false", "true", afterSHA, noSHA, `{"id": "`+headSHA+`"}`, "null"), refGone("refs/heads/a")},
		"gone without word":   {"push", push("refs/heads/a", afterSHA, noSHA), refGone("refs/heads/a")},
		"gone without zeros":  {"push", push("refs/heads/a", "false", "true", afterSHA, ""), refGone("refs/heads/a")},
		"SHA-256":             {"push", push("refs/heads/a", afterSHA, afterSHA+afterSHA[:24], baseSHA, noSHA+noSHA[:24]), pushed("refs/heads/a", "", afterSHA+afterSHA[:24], "main")},
		"annotated tag":       {"push", push("refs/tags/v1"), pushed("refs/tags/v1", baseSHA, headSHA, "main")},
		"tag of no commit":    {"push", push("refs/tags/v1", `{"id": "`+headSHA+`"}`, "null"), pushed("refs/tags/v1", baseSHA, afterSHA, "main")},
		"tag gone":            {"push", push("refs/tags/v1", "false", "true"), refGone("refs/tags/v1")},
		"no default branch":   {"push", push("refs/heads/a", `, "default_branch": "main"`, ""), pushed("refs/heads/a", baseSHA, afterSHA, "")},
		"odd default branch":  {"push", push("refs/heads/a", `"main"`, `"--main"`), pushed("refs/heads/a", baseSHA, afterSHA, "")},
		"push with an action": {"push", push("refs/heads/a", `"ref"`, `"action": "x y", "ref"`), pushed("refs/heads/a", baseSHA, afterSHA, "main")},
		"group":               {"merge_group", mergeGroup("checks_requested"), asked("")},
		"group, short refs":   {"merge_group", mergeGroup("checks_requested", "refs/heads/queue", "queue", "refs/heads/main", "main"), asked("")},
		"group gone":          {"merge_group", mergeGroup("destroyed"), destroyed(headSHA, baseSHA, "invalidated")},
		"gone, odd reason":    {"merge_group", mergeGroup("destroyed", "invalidated", "<b>"), destroyed(headSHA, baseSHA, "")},
		"gone, no commits":    {"merge_group", mergeGroup("destroyed", headSHA, "x", baseSHA, noSHA), destroyed("", "", "invalidated")},
		"button": {"check_run", pressed(), event("check_run.requested_action", checks.Event{Kind: checks.EventAction, HeadSHA: headSHA,
			Action: checks.ActionRerunFailed, CheckRun: &checks.CheckRunRef{ID: 5, Name: "lib", ExternalID: "run/lib"}})},
		"command": {"issue_comment", comment("Well:\n  /loktar  run\t all "), event("issue_comment.created", checks.Event{Kind: checks.EventCommand,
			Comment: &checks.Comment{ID: 8, Number: 7, Line: "/loktar  run  all"}})},
		"renamed":     {"repository", about(`"action": "renamed"`), moved("repository.renamed")},
		"transferred": {"repository", about(`"action": "transferred"`), moved("repository.transferred")},
		"deleted":     {"repository", about(`"action": "deleted"`), gone("repository.deleted", repo)},
		"archived":    {"repository", about(`"action": "archived"`), gone("repository.archived", repo)},
		"uninstalled": {"installation", about(`"action": "deleted"`), gone("installation.deleted")},
		"suspended":   {"installation", about(`"action": "suspend"`), gone("installation.suspend")},
		"deselected": {"installation_repositories", removed(`[{"id": 1, "full_name": "a/b"}, {"id": 2, "full_name": "a/c.d"}]`),
			gone("installation_repositories.removed", two...)},
	} {
		t.Run(name, func(t *testing.T) {
			i := &inbox{fresh: true}
			w := serve(i.handler(), delivery(tt.event, tt.body))
			if w.Code != http.StatusAccepted || i.woken != 1 {
				t.Fatalf("answer %d %s, woken %d times", w.Code, w.Body, i.woken)
			}
			if d := cmp.Diff([]checks.Event{tt.want}, i.events); d != "" {
				t.Errorf("event (-want +got):\n%s", d)
			}
		})
	}
}

// TestSilentKinds has what newer payloads say that means nothing to us.
func TestSilentKinds(t *testing.T) {
	for name, r := range map[string]*http.Request{
		"note":                  delivery("push", push("refs/notes/commits")),
		"short ref":             delivery("push", push("main")),
		"pull ref":              delivery("push", push("refs/pull/7/head")),
		"no ref":                delivery("push", about(`"after": "x"`)),
		"group in between":      delivery("merge_group", mergeGroup("enqueued")),
		"another app's button":  delivery("check_run", pressed(`"app": {"id": 42}`, `"app": {"id": 43}`)),
		"another's odd run":     delivery("check_run", pressed(`"app": {"id": 42}`, `"app": {"id": 43}`, `"lib"`, "5")),
		"no button":             delivery("check_run", checkEvent("check_run", "requested_action")),
		"empty button":          delivery("check_run", pressed("rerun_failed", "")),
		"long button":           delivery("check_run", pressed("rerun_failed", strings.Repeat("a", 21))),
		"odd button":            delivery("check_run", pressed("rerun_failed", "lgtm|26764")),
		"button of two lines":   delivery("check_run", pressed("rerun_failed", `run\n`)),
		"talk":                  delivery("issue_comment", comment("You may say /loktar run.")),
		"command on an issue":   delivery("issue_comment", comment("/loktar run", `, "pull_request": {}`, "")),
		"command, null":         delivery("issue_comment", comment("/loktar run", `"pull_request": {}`, `"pull_request": null`)),
		"command of a bot":      delivery("issue_comment", comment("/loktar run", `"User"`, `"Bot"`)),
		"command edited":        delivery("issue_comment", comment("/loktar run", `"created"`, `"edited"`)),
		"command deleted":       delivery("issue_comment", comment("/loktar run", `"created"`, `"deleted"`)),
		"body null":             delivery("issue_comment", comment("x", `"x"`, "null")),
		"repository made":       delivery("repository", about(`"action": "created"`)),
		"repository back":       delivery("repository", about(`"action": "unarchived"`)),
		"new default branch":    delivery("repository", about(`"action": "edited"`)),
		"installed":             delivery("installation", about(`"action": "created"`)),
		"installation is back":  delivery("installation", about(`"action": "unsuspend"`)),
		"repositories added":    delivery("installation_repositories", about(`"action": "added", "repositories_removed": [{"id": 1, "full_name": "a/b"}]`)),
		"nothing removed":       delivery("installation_repositories", removed("[]")),
		"null removed":          delivery("installation_repositories", removed("null")),
		"removed, but no list":  delivery("installation_repositories", removed("5")),
		"silent and mistyped":   delivery("push", push("refs/notes/commits", "false", `"no"`)),
		"silent, uninstalled":   delivery("repository", []byte(`{"action": "created"}`)),
		"repository with no op": delivery("repository", []byte(`{}`)),
	} {
		t.Run(name, func(t *testing.T) {
			i := &inbox{fresh: true}
			w := serve(i.handler(), r)
			if w.Code != http.StatusAccepted || len(i.events) != 0 || i.woken != 0 {
				t.Errorf("answer %d %s, events %v, woken %d times", w.Code, w.Body, i.events, i.woken)
			}
		})
	}
}

// TestUnusable has one thing wrong in each payload that would mean something.
func TestUnusable(t *testing.T) {
	noInstallation := []string{`"installation": {"id": 99}, `, ""}
	asked := func(edits ...string) []byte { return mergeGroup("checks_requested", edits...) }
	for name, tt := range map[string]struct {
		event string
		body  []byte
		text  string
	}{
		"push, no installation":       {"push", push("refs/heads/a", noInstallation...), "names no installation"},
		"push, owner":                 {"push", push("refs/heads/a", "acme-inc", "a/b"), "repository.owner.login"},
		"push, branch is an option":   {"push", push("refs/heads/--upload-pack=x"), "The field ref "},
		"push, no branch":             {"push", push("refs/heads/"), "The field ref "},
		"push, branch of two lines":   {"push", push("refs/heads/a\nb"), "The field ref "},
		"push, long branch":           {"push", push("refs/heads/" + strings.Repeat("a", maxText+1)), "The field ref "},
		"push, tag is a path":         {"push", push("refs/tags/../x"), "The field ref "},
		"push, gone branch":           {"push", push("refs/heads/-x", "false", "true"), "The field ref "},
		"push, no after":              {"push", push("refs/heads/a", afterSHA, ""), "The field after "},
		"push, short after":           {"push", push("refs/heads/a", afterSHA, afterSHA[1:]), "The field after "},
		"push, after is an option":    {"push", push("refs/heads/a", afterSHA, "--"+afterSHA[2:]), "The field after "},
		"push, before":                {"push", push("refs/heads/a", baseSHA, "main"), "The field before "},
		"push, no before":             {"push", push("refs/heads/a", baseSHA, ""), "The field before "},
		"push, tag's commit":          {"push", push("refs/tags/v1", headSHA, "HEAD"), "The field head_commit.id "},
		"push, mistyped":              {"push", push("refs/heads/a", "false", `"no"`), "The field deleted "},
		"push, mistyped installation": {"push", push("refs/heads/a", "99", `"x"`), "The field installation.id "},
		"group, no installation":      {"merge_group", asked(noInstallation...), "names no installation"},
		"group, repository":           {"merge_group", asked(`"id": 11`, `"id": 0`), "repository.id"},
		"group, head ref":             {"merge_group", asked("queue/main/pr-1", "-x"), "merge_group.head_ref"},
		"group, base ref":             {"merge_group", asked(`"refs/heads/main"`, `""`), "merge_group.base_ref"},
		"group, base is a tag":        {"merge_group", asked("refs/heads/main", "refs/tags/v1"), "merge_group.base_ref"},
		"group, head":                 {"merge_group", asked(headSHA, headSHA[1:]), "merge_group.head_sha"},
		"group, base":                 {"merge_group", asked(baseSHA, noSHA), "merge_group.base_sha"},
		"group gone, head ref":        {"merge_group", mergeGroup("destroyed", "queue/main/pr-1", "a..b"), "merge_group.head_ref"},
		"button, no run":              {"check_run", pressed(`"id": 5`, `"id": 0`), "The field check_run "},
		"button, no commit":           {"check_run", pressed(headSHA, "x"), "head commit"},
		"label, no head":              {"pull_request", pullRequest("labeled", `"number"`, `"label": {"name": "ci"}, "number"`, headSHA, noSHA), "pull_request.head.sha"},
		"command, no installation":    {"issue_comment", comment("/loktar run", noInstallation...), "names no installation"},
		"command, repository":         {"issue_comment", comment("/loktar run", "shop.api", ".."), "repository.name"},
		"command, no pull request":    {"issue_comment", comment("/loktar run", `"number": 7`, `"number": 0`), "issue.number"},
		"command, no id":              {"issue_comment", comment("/loktar run", `"id": 8`, `"id": -8`), "comment.id"},
		"renamed, name":               {"repository", about(`"action": "renamed"`, "shop.api", "a b"), "repository.name"},
		"deleted, name":               {"repository", about(`"action": "deleted"`, "shop.api", "a b"), "repository.name"},
		"deleted, no installation":    {"repository", about(`"action": "deleted"`, noInstallation...), "names no installation"},
		"transferred, the same":       {"repository", about(`"action": "transferred"`, noInstallation...), "names no installation"},
		"uninstalled of none":         {"installation", about(`"action": "deleted"`, noInstallation...), "names no installation"},
		"removed, no id":              {"installation_repositories", removed(`[{"id": 1, "full_name": "a/b"}, {"full_name": "a/b"}]`), "repositories_removed[1]"},
		"removed, no owner":           {"installation_repositories", removed(`[{"id": 1, "full_name": "b"}]`), "repositories_removed[0]"},
		"removed, path":               {"installation_repositories", removed(`[{"id": 1, "full_name": "a/b/c"}]`), "repositories_removed[0]"},
		"removed, null":               {"installation_repositories", removed(`[null]`), "repositories_removed[0]"},
		"removed, mistyped":           {"installation_repositories", removed(`[{"id": "1", "full_name": "a/b"}]`), "repositories_removed.id"},
	} {
		t.Run(name, func(t *testing.T) {
			i := &inbox{fresh: true}
			w := serve(i.handler(), delivery(tt.event, tt.body))
			if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), tt.text) {
				t.Errorf("answer %d %q, want 422 and %q", w.Code, w.Body, tt.text)
			}
			if len(i.events) != 0 || i.woken != 0 {
				t.Errorf("a refused delivery left %v and woke %d times", i.events, i.woken)
			}
		})
	}
}
