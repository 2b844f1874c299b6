package runner

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	units "github.com/docker/go-units"
	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/checks"
)

// lendCaches leases what job has as `cache`, for t. refusal says why that cannot
// be because of what the repository holds. An error means that ctx has ended.
func (r *Runner) lendCaches(ctx context.Context, run checks.Run, job checks.Job, t *Task, log *Log) (refusal string, err error) {
	if r.o.Caches == nil || len(job.Package.Cache) == 0 {
		return "", nil
	}
	places, wrong := checks.CachePlaces(&job.Package)
	if wrong != "" {
		return fmt.Sprintf("In the `cache` of %s, %s.", checks.ManifestFile, wrong), nil
	}
	for _, place := range places {
		at, refusal := cacheAt(t, place)
		if refusal != "" {
			r.dropCaches(t)
			return refusal, nil
		}
		v, err := r.o.Caches.Lease(ctx, CacheWant{
			Repo: run.Repo.ID, Place: place, Reads: checks.CacheReads(&run, &job), Write: checks.CacheWrites(&run, &job),
		})
		switch {
		case err != nil && ctx.Err() != nil:
			r.dropCaches(t)
			return "", ctx.Err()
		case err != nil:
			zerolog.Ctx(ctx).Warn().Err(err).Str("job", job.ID().String()).Msg("a job runs without its caches")
			log.Heading("Caches are not used. " + checks.PublicText(err, "The server's own log tells why."))
			r.dropCaches(t)
			return "", nil
		}
		v.At = at
		t.Caches = append(t.Caches, v)
	}
	return "", nil
}

func (r *Runner) dropCaches(t *Task) {
	for _, v := range t.Caches {
		r.o.Caches.Release(v)
	}
	t.Caches = nil
}

// endCaches ends the leases of a job's caches: those of one that passed are
// saved.
func (r *Runner) endCaches(ctx context.Context, views []CacheView, exit Exit, passed bool, log *Log) {
	for _, v := range views {
		name := cacheName(v, views)
		switch {
		case exit.CachesHeld:
			log.Heading(name + ": not saved, as the job's container could not be removed")
		case exit.Uncached:
			r.o.Caches.Release(v)
		case !passed || exit.OutOfMemory:
			r.o.Caches.Release(v)
			log.Heading(name + ": not saved, as not all of the job went well")
		default:
			note, err := r.o.Caches.Save(ctx, v)
			if err != nil {
				zerolog.Ctx(ctx).Warn().Err(err).Str("cache", v.Place.Key).Msg("a cache is not saved")
				note = "not saved. " + checks.PublicText(err, "The server's own log tells why.")
			}
			log.Heading(name + ": " + note)
		}
	}
}

// CacheHeadings tell what each of a task's caches has.
func CacheHeadings(views []CacheView, now time.Time) (lines []string) {
	for _, v := range views {
		text := cacheName(v, views) + ": none yet"
		if v.From != "" {
			text = fmt.Sprintf("%s: %s, from %s, saved %s ago", cacheName(v, views),
				units.CustomSize("%.3g %s", float64(v.Bytes), 1000, []string{"B", "kB", "MB", "GB", "TB"}),
				v.From.Words(), strings.ToLower(units.HumanDuration(max(0, now.Sub(v.Saved)))))
		}
		lines = append(lines, text)
	}
	return lines
}

// cacheName is what a cache is called among all of a job's.
func cacheName(v CacheView, all []CacheView) string {
	for _, other := range all {
		if other.Place.Key == v.Place.Key && other.ID != v.ID {
			return fmt.Sprintf("Cache %s (%s)", v.Place.Key, v.Place.Path)
		}
	}
	return "Cache " + v.Place.Key
}

// cacheAt is where a job is to find a folder of a cache. Links lead to the
// package's folder at most: nothing that the repository holds makes a folder
// appear elsewhere than its path says.
func cacheAt(t *Task, place checks.CachePlace) (at, refusal string) {
	if !place.Inside {
		return place.Path, ""
	}
	tree, err := filepath.EvalSymlinks(t.Tree)
	if err != nil {
		return place.Path, "" // the sandbox says what is wrong with our own folder
	}
	dir, err := filepath.EvalSymlinks(filepath.Join(tree, filepath.FromSlash(t.Dir)))
	if err != nil {
		return place.Path, "" // refusal has it
	}
	if dir, err = filepath.Rel(tree, dir); err != nil || !filepath.IsLocal(dir) {
		return "", fmt.Sprintf("The folder `%s` is not inside the repository. Correct pkg_dir in %s.", t.Dir, checks.ManifestFile)
	}
	rest := strings.TrimPrefix(place.Path, t.Dir+"/")
	if at = path.Join(filepath.ToSlash(dir), rest); within(at, ".git") {
		return "", fmt.Sprintf("The cache %s would be at `%s`, which is git's own. Name another folder in %s.", place.Key, at, checks.ManifestFile)
	}
	for i := len(at) - len(rest); i <= len(at); i++ {
		if i < len(at) && at[i] != '/' {
			continue
		}
		step := at[:i]
		if t.hides(step) {
			break
		}
		info, err := os.Lstat(filepath.Join(tree, filepath.FromSlash(step)))
		if os.IsNotExist(err) {
			break
		}
		if err != nil || !info.IsDir() {
			return "", fmt.Sprintf("The cache %s cannot be at `%s`, as `%s` is no folder in the tested commit. Name another folder in %s.", place.Key, at, step, checks.ManifestFile)
		}
	}
	return at, ""
}

// within reports whether a path is dir or inside it.
func within(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }
