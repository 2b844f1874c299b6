package app

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/dudesons/loktar/app/github"
	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/report"
	"github.com/dudesons/loktar/runner/source"
)

// announcer is where versions are announced: GitHub.
type announcer interface {
	CreateTag(ctx context.Context, installation int64, repo checks.Repo, name, sha string) error
	CreateRelease(ctx context.Context, installation int64, repo checks.Repo, r github.Release) error
}

// historian reads what happened to a folder, and to a branch.
type historian interface {
	Passed(ctx context.Context, installation int64, repo checks.Repo, branch, older, newer string) (bool, error)
	History(ctx context.Context, installation int64, repo checks.Repo, r source.Range) (source.History, error)
}

// maxRead is how long the commits of a package may take to be read.
const maxRead = 2 * time.Minute

// announce gives a version that the registry has its tag and its release, where
// the package asks for them, and adds what it made to result. All of it may be
// repeated. What GitHub does not allow, or cannot have, is told in the result:
// the version is published all the same. An error means that all is to be
// tried again.
func (r *releases) announce(ctx context.Context, run checks.Run, job checks.Job, pub checks.Publication, result checks.Result) (checks.Result, error) {
	b := job.Package.BuildInfo
	if b.GitTag == "" {
		return result, nil
	}
	// A template that was wrong would have been refused with its loktar.json.
	tag, _ := checks.FillTag(b.GitTag, job.Release.Package, pub.Version)
	missing := "tag"
	err := r.written(ctx, run, func() error {
		return r.announcer.CreateTag(ctx, run.Installation, run.Repo, tag, pub.Commit)
	})
	if err == nil {
		result.Items = append(result.Items[:len(result.Items):len(result.Items)], checks.PublishedItem{Name: "Tag " + tag, URL: r.page(run.Repo, "tree", tag)})
		if b.GitHubRelease {
			missing = "release at GitHub"
			err = r.release(ctx, run, job, pub, tag)
		}
		if err == nil && b.GitHubRelease {
			result.Items = append(result.Items, checks.PublishedItem{Name: "Release " + tag, URL: r.page(run.Repo, "releases/tag", tag)})
		}
	}
	if err == nil {
		r.did("announced")
		return result, nil
	}
	if ctx.Err() != nil || checks.KindOf(err) == checks.KindUnavailable {
		return result, err
	}
	r.log.Warn().Err(err).Str("repo", run.Repo.FullName()).Str("package", pub.Package).Str("version", pub.Version).Msg("a version was published and not announced")
	result.Detail = strings.TrimSpace(result.Detail + " The version is published, but its " + missing + " is missing. " +
		checks.PublicText(err, "The server's log says why.") + " A re-run of this check tries it again.")
	return result, nil
}

// release makes the release of a tag.
func (r *releases) release(ctx context.Context, run checks.Run, job checks.Job, pub checks.Publication, tag string) error {
	n := notes{pkg: job.Release.Package, dir: job.Package.Dir, items: pub.Items, commit: func(sha string) string { return r.page(run.Repo, "commit", sha) }}
	last, found, err := r.before(pub)
	if err != nil {
		return err
	}
	of := source.Range{Head: pub.Commit, Dir: job.Package.Dir, Without: job.Release.Nested, Most: maxNotes}
	if found {
		n.since, of.Since = last.Version, last.Commit
	}
	reading, cancel := context.WithTimeout(ctx, maxRead)
	n.history, err = r.historian.History(reading, run.Installation, run.Repo, of)
	long := reading.Err() != nil
	cancel()
	if err != nil {
		if ctx.Err() != nil || checks.KindOf(err) == checks.KindUnavailable && !long {
			return err
		}
		n.unread = true
		r.log.Warn().Err(err).Str("repo", run.Repo.FullName()).Str("package", pub.Package).Msg("the commits of a version cannot be read")
	}
	return r.written(ctx, run, func() error {
		return r.announcer.CreateRelease(ctx, run.Installation, run.Repo, github.Release{
			Tag: tag, Commit: pub.Commit, Name: job.Release.Package + " " + pub.Version, Notes: n.markdown(),
		})
	})
}

// written counts what do writes to GitHub, and has it wait where too much was
// written: for a minute at most, as others may need the job's place.
func (r *releases) written(ctx context.Context, run checks.Run, do func() error) error {
	return r.budget.Write(ctx, run.Installation, report.UseRelease, time.Minute, do)
}

// before is the publication of the package that a publication follows.
func (r *releases) before(pub checks.Publication) (last checks.Publication, found bool, err error) {
	all, err := r.store.Publications(pub.Repo, pub.Package, 1000)
	for _, p := range all {
		if p.State == checks.PublicationDone && p.Number < pub.Number {
			return p, true, nil
		}
	}
	return last, false, err
}

// page is an address of a repository at GitHub.
func (r *releases) page(repo checks.Repo, kind, name string) string {
	return r.cfg.GitHub.URL + "/" + repo.FullName() + "/" + kind + "/" + (&url.URL{Path: name}).EscapedPath()
}
