package docker

import (
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/mount"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
	"github.com/dudesons/loktar/runner/rmtree"
)

// uncached says why t's caches cannot be laid over what a job sees, or "".
func (s *Sandbox) uncached(ctx context.Context, t *runner.Task) (string, error) {
	if len(t.Caches) == 0 {
		return "", nil
	}
	m, err := s.look(ctx)
	if err != nil {
		return "", err
	}
	copies, err := s.copies(ctx)
	switch {
	case err != nil:
		return "", err
	case copies:
		return whyCopied, nil
	case !m.caches:
		return "The Docker engine's machine has a Linux before 4.19.", nil
	}
	work, err := os.Stat(s.o.WorkDir)
	if err != nil {
		return "", fault(err, "look at the work folder")
	}
	for _, v := range t.Caches {
		// Whether overlays serve was tried on the file system of the work folder.
		info, err := os.Stat(v.Upper)
		if err != nil || !sameDevice(info, work) || mountable(v.Upper) != nil {
			return "They are not on the file system of the work folder.", nil
		}
	}
	return "", nil
}

// whyCopied is why jobs that get a copy of their files get no caches.
const whyCopied = "The job's files are copied here, for which there is no overlay; the server's log says why."

func sameDevice(a, b os.FileInfo) bool {
	one, ok := a.Sys().(*syscall.Stat_t)
	other, also := b.Sys().(*syscall.Stat_t)
	return ok && also && one.Dev == other.Dev
}

// announce tells what each cache has, or that there are none, which it then
// takes off t.
func (s *Sandbox) announce(ctx context.Context, t *runner.Task, out runner.Output) (uncached bool, err error) {
	why, err := s.uncached(ctx, t)
	switch {
	case err != nil:
		return true, err
	case why != "":
		out.Heading("Caches are not used. " + why)
		t.Caches = nil
		return true, nil
	}
	for _, line := range runner.CacheHeadings(t.Caches, time.Now()) {
		out.Heading(line)
	}
	return false, nil
}

// cacheTarget is where a job finds a cache.
func cacheTarget(v runner.CacheView) string {
	if v.Place.Inside {
		return path.Join(workspace, v.At)
	}
	return v.At
}

// cacheMounts are j's views of its caches. What the kernel leaves in an overlay
// has to be read by more than the kernel, so nothing but whiteouts and opaque
// folders may stand there.
func (j *job) cacheMounts(labels map[string]string) (list []mount.Mount) {
	for _, v := range j.task.Caches {
		o := fmt.Sprintf("nodev,nosuid,redirect_dir=off,metacopy=off,index=off,lowerdir=%s,upperdir=%s,workdir=%s", strings.Join(v.Lower, ":"), v.Upper, v.Work)
		m := volumeOf("", labels, map[string]string{"type": "overlay", "device": "overlay", "o": j.volatile(o)})
		m.Target = cacheTarget(v)
		list = append(list, m)
	}
	return list
}

// renew empties the work folders of caches: of an attempt before, the kernel left
// a mark in them that it may have been volatile.
func (j *job) renew() error {
	for _, v := range j.task.Caches {
		if err := rmtree.Remove(v.Work); err != nil {
			return fault(err, "empty the work folder of a cache")
		}
		if err := os.Mkdir(v.Work, 0o755); err != nil {
			return fault(err, "make the work folder of a cache")
		}
	}
	return nil
}

// inside are the caches in the package's folder, by their paths from there.
func (j *job) inside() map[string]runner.CacheView {
	var all map[string]runner.CacheView
	for _, v := range j.task.Caches {
		if !v.Place.Inside {
			continue
		}
		if all == nil {
			all = map[string]runner.CacheView{}
		}
		all[strings.TrimPrefix(v.Place.Path, j.task.Dir+"/")] = v
	}
	return all
}

// isCache reports whether a cache is at the path in the container.
func (j *job) isCache(target string) bool {
	for _, v := range j.task.Caches {
		if cacheTarget(v) == target {
			return true
		}
	}
	return false
}

// unplaced is the error of a cache that the engine did not mount for what the
// image has on the way, as a file or a link into /proc. It is nil where err is
// of something else.
func (j *job) unplaced(err error) error {
	if err == nil {
		return nil
	}
	for _, v := range j.task.Caches {
		at := cacheTarget(v)
		if strings.Contains(err.Error(), fmt.Sprintf("to rootfs at %q", at)) {
			return checks.Causef(checks.CauseCache, err, "The cache %s cannot be at `%s` in the image %s, which has something else on the way. Name another folder in %s.",
				short(v.Place.Key), short(at), reference.FamiliarString(j.ref), checks.ManifestFile)
		}
	}
	return nil
}

// uppers are the folders to which the job's writes to its overlays go.
func (j *job) uppers() []string {
	all := []string{filepath.Join(j.dir, "upper")}
	for _, v := range j.task.Caches {
		all = append(all, v.Upper)
	}
	return all
}

// openAll is openMerged of j's workspace, with the caches that are in the
// package's folder.
func (j *job) openAll() (runner.Files, func(), error) {
	m, err := openMerged(j.task.Dir, j.layers()...)
	if err != nil {
		return nil, nil, err
	}
	inside := j.inside()
	if len(inside) == 0 {
		return m, m.close, nil
	}
	all := &patched{Files: m, at: map[string]*merged{}}
	done := func() {
		m.close()
		for _, over := range all.at {
			over.close()
		}
	}
	for at, v := range inside {
		over, err := openMerged(".", append([]string{v.Upper}, v.Lower...)...)
		if err != nil {
			done()
			return nil, nil, err
		}
		all.at[at] = over
	}
	return all, done, nil
}

// patched is a folder in which others lie at some paths.
type patched struct {
	runner.Files
	at map[string]*merged
}

// find is the folder that has name, and name from there.
func (p *patched) find(name string) (runner.Files, string) {
	for at, over := range p.at {
		if name == at {
			return over, "."
		}
		if rest, ok := strings.CutPrefix(name, at+"/"); ok {
			return over, rest
		}
	}
	return p.Files, name
}

// ReadDir implements runner.Files.
func (p *patched) ReadDir(ctx context.Context, name string, most int) ([]runner.FileEntry, error) {
	files, name := p.find(name)
	return files.ReadDir(ctx, name, most)
}

// Open implements runner.Files.
func (p *patched) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	files, name := p.find(name)
	return files.Open(ctx, name)
}
