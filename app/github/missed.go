package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	gh "github.com/google/go-github/v60/github"

	"github.com/dudesons/loktar/checks"
)

const (
	// maxDeliveryPages bounds what Undelivered reads, and maxListPages each list
	// of Installed, by pages of 100.
	maxDeliveryPages = 100
	maxListPages     = 50
)

// Delivery is an event that GitHub could not deliver.
type Delivery struct {
	ID    int64 // of the last attempt, by which it is asked for again
	GUID  string
	Event string // with its action, as "pull_request.opened"
	At    time.Time
}

// Undelivered are the events since of which no attempt was answered as it
// should be, the oldest first. GitHub keeps three days of them.
func (a *App) Undelivered(ctx context.Context, since time.Time) (missed []Delivery, err error) {
	done := map[string]bool{}
	seen := map[string]bool{}
	cursor := ""
	for range maxDeliveryPages {
		list, next, err := a.deliveries(ctx, cursor)
		if err != nil {
			return nil, err
		}
		cursor = next
		old := false
		for _, d := range list { // newest first
			guid := d.GetGUID()
			if old = d.GetDeliveredAt().Before(since); old || guid == "" {
				continue
			}
			if d.GetStatus() == "OK" {
				done[guid] = true
			}
			if !seen[guid] {
				name := d.GetEvent()
				if d.GetAction() != "" {
					name += "." + d.GetAction()
				}
				seen[guid] = true
				missed = append(missed, Delivery{ID: d.GetID(), GUID: guid, Event: name, At: d.GetDeliveredAt().UTC()})
			}
		}
		if old || cursor == "" || len(list) == 0 {
			break
		}
	}
	missed = slices.DeleteFunc(missed, func(d Delivery) bool { return done[d.GUID] })
	slices.Reverse(missed)
	return missed, nil
}

// deliveries reads one page, and again where it may come yet: what was read
// before is not to be lost.
func (a *App) deliveries(ctx context.Context, cursor string) (list []*gh.HookDelivery, next string, err error) {
	t := target{verb: "list deliveries", asApp: true, missing: "GitHub has no webhook of this App. Set its URL on the App's settings page."}
	for try := 1; ; try++ {
		_, err = a.run(ctx, a.app, t, func(ctx context.Context, rest *gh.Client) error {
			var resp *gh.Response
			var err error
			if list, resp, err = rest.Apps.ListHookDeliveries(ctx, &gh.ListCursorOptions{PerPage: 100, Cursor: cursor}); err == nil {
				next = resp.Cursor
			}
			return err
		})
		pause := time.Duration(try) * 200 * time.Millisecond
		var later interface{ RetryAfter() time.Duration }
		if errors.As(err, &later) {
			pause = later.RetryAfter()
		}
		kind := checks.KindOf(err)
		if err == nil || kind != checks.KindUnavailable && kind != checks.KindConfig || try == maxPageTries || pause > maxPause {
			return list, next, err
		}
		select {
		case <-ctx.Done():
			return nil, "", err
		case <-time.After(pause):
		}
	}
}

// maxPageTries is how often a page of deliveries is read at most.
const maxPageTries = 5

// Redeliver has GitHub deliver an event once more. It comes by the webhook.
func (a *App) Redeliver(ctx context.Context, d Delivery) error {
	t := target{verb: "redeliver " + d.GUID, asApp: true, missing: "GitHub does not know that delivery any more."}
	_, err := a.run(ctx, a.app, t, func(ctx context.Context, rest *gh.Client) error {
		_, _, err := rest.Apps.RedeliverHookDelivery(ctx, d.ID)
		if accepted := (*gh.AcceptedError)(nil); errors.As(err, &accepted) {
			return nil // which is how that library tells of success
		}
		return err
	})
	return err
}

// Installed are the repositories that the App may act on, by installation. Of
// installations that are suspended there are none.
func (a *App) Installed(ctx context.Context) (all map[int64][]checks.Repo, err error) {
	var ids []int64
	t := target{verb: "list installations", asApp: true, missing: "GitHub does not know this App."}
	_, err = a.run(ctx, a.app, t, func(ctx context.Context, rest *gh.Client) error {
		ids = nil
		for page := 1; page != 0 && page <= maxListPages; {
			list, resp, err := rest.Apps.ListInstallations(ctx, &gh.ListOptions{PerPage: 100, Page: page})
			if err != nil {
				return err
			}
			for _, in := range list {
				if in.SuspendedAt == nil {
					ids = append(ids, in.GetID())
				}
			}
			page = resp.NextPage
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	all = map[int64][]checks.Repo{}
	var errs []error
	for _, id := range ids {
		repos, err := a.repositories(ctx, id)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all[id] = repos
	}
	return all, errors.Join(errs...)
}

// repositories are those of one installation.
func (a *App) repositories(ctx context.Context, installation int64) (repos []checks.Repo, err error) {
	t := target{verb: "list repositories", missing: "The GitHub App is not installed there any more."}
	c, err := a.installation(installation)
	if err != nil {
		return nil, err
	}
	status, err := a.run(ctx, c, t, func(ctx context.Context, rest *gh.Client) error {
		repos = nil
		for page := 1; page != 0 && page <= maxListPages; {
			list, resp, err := rest.Apps.ListRepos(ctx, &gh.ListOptions{PerPage: 100, Page: page})
			if err != nil {
				return err
			}
			for _, r := range list.Repositories {
				if !r.GetArchived() {
					repos = append(repos, checks.Repo{ID: r.GetID(), Owner: r.GetOwner().GetLogin(), Name: r.GetName()})
				}
			}
			page = resp.NextPage
		}
		return nil
	})
	if status == http.StatusUnauthorized {
		a.forget(installation, c)
	}
	return repos, err
}

// OpenPulls are the open pull requests of repo that changed since, the last
// changed first.
func (a *App) OpenPulls(ctx context.Context, installation int64, repo checks.Repo, since time.Time) (pulls []checks.PullRequest, err error) {
	t := target{verb: "list pull requests", repo: repo,
		missing: "GitHub does not find " + repo.FullName() + ", or the App may not see its pull requests."}
	err = a.as(ctx, installation, t, func(ctx context.Context, rest *gh.Client) error {
		pulls = nil
		opts := gh.PullRequestListOptions{State: "open", Sort: "updated", Direction: "desc", ListOptions: gh.ListOptions{PerPage: pullsPerPage, Page: 1}}
		for range maxPullPages {
			list, resp, err := rest.PullRequests.List(ctx, repo.Owner, repo.Name, &opts)
			if err != nil {
				return err
			}
			for _, p := range list {
				if p.GetUpdatedAt().Before(since) {
					return nil
				}
				pulls = append(pulls, pull(p))
			}
			if opts.Page = resp.NextPage; opts.Page == 0 {
				return nil
			}
		}
		return nil
	})
	return pulls, err
}

// DefaultBranch is the default branch of repo, and the commit that it is at. The
// error is of kind checks.KindNotFound when it has none.
func (a *App) DefaultBranch(ctx context.Context, installation int64, repo checks.Repo) (branch, sha string, err error) {
	t := target{verb: "look at the default branch", repo: repo,
		missing: "GitHub does not find " + repo.FullName() + " or its default branch, or the App may not see it."}
	err = a.as(ctx, installation, t, func(ctx context.Context, rest *gh.Client) error {
		var r struct {
			DefaultBranch string `json:"default_branch"`
		}
		path := fmt.Sprintf("repos/%s/%s", repo.Owner, repo.Name)
		if err := ask(ctx, rest, http.MethodGet, path, nil, &r); err != nil {
			return err
		}
		if err := validBranch(r.DefaultBranch); err != nil {
			return err
		}
		var at struct {
			Object struct {
				SHA string `json:"sha"`
			} `json:"object"`
		}
		if err := ask(ctx, rest, http.MethodGet, path+"/git/ref/"+url.PathEscape("heads/"+r.DefaultBranch), nil, &at); err != nil {
			return err
		}
		branch, sha = r.DefaultBranch, at.Object.SHA
		return validSHA(sha)
	})
	return branch, sha, err
}

// Shown are the check runs of ours that GitHub has on a commit, by the keys
// that they were created with. Reading them counts as no write.
func (a *App) Shown(ctx context.Context, installation int64, repo checks.Repo, sha string) (shown []checks.ShownCheck, err error) {
	if err := validSHA(sha); err != nil {
		return nil, err
	}
	cr := checks.CheckRun{Repo: repo}
	err = a.as(ctx, installation, checkTarget("list check runs", cr), func(ctx context.Context, rest *gh.Client) error {
		shown = nil
		opts := gh.ListCheckRunsOptions{Filter: gh.String("all"), AppID: gh.Int64(a.o.AppID), ListOptions: gh.ListOptions{PerPage: 100, Page: 1}}
		for range maxShownPages {
			list, resp, err := rest.Checks.ListCheckRunsForRef(ctx, repo.Owner, repo.Name, sha, &opts)
			if err != nil {
				return err
			}
			for _, c := range list.CheckRuns {
				shown = append(shown, checks.ShownCheck{ID: c.GetID(), ExternalID: c.GetExternalID(), Name: c.GetName(),
					Status: checks.Status(c.GetStatus()), Conclusion: checks.Conclusion(c.GetConclusion())})
			}
			if opts.Page = resp.NextPage; opts.Page == 0 {
				return nil
			}
		}
		return fmt.Errorf("%s has more than %d check runs at %.7s", repo.FullName(), 100*maxShownPages, sha)
	})
	return shown, err
}

// maxShownPages bounds how many check runs Shown reads, by pages of 100.
const maxShownPages = 60
