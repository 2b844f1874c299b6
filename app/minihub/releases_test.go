package minihub_test

import (
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/go-github/v60/github"

	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
)

// writer starts a hub whose App may write to repositories.
func writer(t *testing.T, o minihubtest.Options) (h *minihubtest.Hub, repo *minihub.Repo, sha string) {
	t.Helper()
	o.Hub.Permissions = perms("contents", "write")
	h = minihubtest.StartWith(t, o)
	repo = h.Repo("acme", "mono", map[string]string{"a": "1"})
	sha, err := repo.Tip(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}
	return h, repo, sha
}

// annotate puts an annotated tag on a commit behind the hub's back, and
// returns the id of the tag object.
func annotate(t *testing.T, repo *minihub.Repo, name, sha string) string {
	t.Helper()
	git := func(args ...string) string {
		out, err := exec.CommandContext(t.Context(), "git", append([]string{"--git-dir=" + repo.Dir(), "-c", "user.name=Ann", "-c", "user.email=ann@example.org"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git("tag", "--annotate", "--message", "A release", name, sha)
	return git("rev-parse", "refs/tags/"+name)
}

func TestTagsAndReleasesWithGoGitHub(t *testing.T) {
	h, repo, sha := writer(t, minihubtest.Options{})
	listen(t, h)
	ctx, c := t.Context(), h.Client("acme")
	ref, resp, err := c.Git.CreateRef(ctx, "acme", "mono", &github.Reference{Ref: github.String("refs/tags/lib-v1"), Object: &github.GitObject{SHA: &sha}})
	if err != nil {
		t.Fatal(err)
	}
	if ref.GetObject().GetType() != "commit" || resp.Header.Get("Location") != ref.GetURL() {
		t.Errorf("made %v at %s", ref, resp.Header.Get("Location"))
	}
	if at, err := repo.TagAt(ctx, "lib-v1"); at != sha || err != nil {
		t.Errorf("the tag is at %q, %v", at, err)
	}
	object := annotate(t, repo, "v2", sha)
	for path, want := range map[string][2]string{"ref/tags%2Flib-v1": {"commit", sha}, "ref/tags%2Fv2": {"tag", object}, "tags/" + object: {"commit", sha}} {
		status, got, _ := do(t, h, h.Token("acme", nil), "GET", "/repos/acme/mono/git/"+path, nil)
		if status != 200 || at(got, "object", "type") != want[0] || at(got, "object", "sha") != want[1] {
			t.Errorf("%s: %d %v", path, status, got)
		}
	}
	for i, n := range []*github.RepositoryRelease{
		{TagName: github.String("lib-v1"), Name: github.String("lib 1"), Body: github.String("**One** <b>x</b>"), MakeLatest: github.String("false"), TargetCommitish: &sha},
		{TagName: github.String("app/v1"), Name: github.String("app 1"), TargetCommitish: github.String("main")},
	} {
		made, _, err := c.Repositories.CreateRelease(ctx, "acme", "mono", n)
		if err != nil || made.GetAuthor().GetLogin() != "loktar[bot]" {
			t.Fatalf("release %d: %v, %v", i, made, err)
		}
	}
	if status, got, _ := do(t, h, h.Token("acme", nil), "GET", "/repos/acme/mono/releases/tags/app%2Fv1", nil); status != 200 || got["name"] != "app 1" || got["body"] != nil {
		t.Errorf("the release of a tag: %d %v", status, got)
	}
	want := []minihub.Release{{Tag: "lib-v1", Name: "lib 1", Body: "**One** <b>x</b>", Author: "loktar[bot]"}, {Tag: "app/v1", Name: "app 1", Author: "loktar[bot]", Latest: true}}
	if diff := cmp.Diff(want, h.Releases("acme/mono"), cmpopts.IgnoreFields(minihub.Release{}, "ID")); diff != "" {
		t.Error(diff)
	}
	for path, says := range map[string]string{"": "app 1", "/releases/tag/lib-v1": "<strong>One</strong>", "/releases/tag/app/v1": "no release", "/releases/tag/v2": "no release"} {
		if _, got := get(t, h.URL()+"/acme/mono"+path); !strings.Contains(got, says) || strings.Contains(got, "<b>x") {
			t.Errorf("the page %q does not say %q: %s", path, says, got)
		}
	}
	if status, _, to := browse(t, h, "", "/acme/mono/tree/app/v1", nil); status != http.StatusFound || to != "/acme/mono/commit/"+sha {
		t.Errorf("the tree of a tag: %d %s", status, to)
	}
	if err := repo.Tag(ctx, "acme", "lib-v1", ""); err != nil {
		t.Fatal(err)
	}
	if status, _, _ := do(t, h, h.Token("acme", nil), "GET", "/repos/acme/mono/releases/tags/lib-v1", nil); status != 404 {
		t.Errorf("the release of a tag that is gone: %d", status)
	}
	tags := 0
	for _, d := range delivered(t, h, "push", "", 3) {
		p := decode(t, d.Payload)
		if name, ok := strings.CutPrefix(at(p, "ref").(string), "refs/tags/"); ok && at(p, "deleted") == false {
			tags++
			if at(p, "sender", "login") != "loktar[bot]" || at(p, "after") != sha {
				t.Errorf("the push of %s: %v", name, p)
			}
		}
	}
	if tags != 2 {
		t.Errorf("%d pushes of tags", tags)
	}
}

// TestTagAndReleaseCallsAreStrict sends what GitHub refuses, and beside it the
// nearest thing that it takes.
func TestTagAndReleaseCallsAreStrict(t *testing.T) {
	h, repo, sha := writer(t, minihubtest.Options{AllowRefused: true})
	if err := repo.Tag(t.Context(), "acme", "v1", sha); err != nil {
		t.Fatal(err)
	}
	all := h.Token("acme", nil)
	read := h.Token("acme", &github.InstallationTokenOptions{Permissions: &github.InstallationPermissions{Contents: github.String("read")}})
	const refs, releases, no = "/repos/acme/mono/git/refs", "/repos/acme/mono/releases", "Resource not accessible by integration"
	blob, err := exec.CommandContext(t.Context(), "git", "--git-dir="+repo.Dir(), "rev-parse", sha+":a").Output()
	if err != nil {
		t.Fatal(err)
	}
	ref := func(name string) m { return m{"ref": name, "sha": sha} }
	for _, c := range []struct {
		name, token, method, path string
		body                      any
		status                    int
		says                      string
	}{
		{"a tag", all, "POST", refs, ref("refs/tags/v2"), 201, ""},
		{"the same again", all, "POST", refs, ref("refs/tags/v2"), 422, "Reference already exists"},
		{"a branch", all, "POST", refs, ref("refs/heads/new"), 201, ""},
		{"a branch of the queue", all, "POST", refs, ref("refs/heads/gh-readonly-queue/x"), 422, "Reference update failed"},
		{"another kind", all, "POST", refs, ref("refs/pull/1"), 422, "Reference update failed"},
		{"below a tag", all, "POST", refs, ref("refs/tags/v1/x"), 422, "Reference update failed"},
		{"like a commit", all, "POST", refs, ref("refs/tags/" + sha), 422, "Reference update failed"},
		{"two parts", all, "POST", refs, ref("refs/v3"), 422, "at least three slash-separated"},
		{"a short name", all, "POST", refs, ref("tags/a/b"), 422, "at least three slash-separated"},
		{"no name of a ref", all, "POST", refs, ref("refs/tags/a..b"), 422, "refs/tags/a..b is not a valid ref name."},
		{"like an option", all, "POST", refs, ref("--branch/a/b"), 422, "at least three slash-separated"},
		{"no commit", all, "POST", refs, m{"ref": "refs/tags/v3", "sha": strings.Repeat("1", 40)}, 422, "Object does not exist"},
		{"a file", all, "POST", refs, m{"ref": "refs/tags/v3", "sha": strings.TrimSpace(string(blob))}, 422, "Object does not exist"},
		{"a short id", all, "POST", refs, m{"ref": "refs/tags/v3", "sha": "main"}, 422, "exactly 40 characters"},
		{"without a commit", all, "POST", refs, m{"ref": "refs/tags/v3"}, 422, `"sha" wasn't supplied`},
		{"with reading alone", read, "POST", refs, ref("refs/tags/v3"), 403, no},
		{"by nobody", "", "POST", refs, ref("refs/tags/v3"), 401, "Requires authentication"},
		{"look", read, "GET", "/repos/acme/mono/git/ref/tags%2Fv1", nil, 200, ""},
		{"look at nothing", read, "GET", "/repos/acme/mono/git/ref/tags%2Fnone", nil, 404, "Not Found"},
		{"a tag object that is a commit", read, "GET", "/repos/acme/mono/git/tags/" + sha, nil, 404, "Not Found"},

		{"a release", all, "POST", releases, m{"tag_name": "v1", "body": strings.Repeat("é", 125_000)}, 201, ""},
		{"it again", all, "POST", releases, m{"tag_name": "v1"}, 422, "Validation Failed"},
		{"notes too long", all, "POST", releases, m{"tag_name": "v2", "body": strings.Repeat("x", 125_001)}, 422, "Validation Failed"},
		{"no tag", all, "POST", releases, m{"name": "x"}, 422, `"tag_name" wasn't supplied`},
		{"a tag that cannot be", all, "POST", releases, m{"tag_name": "a b"}, 422, "Validation Failed"},
		{"a target that is not there", all, "POST", releases, m{"tag_name": "v9", "target_commitish": "nowhere"}, 422, "Validation Failed"},
		{"latest as a boolean", all, "POST", releases, m{"tag_name": "v2", "make_latest": false}, 422, "false is not a string"},
		{"a draft", all, "POST", releases, m{"tag_name": "v2", "draft": true}, 422, "no drafts"},
		{"a release with reading alone", read, "POST", releases, m{"tag_name": "v2"}, 403, no},
		{"look at a release", read, "GET", releases + "/tags/v1", nil, 200, ""},
		{"look at no release", read, "GET", releases + "/tags/v2", nil, 404, "Not Found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, got, _ := do(t, h, c.token, c.method, c.path, c.body)
			message, _ := got["message"].(string)
			if status != c.status || !strings.Contains(message, c.says) {
				t.Errorf("got %d %q, want %d with %q", status, message, c.status, c.says)
			}
		})
	}
}

// A permission that is given later counts for tokens from then on.
func TestPermit(t *testing.T) {
	h := minihubtest.StartWith(t, minihubtest.Options{AllowRefused: true})
	in := listen(t, h)
	repo := h.Repo("acme", "mono", map[string]string{"a": "1"})
	sha := must(repo.Tip(t.Context(), "main"))(t)
	old := h.Token("acme", nil)
	h.Permit("contents", "write")
	for token, want := range map[string]int{old: 403, h.Token("acme", nil): 201} {
		if status, got, _ := do(t, h, token, "POST", "/repos/acme/mono/git/refs", m{"ref": "refs/tags/v1", "sha": sha}); status != want {
			t.Errorf("%d, want %d: %v", status, want, got)
		}
	}
	delivered(t, h, "installation", "new_permissions_accepted", 1)
	if minihubtest.Shared(t) == "" {
		return
	}
	for _, r := range in.all() {
		if p := decode(t, r.body); p["action"] == "new_permissions_accepted" {
			if err := minihubtest.CheckPayload("installation", "new_permissions_accepted", r.body); err != nil {
				t.Error(err)
			}
		}
	}
}
