package github_test

import (
	"net/http"
	"testing"

	"github.com/dudesons/loktar/checks"
)

func TestPermission(t *testing.T) {
	ann := checks.User{ID: 5, Login: "ann"}
	of := func(permission string, id int64) map[string]any {
		return map[string]any{"permission": permission, "role_name": permission, "user": map[string]any{"id": id, "login": "ann"}}
	}
	for name, tc := range map[string]struct {
		user   checks.User
		status int
		answer any
		want   checks.Permission
		kind   checks.Kind // of the error; internal is none
		asked  bool
	}{
		"admin":                  {ann, 200, of("admin", 5), checks.PermissionAdmin, 0, true},
		"write":                  {ann, 200, of("write", 5), checks.PermissionWrite, 0, true},
		"read":                   {ann, 200, of("read", 5), checks.PermissionRead, 0, true},
		"none":                   {ann, 200, of("none", 5), checks.PermissionNone, 0, true},
		"a role of its own":      {ann, 200, of("maintain", 5), checks.PermissionNone, 0, true},
		"another has the login":  {ann, 200, of("admin", 6), checks.PermissionNone, 0, true},
		"the answer has no user": {ann, 200, map[string]any{"permission": "admin", "user": nil}, checks.PermissionNone, 0, true},
		"nobody":                 {ann, 404, map[string]any{"message": "ann is not a user"}, checks.PermissionNone, 0, true},
		"an App's bot":           {checks.User{ID: 5, Login: "ann[bot]"}, 200, of("write", 5), checks.PermissionWrite, 0, true},
		"no answer":              {ann, 502, map[string]any{"message": "x"}, checks.PermissionNone, checks.KindUnavailable, true},
		"no leave":               {ann, 403, map[string]any{"message": "Resource not accessible by integration"}, checks.PermissionNone, checks.KindRefused, true},
		"a deleted account":      {checks.User{}, 0, nil, checks.PermissionNone, 0, false},
		"no id":                  {checks.User{Login: "ann"}, 0, nil, checks.PermissionNone, 0, false},
		"a path for a login":     {checks.User{ID: 5, Login: "../../ann"}, 0, nil, checks.PermissionNone, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHub(t)
			h.on("GET /repos/acme/shop/collaborators/"+tc.user.Login+"/permission", func(w http.ResponseWriter, _ *http.Request) { answer(w, tc.status, tc.answer) })
			got, err := h.app(t).Permission(t.Context(), install, repo, tc.user)
			if got != tc.want || (err != nil) != (tc.kind != 0) || checks.KindOf(err) != tc.kind {
				t.Errorf("Permission = %q, %v", got, err)
			}
			if asked := len(h.requests()) > 0; asked != tc.asked {
				t.Errorf("GitHub was asked: %v", asked)
			}
			if got.CanWrite() != (tc.want == checks.PermissionWrite || tc.want == checks.PermissionAdmin) {
				t.Errorf("%s may write: %v", got, got.CanWrite())
			}
		})
	}
	if checks.Permission("").CanWrite() {
		t.Error("the zero value may write")
	}
}
