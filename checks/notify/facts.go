package notify

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/report"
)

// Facts are what there is to tell of a run. Titles, logins and the names of
// branches and tags are hostile text; URLs are safe in any markup.
type Facts struct {
	State State
	Done  bool
	// Summary is one line on how the packages stand.
	Summary string
	// Repo is OWNER/NAME.
	Repo, RepoURL string
	// Event is the kind of run. Target is what it is of, as #12 or a branch's
	// name, and Title a pull request's.
	Event             checks.NotifyEvent
	Target, TargetURL string
	Title             string
	// Author is the login of a pull request's author, or of who else began it.
	Author            string
	Commit, CommitURL string // short
	URL               string // of the run's page
	// Failed are the first maxListed packages that did not pass, red ones
	// before those with a fault of Loktar's; FailedMore counts the others.
	Failed     []Failure
	FailedMore int
	// Published are the first versions that are out, and likewise.
	Published     []Version
	PublishedMore int
	// Fixed are the packages that did not pass the last time.
	Fixed []string
}

// Failure is a package that did not pass. Why is one sentence; Fault says that
// it is Loktar's own.
type Failure struct {
	Name, URL, Why string
	Fault          bool
}

// Version is what a package was published as.
type Version struct{ Name, URL, Version string }

// maxListed bounds how many packages are named.
const maxListed = 20

// facts are those of a run as these of its jobs have it.
func (n *Notifier) facts(run *checks.Run, jobs []checks.Job, state State, fixed []string) Facts {
	repo := n.o.GitHubURL + "/" + url.PathEscape(run.Repo.Owner) + "/" + url.PathEscape(run.Repo.Name)
	f := Facts{
		State: state, Done: run.Done(), Summary: report.Aggregate(*run, jobs, n.o.BaseURL).Title,
		Repo: run.Repo.FullName(), RepoURL: repo, Event: run.NotifyEvent(), Author: run.Sender.Login,
		Commit: checks.ShortSHA(run.HeadSHA), CommitURL: repo + "/commit/" + url.PathEscape(run.HeadSHA),
		URL: report.RunURL(n.o.BaseURL, run.ID), Fixed: fixed,
	}
	switch pr, g, p := run.PullRequest, run.MergeGroup, run.Push; {
	case pr != nil:
		f.Target, f.Title, f.Author = "#"+strconv.Itoa(pr.Number), pr.Title, pr.Author.Login
		f.TargetURL = repo + "/pull/" + strconv.Itoa(pr.Number)
	case g != nil:
		f.Target, f.TargetURL = g.Branch(), repo+"/tree/"+segments(g.Branch())
	case p != nil && p.Tag() != "":
		f.Target, f.TargetURL = p.Tag(), repo+"/releases/tag/"+segments(p.Tag())
	case p != nil && p.Branch() != "":
		f.Target, f.TargetURL = p.Branch(), repo+"/tree/"+segments(p.Branch())
	}
	if f.Target == "" {
		f.Target, f.TargetURL = f.Commit, f.CommitURL
	}
	for _, faults := range []bool{false, true} {
		for i := range jobs {
			if j := &jobs[i]; faults && fault(j) || !faults && red(j) {
				f.Failed = append(f.Failed, Failure{Name: j.Package.Name, URL: n.jobURL(j), Why: why(j), Fault: faults})
			}
		}
	}
	for i := range jobs {
		if j := &jobs[i]; released(j) {
			f.Published = append(f.Published, Version{Name: j.Release.Package, URL: n.jobURL(j), Version: j.Result.Version})
		}
	}
	f.Failed, f.FailedMore = first(f.Failed)
	f.Published, f.PublishedMore = first(f.Published)
	return f
}

func (n *Notifier) jobURL(j *checks.Job) string {
	id := j.ID()
	if j.CarriedFrom != "" {
		id.Run = j.CarriedFrom
	}
	return report.JobURL(n.o.BaseURL, id)
}

func first[T any](all []T) ([]T, int) {
	if len(all) <= maxListed {
		return all, 0
	}
	return slices.Clip(all[:maxListed]), len(all) - maxListed
}

// why is how a package ended that did not pass, in a sentence.
func why(j *checks.Job) string {
	took := checks.Took(j.Duration())
	after := ""
	if took != "" {
		after = " after " + took
	}
	switch {
	case j.Result.Detail != "":
		return strings.ReplaceAll(j.Result.Detail, "`", "") // what they enclose is code, where there is markup
	case j.Result.Outcome == checks.OutcomeTimedOut:
		return "Timed out" + after + "."
	case j.Result.Outcome == checks.OutcomeFailed:
		return "Failed" + after + " with exit code " + strconv.Itoa(j.Result.ExitCode) + "."
	}
	return "Loktar could not run it."
}

// segments is a branch's name in the path of an address.
func segments(name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/")
}
