package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	gh "github.com/google/go-github/v60/github"

	"github.com/dudesons/loktar/checks"
)

// maxRulePages and rulesPerPage bound how many rules are read.
const (
	maxRulePages = 20
	rulesPerPage = 100
)

// Required is which status checks the rules of a branch demand before a merge.
// The names are hostile text, sorted, each in one of the lists and there once;
// at most 5,000 of at most 255 characters.
type Required struct {
	// Ours may be reported by our App alone.
	Ours []string
	// Anyone may be reported by any App, or with a commit status.
	Anyone []string
	// Known is false when the App may read neither the rulesets nor the
	// branch's protection: then the lists are empty and say nothing.
	Known bool
}

// RequiredChecks asks which status checks the rules of a branch of repo
// demand: its rulesets' (permission metadata: read) and its protection's
// (contents: read, and administration: read where GitHub does not tell
// otherwise). What only another App may report is left out. A branch that is
// not there has the rules that it would have.
//
// An answer counts for a minute. Callers who ask at once share one request. An
// error is never an answer: a required check that nobody reports blocks a
// merge for ever, so the caller has to ask again.
func (a *App) RequiredChecks(ctx context.Context, installation int64, repo checks.Repo, branch string) (Required, error) {
	if err := validBranch(branch); err != nil {
		return Required{}, err
	}
	key := demandKey{installation, repo, branch}
	if r, ok := a.required.get(key); ok {
		return r.clone(), nil
	}
	// The request is everyone's: it goes on when the first who asked leaves.
	shared := context.WithoutCancel(ctx)
	done := a.required.flight.DoChan(key.String(), func() (any, error) {
		if r, ok := a.required.get(key); ok {
			return r, nil
		}
		r, err := a.readRequired(shared, installation, repo, branch)
		if err == nil {
			a.required.put(key, r)
		}
		return r, err
	})
	select {
	case got := <-done:
		if got.Err != nil {
			return Required{}, got.Err
		}
		return got.Val.(Required).clone(), nil
	case <-ctx.Done():
		return Required{}, checks.Errorf(checks.KindUnavailable, ctx.Err(), "GitHub does not answer. It will be tried again.")
	}
}

func (r Required) clone() Required {
	return Required{Ours: slices.Clone(r.Ours), Anyone: slices.Clone(r.Anyone), Known: r.Known}
}

func (a *App) readRequired(ctx context.Context, installation int64, repo checks.Repo, branch string) (Required, error) {
	t := target{verb: "read required checks", repo: repo,
		missing: "GitHub does not find " + repo.FullName() + ", or the App may not see it."}
	var names nameSet
	known := false
	err := a.as(ctx, installation, t, func(ctx context.Context, rest *gh.Client) error {
		names = nameSet{app: a.o.AppID, ours: map[string]bool{}}
		base, name := fmt.Sprintf("repos/%s/%s", repo.Owner, repo.Name), url.PathEscape(branch)
		rules, err := names.addRules(ctx, rest, base+"/rules/branches/"+name)
		if err != nil {
			return err
		}
		protection, err := names.addProtection(ctx, rest, base+"/branches/"+name)
		known = rules || protection
		return err
	})
	if err != nil {
		return Required{}, err
	}
	if !known {
		a.o.Logger.Debug().Str("repo", repo.FullName()).Msg("GitHub does not tell which checks are required")
		return Required{}, nil
	}
	return names.required(), nil
}

// addRules adds what the rulesets demand, and reports whether they could be
// read.
func (n *nameSet) addRules(ctx context.Context, rest *gh.Client, path string) (known bool, err error) {
	var bad error
	err = pages(ctx, rest, path, url.Values{}, rulesPerPage, maxRulePages, func(rules []rule) bool {
		for _, r := range rules {
			if r.Type != "required_status_checks" {
				continue
			}
			var p struct {
				Checks []struct {
					Context     string `json:"context"`
					Integration *int64 `json:"integration_id"`
				} `json:"required_status_checks"`
			}
			if bad = json.Unmarshal(r.Parameters, &p); bad != nil {
				return false
			}
			for _, c := range p.Checks {
				n.add(c.Context, c.Integration)
			}
		}
		return true
	})
	switch {
	case bad != nil:
		return false, checks.Errorf(checks.KindUnavailable, nil, "GitHub tells of a branch's rules in a way that cannot be read. It will be tried again.")
	case denied(err):
		return false, nil
	}
	return err == nil, err
}

// rule is one rule of a ruleset. The parameters are another thing for each
// type, and types come and go.
type rule struct {
	Type       string          `json:"type"`
	Parameters json.RawMessage `json:"parameters"`
}

// addProtection adds what the branch's protection demands, and reports whether
// it could be read.
func (n *nameSet) addProtection(ctx context.Context, rest *gh.Client, path string) (known bool, err error) {
	var branch struct {
		Protected  bool `json:"protected"`
		Protection struct {
			Checks *protection `json:"required_status_checks"`
		} `json:"protection"`
	}
	if known, err := read(ctx, rest, path, &branch); !known {
		return false, err
	}
	demand := branch.Protection.Checks
	if branch.Protected && demand == nil {
		demand = &protection{}
		if known, err := read(ctx, rest, path+"/protection/required_status_checks", demand); !known {
			return false, err
		}
	}
	if demand != nil {
		n.addProtected(demand)
	}
	return true, nil
}

// protection is what a protected branch demands. Contexts has the names of
// Checks too, and is all there is on an older server.
type protection struct {
	Contexts []string `json:"contexts"`
	Checks   []struct {
		Context string `json:"context"`
		App     *int64 `json:"app_id"`
	} `json:"checks"`
}

func (n *nameSet) addProtected(p *protection) {
	told := map[string]bool{}
	for _, c := range p.Checks {
		told[c.Context] = true
		n.add(c.Context, c.App)
	}
	for _, c := range p.Contexts {
		if !told[c] {
			n.add(c, nil)
		}
	}
}

// read gets one JSON value, and reports whether GitHub gave it; neither that
// nor an error when the App may not have it, or it is not there.
func read(ctx context.Context, rest *gh.Client, path string, into any) (known bool, err error) {
	req, err := rest.NewRequest(http.MethodGet, path, nil)
	if err != nil {
		return false, err
	}
	if _, err := rest.Do(ctx, req, into); err != nil {
		if denied(err) {
			return false, nil
		}
		return false, err
	}
	return true, nil
}

// denied reports whether GitHub answered that the App may not have what it
// asked for, or that it is not there.
func denied(err error) bool {
	var e *gh.ErrorResponse
	if !errors.As(err, &e) || e.Response == nil {
		return false
	}
	ans, _ := answerOf(e, false)
	if _, limited := ans.limit(time.Now(), 0); limited || forbids("suspended")(ans, target{}) {
		return false
	}
	return ans.status == http.StatusForbidden || ans.status == http.StatusNotFound
}
