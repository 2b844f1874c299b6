package github_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dudesons/loktar/app/github"
	"github.com/dudesons/loktar/checks"
)

const (
	rulesPath  = "/repos/acme/shop/rules/branches/main"
	branchPath = "/repos/acme/shop/branches/main"
	demandPath = branchPath + "/protection/required_status_checks"
)

type obj = map[string]any

// rule demands checks; each is a name, or a name and an integration_id.
func rule(all ...[]any) obj {
	list := []any{}
	for _, c := range all {
		list = append(list, pinned("integration_id", c))
	}
	return obj{"type": "required_status_checks", "ruleset_id": 1, "parameters": obj{"strict_required_status_checks_policy": true, "required_status_checks": list}}
}

func pinned(field string, c []any) obj {
	o := obj{"context": c[0]}
	if len(c) > 1 {
		o[field] = c[1]
	}
	return o
}

func protects(contexts []any, all ...[]any) obj {
	list := []any{}
	for _, c := range all {
		list = append(list, pinned("app_id", c))
	}
	return obj{"contexts": contexts, "checks": list}
}

func branch(protected bool, required any) obj {
	o := obj{"name": "main", "protected": protected, "protection": obj{"enabled": protected}}
	if required != nil {
		o["protection"].(obj)["required_status_checks"] = required
	}
	return o
}

// reply is what the hub answers; zero is 404.
type reply struct {
	status int
	body   any
}

var (
	absent   = reply{404, obj{"message": "Not Found"}}
	noLeave  = reply{403, obj{"message": "Resource not accessible by integration"}}
	openly   = reply{200, branch(false, nil)}
	secretly = reply{200, branch(true, nil)}
	noRules  = reply{200, []any{}}
)

func TestRequiredChecks(t *testing.T) {
	long := strings.Repeat("ü", 255)
	for name, tc := range map[string]struct {
		rules, branch, demand reply
		want                  github.Required
		kind                  checks.Kind // of the error; internal is none
		asked                 int
	}{
		"nothing":    {noRules, openly, absent, github.Required{Known: true}, 0, 2},
		"no branch":  {noRules, absent, absent, github.Required{Known: true}, 0, 2},
		"old server": {absent, openly, absent, github.Required{Known: true}, 0, 2},
		"no leave":   {noLeave, noLeave, absent, github.Required{}, 0, 2},
		"gone":       {absent, absent, absent, github.Required{}, 0, 2},
		"free plan": {reply{403, obj{"message": "Upgrade to GitHub Pro or make this repository public to enable this feature."}}, openly, absent,
			github.Required{Known: true}, 0, 2},
		"rulesets": {reply{200, []any{
			obj{"type": "deletion"}, obj{"type": "of_tomorrow", "parameters": "any"}, obj{"type": "pull_request", "parameters": obj{"required_status_checks": 5}},
			rule([]any{"z"}, []any{"a", appID}, []any{"b", nil}), rule([]any{"c", 0}, []any{"d", -1}, []any{"other", 15368}, []any{"z"}),
		}}, openly, absent, github.Required{Ours: []string{"a"}, Anyone: []string{"b", "c", "d", "z"}, Known: true}, 0, 2},
		"two rules on one name": {reply{200, []any{rule([]any{"a"}, []any{"b", appID}, []any{"c", 1}), rule([]any{"a", appID}, []any{"b"}, []any{"c", -1})}}, openly, absent,
			github.Required{Ours: []string{"a", "b"}, Anyone: []string{"c"}, Known: true}, 0, 2},
		"names without bounds": {reply{200, []any{rule([]any{""}, []any{long}, []any{long + "x"})}}, openly, absent,
			github.Required{Anyone: []string{long}, Known: true}, 0, 2},
		"protection": {noRules, reply{200, branch(true, protects([]any{"a", "b", "c", "other", "loose"}, []any{"a", appID}, []any{"b", nil}, []any{"c", -1}, []any{"other", 1}))}, absent,
			github.Required{Ours: []string{"a"}, Anyone: []string{"b", "c", "loose"}, Known: true}, 0, 2},
		"protection of an old server": {absent, reply{200, branch(true, obj{"contexts": []any{"b", "a"}})}, absent,
			github.Required{Anyone: []string{"a", "b"}, Known: true}, 0, 2},
		"both": {reply{200, []any{rule([]any{"a"})}}, reply{200, branch(true, protects([]any{"a"}, []any{"a", appID}))}, absent,
			github.Required{Ours: []string{"a"}, Known: true}, 0, 2},
		"protected by rulesets alone": {reply{200, []any{rule([]any{"a"})}}, reply{200, branch(true, protects([]any{}))}, absent,
			github.Required{Anyone: []string{"a"}, Known: true}, 0, 2},
		"protected, asked for": {noRules, secretly, reply{200, protects([]any{"a"}, []any{"a", appID})},
			github.Required{Ours: []string{"a"}, Known: true}, 0, 3},
		"protected, requires none":         {noRules, secretly, absent, github.Required{Known: true}, 0, 3},
		"protected, no leave":              {reply{200, []any{rule([]any{"a"})}}, secretly, noLeave, github.Required{Anyone: []string{"a"}, Known: true}, 0, 3},
		"protected, no leave for anything": {noLeave, secretly, noLeave, github.Required{}, 0, 3},
		"outage of the rules":              {reply{502, obj{}}, openly, absent, github.Required{}, checks.KindUnavailable, 3},
		"outage of the branch":             {noRules, reply{500, obj{}}, absent, github.Required{}, checks.KindUnavailable, 4},
		"outage of the demand":             {noRules, secretly, reply{503, obj{}}, github.Required{}, checks.KindUnavailable, 5},
		"limited":                          {reply{403, obj{"message": "You have exceeded a secondary rate limit."}}, openly, absent, github.Required{}, checks.KindUnavailable, 1},
		"suspended":                        {noRules, reply{403, obj{"message": "This installation has been suspended"}}, absent, github.Required{}, checks.KindUnavailable, 2},
		"no list":                          {reply{200, "x"}, openly, absent, github.Required{}, checks.KindUnavailable, 1},
		"no parameters":                    {reply{200, []any{obj{"type": "required_status_checks"}}}, openly, absent, github.Required{}, checks.KindUnavailable, 1},
		"odd parameters":                   {reply{200, []any{rule([]any{5})}}, openly, absent, github.Required{}, checks.KindUnavailable, 1},
		"no branch's shape":                {noRules, reply{200, []any{}}, absent, github.Required{}, checks.KindUnavailable, 2},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHub(t)
			for path, r := range map[string]reply{rulesPath: tc.rules, branchPath: tc.branch, demandPath: tc.demand} {
				h.on("GET "+path, func(w http.ResponseWriter, _ *http.Request) { answer(w, r.status, r.body) })
			}
			got, err := h.app(t).RequiredChecks(t.Context(), install, repo, "main")
			if (err != nil) != (tc.kind != 0) || checks.KindOf(err) != tc.kind {
				t.Errorf("RequiredChecks: %v", err)
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Error(d)
			}
			if n := len(h.requests()); n != tc.asked {
				t.Errorf("%d requests", n)
			}
		})
	}
}

func TestRequiredChecksEscapesTheBranch(t *testing.T) {
	h := newHub(t)
	const name = "release/ä ?x#%2F/../1"
	const escaped = "release%2F%C3%A4%20%3Fx%23%252F%2F..%2F1"
	for _, at := range []string{"/rules/branches/" + name, "/branches/" + name, "/branches/" + name + "/protection/required_status_checks"} {
		h.on("GET /repos/acme/shop"+at, func(w http.ResponseWriter, r *http.Request) {
			if !strings.Contains(r.URL.EscapedPath(), "/branches/"+escaped) {
				t.Errorf("path = %s", r.URL.EscapedPath())
			}
			switch {
			case strings.Contains(at, "rules"):
				answer(w, 200, []any{})
			case strings.HasSuffix(at, "checks"):
				answer(w, 200, protects([]any{"x"}))
			default:
				answer(w, 200, branch(true, nil))
			}
		})
	}
	got, err := h.app(t).RequiredChecks(t.Context(), install, repo, name)
	if err != nil || !got.Known || !slices.Equal(got.Anyone, []string{"x"}) {
		t.Errorf("RequiredChecks = %+v, %v", got, err)
	}
}

func TestRequiredChecksPagesAndBounds(t *testing.T) {
	h := newHub(t)
	h.on("GET "+branchPath, func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, branch(false, nil)) })
	h.on("GET "+rulesPath, func(w http.ResponseWriter, r *http.Request) {
		page := 0
		fmt.Sscan(r.URL.Query().Get("page"), &page)
		w.Header().Set("Link", fmt.Sprintf(`<%s%s?page=%d>; rel="next"`, h.server.URL, r.URL.Path, page+1))
		all := [][]any{{"same"}}
		for i := range 400 {
			all = append(all, []any{fmt.Sprintf("check %d of %d", i, page)})
		}
		answer(w, 200, []any{obj{"type": "deletion"}, rule(all...)})
	})
	got, err := h.app(t).RequiredChecks(t.Context(), install, repo, "main")
	if err != nil || len(got.Anyone) != 5000 || !slices.IsSorted(got.Anyone) || len(slices.Compact(slices.Clone(got.Anyone))) != 5000 {
		t.Errorf("%d names, %v", len(got.Anyone), err)
	}
	if !slices.Contains(got.Anyone, "check 7 of 3") {
		t.Error("the third page was not read")
	}
	if n := len(h.requests()); n != 21 {
		t.Errorf("%d requests", n)
	}
}

// TestRequiredChecksProperty holds random rules against what the words say.
func TestRequiredChecksProperty(t *testing.T) {
	h := newHub(t)
	a := h.app(t)
	n := 0
	name := rapid.SampledFrom([]string{"a", "b", "c", "d"})
	app := rapid.SampledFrom([]any{nil, 0, -1, appID, 15368, appID + 1})
	rapid.Check(t, func(rt *rapid.T) {
		draw := func(label string) [][]any {
			return rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) []any { return []any{name.Draw(rt, "name"), app.Draw(rt, "app")} }), 0, 6).Draw(rt, label)
		}
		first, second, protected := draw("first"), draw("second"), draw("protected")
		n++
		at := fmt.Sprintf("b%d", n)
		h.mu.Lock()
		h.on("GET /repos/acme/shop/rules/branches/"+at, func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, []any{rule(first...), rule(second...)}) })
		h.on("GET /repos/acme/shop/branches/"+at, func(w http.ResponseWriter, _ *http.Request) {
			answer(w, 200, branch(true, protects([]any{}, protected...)))
		})
		h.mu.Unlock()
		got, err := a.RequiredChecks(t.Context(), install, repo, at)
		if err != nil {
			rt.Fatal(err)
		}
		want := github.Required{Known: true}
		for _, name := range []string{"a", "b", "c", "d"} {
			has := func(ids ...any) bool {
				return slices.ContainsFunc(slices.Concat(first, second, protected), func(c []any) bool { return c[0] == name && slices.Contains(ids, c[1]) })
			}
			switch {
			case has(appID):
				want.Ours = append(want.Ours, name)
			case has(nil, 0, -1):
				want.Anyone = append(want.Anyone, name)
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			rt.Fatal(d)
		}
	})
}
