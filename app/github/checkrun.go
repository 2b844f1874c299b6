package github

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"

	gh "github.com/google/go-github/v60/github"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/markdown"
)

// batch is how many annotations GitHub takes in one request. It appends those
// of each further one.
const batch = 50

// maxPages bounds how far Find reads; GitHub keeps 1,000 check runs of a name.
const maxPages = 20

func checkTarget(verb string, cr checks.CheckRun) target {
	return target{verb: verb, repo: cr.Repo,
		missing: "GitHub does not find " + cr.Repo.FullName() + ", or the App may not write checks there. Install the App on it again."}
}

// Put creates a check run (id 0) or updates the one of that id, and returns
// its id. What is longer than GitHub takes is cut, and says so. The buttons are
// those of cr.Actions from then on. Annotations
// that an earlier call delivered are not sent again, so after a failure the
// same Put may be repeated with the id; after a create whose answer was lost,
// ask Find for it first. An id that comes with an error is that of a check
// run which exists, with a part of its annotations.
//
// A check run that is not there any more is created anew. Where GitHub does not
// take what it is to say, it says its conclusion and where the rest is.
func (a *App) Put(ctx context.Context, cr checks.CheckRun, id int64) (int64, error) {
	if err := validSHA(cr.HeadSHA); err != nil {
		return 0, err
	}
	got, err := a.put(ctx, cr, id)
	switch do := remedyOf(err); {
	case do == recreate && id != 0:
		if got, err = a.Find(ctx, cr); err != nil {
			return 0, err
		}
		if got == id {
			got = 0
		}
		return a.put(ctx, cr, got)
	case do == plainly:
		bare := plain(cr)
		if got, err = a.put(ctx, bare, cmp.Or(got, id)); remedyOf(err) == plainly && id != 0 && cr.Status == checks.StatusCompleted {
			got, err = a.put(ctx, bare, 0)
		}
	}
	return got, err
}

// plain is cr with nothing that GitHub may not take.
func plain(cr checks.CheckRun) checks.CheckRun {
	cr.Title, cr.Text, cr.Annotations, cr.Actions = markdown.Plain(cr.Title, maxTitle), "", nil, nil
	cr.Summary = fmt.Sprintf("GitHub did not take what this check has to say. [Its page](%s) says it.", cr.DetailsURL)
	return cr
}

// put is Put without another try.
func (a *App) put(ctx context.Context, cr checks.CheckRun, id int64) (int64, error) {
	body := bodyOf(cr)
	notes := annotationsOf(cr.Annotations)
	created := id == 0
	err := a.as(ctx, cr.Installation, checkTarget("put check run", cr), func(ctx context.Context, rest *gh.Client) error {
		path := fmt.Sprintf("repos/%s/%s/check-runs", cr.Repo.Owner, cr.Repo.Name)
		if id == 0 {
			body.HeadSHA = cr.HeadSHA
			first := min(batch, len(notes))
			body.annotate(notes[:first], cr)
			got, err := write(ctx, rest, http.MethodPost, path, body)
			if err != nil {
				return err
			}
			id, notes = got, notes[first:]
		} else {
			one := fmt.Sprintf("%s/%d", path, id)
			if len(notes) > 0 && !created {
				there, err := count(ctx, rest, one)
				if err != nil {
					return err
				}
				notes = notes[min(there, len(notes)):]
			}
			first := min(batch, len(notes))
			body.HeadSHA = ""
			body.annotate(notes[:first], cr)
			if _, err := write(ctx, rest, http.MethodPatch, one, body); err != nil {
				return err
			}
			notes = notes[first:]
		}
		for len(notes) > 0 {
			first := min(batch, len(notes))
			more := checkBody{Actions: body.Actions, Output: &output{Title: body.Output.Title, Summary: body.Output.Summary, Text: body.Output.Text, Annotations: notes[:first]}}
			if _, err := write(ctx, rest, http.MethodPatch, fmt.Sprintf("%s/%d", path, id), more); err != nil {
				return err
			}
			notes = notes[first:]
		}
		return nil
	})
	return id, err
}

// write sends one POST or PATCH and returns the id that GitHub answered.
func write(ctx context.Context, rest *gh.Client, method, path string, body checkBody) (int64, error) {
	var got struct {
		ID int64 `json:"id"`
	}
	req, err := rest.NewRequest(method, path, body)
	if err != nil {
		return 0, err
	}
	if _, err := rest.Do(ctx, req, &got); err != nil {
		return 0, err
	}
	if got.ID == 0 {
		return 0, checks.Errorf(checks.KindUnavailable, nil, "GitHub answered without the check run's id. It will be tried again.")
	}
	return got.ID, nil
}

// count is how many annotations a check run has; none when the server does
// not tell.
func count(ctx context.Context, rest *gh.Client, path string) (int, error) {
	var got struct {
		Output struct {
			Annotations int `json:"annotations_count"`
		} `json:"output"`
	}
	req, err := rest.NewRequest(http.MethodGet, path, nil)
	if err != nil {
		return 0, err
	}
	if _, err := rest.Do(ctx, req, &got); err != nil && !notFound(err) {
		return 0, err
	}
	return max(0, got.Output.Annotations), nil
}

// Find looks for the check run that an earlier Put of the same Key created on
// the same commit, and returns its id; 0 when there is none, or the server
// cannot list check runs.
func (a *App) Find(ctx context.Context, cr checks.CheckRun) (int64, error) {
	if err := validSHA(cr.HeadSHA); err != nil {
		return 0, err
	}
	var found int64
	err := a.as(ctx, cr.Installation, checkTarget("find check run", cr), func(ctx context.Context, rest *gh.Client) error {
		opts := gh.ListCheckRunsOptions{
			CheckName:   gh.String(cr.Key.Name),
			Filter:      gh.String("all"),
			ListOptions: gh.ListOptions{PerPage: 100},
		}
		for range maxPages {
			list, resp, err := rest.Checks.ListCheckRunsForRef(ctx, cr.Repo.Owner, cr.Repo.Name, cr.HeadSHA, &opts)
			if err != nil {
				if notFound(err) {
					return nil
				}
				return err
			}
			if list == nil {
				return nil
			}
			for _, c := range list.CheckRuns {
				ours := c.GetApp().GetID() == 0 || c.GetApp().GetID() == a.o.AppID
				if ours && c.GetExternalID() == cr.Key.String() && c.GetName() == cr.Key.Name {
					found = max(found, c.GetID())
				}
			}
			if found != 0 || resp.NextPage <= opts.Page {
				return nil
			}
			opts.Page = resp.NextPage
		}
		return nil
	})
	return found, err
}

func notFound(err error) bool {
	var e *gh.ErrorResponse
	return errors.As(err, &e) && e.Response != nil && e.Response.StatusCode == http.StatusNotFound
}
