package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker/docker/client"
	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/report"
	"github.com/dudesons/loktar/configs"
	"github.com/dudesons/loktar/runner"
	"github.com/dudesons/loktar/runner/publish"
	"github.com/dudesons/loktar/store"
	"github.com/dudesons/loktar/store/blob"
)

// releases publishes packages: it plans what is owed, and carries out the jobs
// that publish. A version is reserved before anything is built, and what was
// built is kept before anything is uploaded; so whoever dies on the way
// publishes the same bytes under the same version.
type releases struct {
	cfg    configs.Config
	store  *store.Store
	runner *runner.Runner
	built  shelf
	close  func() error
	engine *client.Client // builds images
	log    zerolog.Logger
	turns  turns
	at     func(step string) // tests hear of each step that is done; else nil

	announcer announcer
	budget    *report.Budget // what is announced counts in it
	historian historian
}

func (r *releases) did(step string) {
	if r.at != nil {
		r.at(step)
	}
}

func openReleases(cfg configs.Config, s *store.Store, r *runner.Runner, log zerolog.Logger) (*releases, error) {
	dir, err := blob.OpenDir(filepath.Join(cfg.DataDir, "built"))
	if err != nil {
		return nil, err
	}
	return &releases{cfg: cfg, store: s, runner: r, built: shelf{bucket: dir}, close: dir.Close, log: log.With().Str("part", "releases").Logger()}, nil
}

// plan tells which packages are published and which were. all are the keys of
// m's packages in the tree to test. Of a push that was heard of late nothing
// is: what came after it is planned already.
func (r *releases) plan(ctx context.Context, ev checks.Event, m *checks.Manifest, all map[string]string) (*checks.Releases, error) {
	later, err := r.late(ctx, ev)
	if err != nil {
		return nil, err
	}
	repo := ev.Repo
	out := &checks.Releases{Keys: map[string]string{}, Last: map[string]string{}, Refused: map[string]string{}}
	for _, pkg := range m.Packages {
		if !published(pkg) {
			continue
		}
		if _, err := r.registry(repo, pkg); err != nil {
			out.Refused[pkg.Name] = err.Error()
			continue
		}
		out.Keys[pkg.Name] = all[pkg.Name]
		last, found, err := r.store.LastPublished(repo.ID, pkg.Name)
		if err != nil {
			return nil, fmt.Errorf("read what was published: %w", err)
		}
		if found {
			out.Last[pkg.Name] = contentOf(last.Key)
		}
		if later != "" && out.Last[pkg.Name] != out.Keys[pkg.Name] {
			out.Refused[pkg.Name] = fmt.Sprintf("The push of a later commit, %s, was heard of before this one.", checks.ShortSHA(later))
			delete(out.Keys, pkg.Name)
		}
	}
	return out, nil
}

// published reports whether a package of this kind is published.
func published(pkg checks.Package) bool {
	switch pkg.PkgType {
	case "whl", "jar", "file", "docker":
		return true
	}
	return false
}

// A publication's key is the package's own and the version that it follows:
// what is brought back to an earlier state is published anew.
func keyAfter(content string, last checks.Publication) string { return content + "@" + last.Version }

func contentOf(key string) string {
	content, _, _ := strings.Cut(key, "@")
	return content
}

// run carries out a job that publishes.
func (r *releases) run(ctx context.Context, run checks.Run, job checks.Job) (checks.Result, error) {
	if job.Release.Branch != "" {
		return r.try(ctx, run, job)
	}
	pkg := job.Package
	pkg.Name = job.Release.Package
	last, found, err := r.store.LastPublished(run.Repo.ID, pkg.Name)
	if err != nil {
		return checks.Result{}, fmt.Errorf("read what was published: %w", err)
	}
	if found && contentOf(last.Key) == job.Release.Key {
		result, err := r.announce(ctx, run, job, last, checks.Result{Outcome: checks.OutcomePassed, Version: last.Version, Items: last.Items, Detail: "It was published before, as version " + last.Version + "."})
		if err != nil {
			return r.owed(ctx, pkg, last.Version, err)
		}
		return result, nil
	}
	if found {
		switch why, err := r.overtaken(ctx, run, job, last); {
		case err != nil:
			return r.owed(ctx, pkg, "", err)
		case why != "":
			return checks.Result{Outcome: checks.OutcomeSuperseded, Detail: why}, nil
		}
	}
	if err := r.claim(ctx, run.Repo, pkg); err != nil {
		return r.owed(ctx, pkg, "", err)
	}
	to, closer, err := r.publisher(run.Repo, &pkg)
	if err != nil {
		return checks.Result{}, err
	}
	defer closer()
	if pkg.BuildInfo.Version, err = r.template(ctx, run, job); err != nil {
		return r.owed(ctx, pkg, "", err)
	}
	for tries := 1; ; tries++ {
		result, err := r.attempt(ctx, to, run, job, pkg, last)
		if !publish.IsConflict(err) || tries == maxConflicts {
			return result, err
		}
	}
}

// maxConflicts is how many versions are tried that others took meanwhile.
const maxConflicts = 5

// attempt publishes a package under the version that is reserved for its
// state. An error that is a conflict says that somebody else has taken it in
// the registry, and that the next one may be free.
func (r *releases) attempt(ctx context.Context, to publish.Publisher, run checks.Run, job checks.Job, pkg checks.Package, last checks.Publication) (checks.Result, error) {
	highest, err := to.Highest(ctx, pkg)
	if err != nil {
		return r.owed(ctx, pkg, "", err)
	}
	r.did("highest")
	pub, err := r.reserve(ctx, run, job, pkg, last, highest)
	if err != nil {
		return r.owed(ctx, pkg, "", err)
	}
	r.did("reserved")
	of := publish.Release{Repo: run.Repo, Package: pkg, Version: pub.Version, Commit: pub.Commit, Branch: run.Push.Branch()}
	if r.lost(ctx, pkg, pub.Items) {
		pub.Items = nil
		result, err := r.build(ctx, run, job, of, &pub)
		if err != nil || result.Outcome != checks.OutcomePassed {
			return result, err
		}
	}
	if pkg.PkgType == "docker" {
		of.Image = pub.Items[0].Digest
	} else {
		of.Files = r.files(ctx, pub.Items)
	}
	done, err := to.Publish(ctx, of)
	if publish.IsConflict(err) && numbered(pkg, pub) {
		r.log.Warn().Err(err).Str("repo", run.Repo.FullName()).Str("package", pkg.Name).Str("version", pub.Version).Msg("somebody else took the version; the next one is tried")
		return checks.Result{}, errors.Join(err, r.store.GiveUp(ctx, pub))
	}
	if err != nil {
		return r.owed(ctx, pkg, pub.Version, err)
	}
	r.did("uploaded")
	pub.Items = done.Items
	result, err := r.announce(ctx, run, job, pub, checks.Result{Outcome: checks.OutcomePassed, Version: pub.Version, Items: done.Items})
	if err != nil {
		return r.owed(ctx, pkg, pub.Version, err)
	}
	if err := r.store.Published(ctx, pub); err != nil {
		return checks.Result{}, err
	}
	r.did("published")
	r.log.Info().Str("repo", run.Repo.FullName()).Str("package", pkg.Name).Str("version", pub.Version).Msg("published")
	return result, nil
}

// reserve takes the version, or finds the one that was taken for this state.
func (r *releases) reserve(ctx context.Context, run checks.Run, job checks.Job, pkg checks.Package, last checks.Publication, highest int64) (checks.Publication, error) {
	template, err := publish.ParseTemplate(pkg.PkgType, pkg.BuildInfo.Version)
	if err != nil {
		return checks.Publication{}, err
	}
	now := time.Now()
	return r.store.Reserve(ctx, checks.Publication{
		Repo: run.Repo.ID, Package: pkg.Name, Key: keyAfter(job.Release.Key, last), Commit: run.HeadSHA, Run: run.ID,
	}, highest, func(number int64) (string, error) {
		return template.Version(publish.ValuesAt(number, now, run.HeadSHA))
	})
}

// numbered reports whether another number makes another version of it.
func numbered(pkg checks.Package, pub checks.Publication) bool {
	template, err := publish.ParseTemplate(pkg.PkgType, pkg.BuildInfo.Version)
	if err != nil {
		return false
	}
	_, ok := template.Number(pub.Version)
	return ok
}

// build runs the release steps and keeps what they made, or the image that the
// engine makes of it.
func (r *releases) build(ctx context.Context, run checks.Run, job checks.Job, of publish.Release, pub *checks.Publication) (checks.Result, error) {
	result, err := r.runner.Release(ctx, run, job, runner.ReleaseOptions{
		Version: pub.Version,
		Build:   r.image(of, pub),
		Collect: func(ctx context.Context, name string, _ int64, _ fs.FileMode, open func() (io.ReadCloser, error)) error {
			item, err := r.keep(ctx, name, open)
			pub.Items = append(pub.Items, item)
			return err
		},
	})
	if err != nil || result.Outcome != checks.OutcomePassed {
		return result, err
	}
	r.did("built")
	if err := r.store.Built(ctx, *pub); err != nil {
		return checks.Result{}, err
	}
	r.did("kept")
	return result, nil
}

// keep stores a file that the steps made.
func (r *releases) keep(ctx context.Context, name string, open func() (io.ReadCloser, error)) (checks.PublishedItem, error) {
	sum, size, err := r.built.add(ctx, 0, open)
	return checks.PublishedItem{Name: name, SHA256: sum, Size: size}, err
}

// files are what was built, read from where it is kept.
func (r *releases) files(ctx context.Context, items []checks.PublishedItem) []publish.File {
	out := make([]publish.File, len(items))
	for i, item := range items {
		out[i] = publish.File{Name: item.Name, Size: item.Size, SHA256: item.SHA256, Open: func() (io.ReadCloser, error) {
			r.did("opened " + item.Name)
			content, _, err := blob.Blobs{Bucket: r.built.bucket}.Open(ctx, blob.Digest(item.SHA256))
			return content, err
		}}
	}
	return out
}
