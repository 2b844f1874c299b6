package minihub

import (
	"net/http"
	"net/url"
)

// protectionJSON is what GET of a branch tells of classic protection, and
// whether the branch is protected at all: a ruleset does that too, but is not
// told here. mu is held.
func (h *Hub) protectionJSON(r *Repo, branch string) (protection obj, protected bool) {
	checks, classic := r.rules.classic[branch]
	level := "off"
	if len(checks) > 0 {
		level = "non_admins"
	}
	protection = obj{"enabled": classic, "required_status_checks": obj{
		"enforcement_level": level, "contexts": contexts(checks), "checks": checksJSON(checks)}}
	return protection, classic || len(r.rulesetsFor(branch)) > 0
}

func contexts(checks []RequiredCheck) []string {
	out := []string{}
	for _, c := range checks {
		out = append(out, c.Context)
	}
	return out
}

func checksJSON(checks []RequiredCheck) []obj {
	out := []obj{}
	for _, c := range checks {
		o := obj{"context": c.Context, "app_id": nil}
		if c.AppID != 0 {
			o["app_id"] = c.AppID
		}
		out = append(out, o)
	}
	return out
}

func (h *Hub) getRequiredChecks(c *call) (answer, error) {
	branch := c.PathValue("branch")
	refs, err := c.repo.refs(c.Context())
	if err != nil {
		return answer{}, err
	}
	if refs["refs/heads/"+branch] == "" {
		return answer{}, refuse(http.StatusNotFound, "Branch not found")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	checks, protected := c.repo.rules.classic[branch]
	switch {
	case !protected:
		return answer{}, refuse(http.StatusNotFound, "Branch not protected")
	case len(checks) == 0:
		return answer{}, refuse(http.StatusNotFound, "Required status checks not enabled")
	}
	self := h.repoAPI(c.repo) + "/branches/" + url.PathEscape(branch) + "/protection/required_status_checks"
	return answer{http.StatusOK, obj{"url": self, "strict": false, "contexts": contexts(checks),
		"contexts_url": self + "/contexts", "checks": checksJSON(checks)}}, nil
}

// listBranchRules lists the rules of all rulesets of a branch, which need not
// exist. Classic protection is not among them.
func (h *Hub) listBranchRules(c *call) (answer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := []obj{}
	for _, s := range c.repo.rulesetsFor(c.PathValue("branch")) {
		checks := []obj{}
		for _, k := range s.checks {
			o := obj{"context": k.Context}
			if k.AppID != 0 {
				o["integration_id"] = k.AppID
			}
			checks = append(checks, o)
		}
		rules := []obj{
			{"type": "deletion"}, {"type": "non_fast_forward"},
			{"type": "copilot_code_review", "parameters": obj{"review_on_push": false, "review_draft_pull_requests": false}},
			{"type": "required_status_checks", "parameters": obj{"strict_required_status_checks_policy": false,
				"do_not_enforce_on_create": false, "required_status_checks": checks}},
		}
		for _, o := range rules {
			o["ruleset_source_type"], o["ruleset_source"], o["ruleset_id"] = "Repository", c.repo.FullName(), s.id
			all = append(all, o)
		}
	}
	return answer{http.StatusOK, page(c.w, c.Request, h.url, all)}, nil
}
