package source

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

const (
	// maxRef bounds a file of a ref, in bytes.
	maxRef = 4096
	// maxPackedRefs bounds the packed-refs that is searched by hand, in bytes.
	// Git finds its way in a larger one without reading all of it.
	maxPackedRefs = 1 << 20
	// maxSymrefs is how many refs may lead to each other, as git has it.
	maxSymrefs = 5
)

// errAskGit says that only git knows.
var errAskGit = errors.New("this is for git to tell")

// Refs reads the branches and tags of a repository from its files, as
// gitrepository-layout(5) has them, without starting git.
type Refs struct {
	gitDir string // of this working tree
	dir    string // of the repository
}

// FindRefs finds the repository around dir as git would. It is false where
// that is not for sure, for one that git may refuse too.
func FindRefs(dir string) (Refs, bool) {
	for _, kv := range os.Environ() {
		// These say where a repository is, or what is in it.
		if strings.HasPrefix(kv, "GIT_") && !slices.ContainsFunc(harmless, func(start string) bool { return strings.HasPrefix(kv, start) }) {
			return Refs{}, false
		}
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Refs{}, false
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return Refs{}, false
	}
	var below *syscall.Stat_t
	for {
		info, own := owned(dir)
		if info == nil || below != nil && info.Dev != below.Dev {
			return Refs{}, false
		}
		below = info
		git := filepath.Join(dir, ".git")
		if _, err := os.Lstat(git); err == nil {
			_, ownGit := owned(git)
			r := Refs{git, git}
			return r, own && ownGit && exists(git, "HEAD") && exists(git, "objects") && exists(git, "refs") && !exists(git, "commondir")
		}
		if exists(dir, "HEAD") || filepath.Dir(dir) == dir {
			return Refs{}, false // this may be a bare repository
		}
		dir = filepath.Dir(dir)
	}
}

// harmless are how variables start that change nothing of what is read.
var harmless = []string{"GIT_CONFIG_NOSYSTEM=", "GIT_CONFIG_GLOBAL=", "GIT_TERMINAL_PROMPT=", "GIT_EDITOR=", "GIT_PAGER=", "GIT_ASKPASS=", "GIT_SSH", "GIT_SSL_", "GIT_AUTHOR_", "GIT_COMMITTER_"}

// owned looks at a folder, and whether it is of who runs the program; nil when
// it is none.
func owned(dir string) (*syscall.Stat_t, bool) {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() {
		return nil, false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return stat, ok && int(stat.Uid) == os.Geteuid()
}

func exists(dir, name string) bool {
	_, err := os.Lstat(filepath.Join(dir, name))
	return err == nil
}

// Commit is the id that HEAD, a branch or a tag has. Nobody looked whether the
// object is there, and what it is. It is empty when there is no such ref. The
// error says that git has to be asked: of all other revisions, and wherever
// the files do not say it without doubt.
func (r Refs) Commit(rev string) (string, error) {
	// Another format of refs has a file there.
	if heads, err := os.Lstat(filepath.Join(r.dir, "refs", "heads")); err != nil || !heads.IsDir() {
		return "", errAskGit
	}
	if rev == "HEAD" || strings.HasPrefix(rev, "refs/heads/") || strings.HasPrefix(rev, "refs/remotes/") {
		return r.ref(rev, maxSymrefs)
	}
	if strings.HasPrefix(rev, "refs/") || !plainRef(rev) {
		return "", errAskGit
	}
	// The places in which git looks, in its order: gitrevisions(7).
	if _, err := os.Lstat(filepath.Join(r.gitDir, rev)); !errors.Is(err, fs.ErrNotExist) {
		return "", errAskGit
	}
	if _, err := os.Lstat(filepath.Join(r.dir, "refs", rev)); !errors.Is(err, fs.ErrNotExist) {
		return "", errAskGit
	}
	for _, place := range []string{"refs/tags/", "refs/heads/", "refs/remotes/"} {
		if id, err := r.ref(place+rev, maxSymrefs); id != "" || err != nil {
			return id, err
		}
	}
	return "", errAskGit // it may be the beginning of an id
}

// ref reads one ref by its full name.
func (r Refs) ref(name string, depth int) (string, error) {
	dir := r.dir
	if name == "HEAD" {
		dir = r.gitDir
	} else if !plainRef(name) || !strings.HasPrefix(name, "refs/") {
		return "", errAskGit
	}
	file := filepath.Join(dir, filepath.FromSlash(name))
	info, err := os.Lstat(file)
	switch {
	case err == nil && info.IsDir() || errors.Is(err, fs.ErrNotExist):
		return r.packedRef(name)
	case err != nil || !info.Mode().IsRegular() || info.Size() > maxRef:
		return "", errAskGit
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", errAskGit
	}
	text := strings.TrimSuffix(string(raw), "\n")
	if to, ok := strings.CutPrefix(text, "ref: "); ok && depth > 0 {
		return r.ref(to, depth-1)
	}
	if !isObjectName(text) {
		return "", errAskGit
	}
	return text, nil
}

// packedRef reads a ref that has no file of its own: a line of packed-refs is
// an id, a blank and the name.
func (r Refs) packedRef(name string) (string, error) {
	f, err := os.Open(filepath.Join(r.dir, "packed-refs"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", errAskGit
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxPackedRefs+1))
	if err != nil || len(raw) > maxPackedRefs {
		return "", errAskGit
	}
	before, _, found := bytes.Cut(raw, []byte(" "+name+"\n"))
	if !found {
		return "", nil
	}
	id := string(before[bytes.LastIndexByte(before, '\n')+1:])
	if !isObjectName(id) {
		return "", errAskGit
	}
	return id, nil
}

// plainRef reports whether a name is nothing but the name of a ref: no id or
// its beginning, and nothing with a sign that git reads otherwise.
func plainRef(name string) bool {
	if strings.Trim(name, "0123456789abcdefABCDEF") == "" {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		rest := strings.Trim(part, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")
		if part == "" || rest != "" || part[0] == '.' || part[0] == '-' || strings.HasSuffix(part, ".lock") || strings.HasSuffix(part, ".") || strings.Contains(part, "..") {
			return false
		}
	}
	return true
}

// Complete reports whether the history here is that of the commits alone:
// nothing cuts it off or says it otherwise.
func (r Refs) Complete() bool {
	return !r.Shallow() && !exists(r.dir, "info/grafts")
}

// Shallow reports whether the history is cut off.
func (r Refs) Shallow() bool { return exists(r.dir, "shallow") }
