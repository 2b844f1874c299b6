package minihub_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-github/v60/github"

	"github.com/dudesons/loktar/app/minihub/minihubtest"
)

// TestCommentCallsAreStrict sends what GitHub refuses, and beside it the
// nearest thing that it takes.
func TestCommentCallsAreStrict(t *testing.T) {
	h, repo, pr, issue := talk(t, minihubtest.Options{AllowRefused: true})
	other := h.Repo("acme", "other", nil)
	elsewhere := must(other.Comment(t.Context(), other.OpenIssue("zoe", "Hello"), "zoe", "x"))(t)
	id := must(repo.Comment(t.Context(), pr, "zoe", "hello"))(t)
	plain := must(repo.Comment(t.Context(), issue, "zoe", "hello"))(t)
	mint := func(p github.InstallationPermissions) string {
		return h.Token("acme", &github.InstallationTokenOptions{Permissions: &p})
	}
	all, read := h.Token("acme", nil), mint(github.InstallationPermissions{Issues: github.String("read")})
	pulls, none := mint(github.InstallationPermissions{PullRequests: github.String("read")}), mint(github.InstallationPermissions{Contents: github.String("read")})
	const base = "/repos/acme/mono/issues/"
	comments := func(n int) string { return fmt.Sprintf("%s%d/comments", base, n) }
	one := func(id int64) string { return fmt.Sprintf("%scomments/%d", base, id) }
	const no = "Resource not accessible by integration"
	body, eyes := m{"body": "x"}, m{"content": "eyes"}
	for _, c := range []struct {
		name, token, method, path string
		body                      any
		status                    int
		says                      string
	}{
		{"a comment", all, "POST", comments(pr), body, 201, ""},
		{"a comment on an issue", all, "POST", comments(issue), body, 201, ""},
		{"the longest comment", all, "POST", comments(pr), m{"body": strings.Repeat("é", 65_536)}, 201, ""},
		{"a comment too long", all, "POST", comments(pr), m{"body": strings.Repeat("x", 65_537)}, 422, "maximum is 65536 characters"},
		{"an empty comment", all, "POST", comments(pr), m{"body": ""}, 422, "Body cannot be blank"},
		{"a blank comment", all, "POST", comments(pr), m{"body": " \n"}, 422, "Body cannot be blank"},
		{"a comment without body", all, "POST", comments(pr), m{}, 422, `"body" wasn't supplied`},
		{"a body that is no text", all, "POST", comments(pr), m{"body": 7}, 422, "7 is not a string"},
		{"no JSON", all, "POST", comments(pr), "{", 400, "Problems parsing JSON"},
		{"an issue that is not there", all, "POST", comments(99), body, 404, "Not Found"},
		{"a comment with reading alone", read, "POST", comments(pr), body, 403, no},
		{"a comment without permission", none, "POST", comments(pr), body, 403, no},
		{"a comment by a person", h.UserToken("acme"), "POST", comments(pr), body, 403, no},
		{"a comment by nobody", "", "POST", comments(pr), body, 401, "Requires authentication"},
		{"a comment with a wrong token", "ghs_wrong", "POST", comments(pr), body, 401, "Bad credentials"},
		{"list", read, "GET", comments(issue), nil, 200, ""},
		{"list with pull requests", pulls, "GET", comments(pr), nil, 200, ""},
		{"list of an issue with pull requests", pulls, "GET", comments(issue), nil, 403, no},
		{"list without permission", none, "GET", comments(pr), nil, 403, no},
		{"list of nothing", read, "GET", comments(99), nil, 404, "Not Found"},
		{"list since some day", read, "GET", comments(pr) + "?since=monday", nil, 422, "not a date-time"},
		{"list with a wrong token", "ghs_wrong", "GET", comments(pr), nil, 401, "Bad credentials"},
		{"another part of an issue", read, "GET", base + "1/events", nil, 404, "Not Found"},
		{"get", read, "GET", one(id), nil, 200, ""},
		{"get of an issue with pull requests", pulls, "GET", one(plain), nil, 403, no},
		{"get of another repository", read, "GET", one(elsewhere), nil, 404, "Not Found"},
		{"get of what is no id", read, "GET", base + "comments/x", nil, 404, "Not Found"},
		{"edit", all, "PATCH", one(id), body, 200, ""},
		{"edit to nothing", all, "PATCH", one(id), m{"body": ""}, 422, "Body cannot be blank"},
		{"edit with reading alone", read, "PATCH", one(id), body, 403, no},
		{"edit of nothing", all, "PATCH", one(1), body, 404, "Not Found"},
		{"react", all, "POST", one(id) + "/reactions", eyes, 201, ""},
		{"react again", all, "POST", one(id) + "/reactions", eyes, 200, ""},
		{"react with another thing", all, "POST", one(id) + "/reactions", m{"content": "tada"}, 422, "not a member"},
		{"react with nothing", all, "POST", one(id) + "/reactions", m{}, 422, `"content" wasn't supplied`},
		{"react with reading alone", read, "POST", one(id) + "/reactions", eyes, 403, no},
		{"react to nothing", all, "POST", one(1) + "/reactions", eyes, 404, "Not Found"},
		{"react with a wrong token", "ghs_wrong", "POST", one(id) + "/reactions", eyes, 401, "Bad credentials"},
		{"reactions", read, "GET", one(id) + "/reactions", nil, 200, ""},
		{"reactions of a kind", read, "GET", one(id) + "/reactions?content=heart", nil, 200, ""},
		{"reactions of no kind", read, "GET", one(id) + "/reactions?content=tada", nil, 422, "not a member"},
		{"reactions without permission", none, "GET", one(id) + "/reactions", nil, 403, no},
		{"delete with reading alone", read, "DELETE", one(id), nil, 403, no},
		{"delete", all, "DELETE", one(id), nil, 204, ""},
		{"delete again", all, "DELETE", one(id), nil, 404, "Not Found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, got, _ := do(t, h, c.token, c.method, c.path, c.body)
			said := fmt.Sprint(got["message"], got["errors"])
			if status != c.status || !strings.Contains(said, c.says) {
				t.Errorf("got %d %q, want %d with %q", status, said, c.status, c.says)
			}
		})
	}
}
