package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
)

// localArtifacts puts what jobs leave into a folder of the caller's, each
// package's files into a folder of its name. Nothing leads out of it, and what
// else is there stays. Its zero value keeps nothing.
type localArtifacts struct {
	dir  string
	root *os.Root

	mu   sync.Mutex
	left map[string][]string // by package: what its last attempt left, from dir
	err  error               // why not all is there
}

func openLocalArtifacts(dir string, dry bool) (a *localArtifacts, err error) {
	if dir == "" || dry {
		return &localArtifacts{}, nil
	}
	defer func() {
		if err != nil {
			err = checks.Errorf(checks.KindConfig, err, "The folder %s cannot take artifacts. Name one that you may write to.", dir)
		}
	}()
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	return &localArtifacts{dir: dir, root: root, left: map[string][]string{}}, err
}

// NotKept is the error of RunLocal where jobs ran to their ends, and not all
// that they left could be kept.
type NotKept struct{ Err error }

func (e NotKept) Error() string { return e.Err.Error() }
func (e NotKept) Unwrap() error { return e.Err }

// close ends the keeping, and tells why not all is there.
func (a *localArtifacts) close() error {
	if a == nil || a.root == nil {
		return nil
	}
	root := a.root
	a.root = nil
	if err := errors.Join(a.err, root.Close()); err != nil {
		return NotKept{err}
	}
	return nil
}

// begin is a job as it is to be run: without artifacts that nobody keeps. Its
// reports are read in any case. What an earlier attempt of it left is removed.
func (a *localArtifacts) begin(job checks.Job) checks.Job {
	if a.root == nil {
		job.Package.Artifacts = nil
		return job
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	name := job.Package.Name
	for _, file := range a.left[name] {
		if err := a.root.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			_ = a.fails(file, err) // close tells
		}
	}
	delete(a.left, name)
	return job
}

// told is a result with those files alone that are kept.
func (a *localArtifacts) told(r checks.Result) checks.Result {
	if a.root == nil {
		r.Artifacts = nil
	}
	return r
}

// keep is a runner.Keep.
func (a *localArtifacts) keep(ctx context.Context, f runner.KeptFile) (string, error) {
	if a.root == nil {
		return "", nil
	}
	name := filepath.Join(f.Job.Package, filepath.FromSlash(f.Name))
	sum, err := a.write(ctx, name, f)
	if err == nil || ctx.Err() != nil {
		return sum, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return "", a.fails(name, err)
}

// fails notes that something of the folder is not as it should be.
func (a *localArtifacts) fails(name string, err error) error {
	full := filepath.Join(a.dir, name)
	err = checks.Errorf(checks.KindConfig, err, "%s cannot be written. Remove what is in the way, make room, or name another folder with --artifacts.", full)
	a.err = cmp.Or(a.err, err)
	return err
}

// write has a file be there whole, in place of what has its name.
func (a *localArtifacts) write(ctx context.Context, name string, f runner.KeptFile) (sum string, err error) {
	for _, part := range []string{f.Job.Package, f.Name} {
		if part == "." || !fs.ValidPath(part) || !filepath.IsLocal(filepath.FromSlash(part)) {
			return "", fmt.Errorf("%q is no name of a file", part)
		}
	}
	folder := filepath.Dir(name)
	if err := a.root.MkdirAll(folder, 0o777); err != nil {
		return "", err
	}
	from, err := f.Open()
	if err != nil {
		return "", err
	}
	defer from.Close()
	part := filepath.Join(folder, ".loktar-"+rand.Text())
	to, err := a.root.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, f.Mode.Perm())
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	_, err = io.CopyBuffer(io.MultiWriter(to, hash), runner.Until(ctx, from), make([]byte, 256<<10))
	if err = errors.Join(err, to.Close()); err == nil {
		err = a.root.Rename(part, name)
	}
	if err != nil {
		return "", errors.Join(err, a.root.Remove(part))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.left[f.Job.Package] = append(a.left[f.Job.Package], name)
	return hex.EncodeToString(hash.Sum(nil)), nil
}
