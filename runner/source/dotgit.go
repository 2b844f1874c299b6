package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// DotGit is a .git folder for the files of a lease: git finds the run's
// commit in it as HEAD, all that it reaches, and the repository's tags.
type DotGit struct {
	// Dir is a folder that holds .git and nothing else. It is for reading
	// alone, and goes with the lease.
	Dir string
	// Objects is the mirror's folder of objects. Where .git is used it has to
	// be found at the path that was asked for. It is for reading alone; other
	// commits of the same repository are in it too.
	Objects string
}

// DotGit makes the .git folder of a leased tree for run, whose tree that is.
// objects is the absolute path at which DotGit.Objects will be found. A run
// that tests a merge gets a commit for it that is made here, of the base and
// the head; all others get their head. The branch that a pull request goes to
// is at refs/remotes/origin. There is no remote, no address and no credential
// in it.
//
// The repository's tags are fetched for it, once for each head. The kinds of
// error are those of Fetch; KindNotFound says that the mirror lost the
// commits, see Restore.
func (s *Source) DotGit(ctx context.Context, l *Lease, run checks.Run, objects string) (d DotGit, err error) {
	m := s.mirror(run.Repo)
	ctx, done, err := m.use(ctx)
	if err != nil {
		return d, err
	}
	defer done()
	d, err = m.dotGit(ctx, l, run, objects)
	if err != nil {
		return d, fmt.Errorf("make .git of run %s: %w", run.ID, s.onDisk(forgotten(ctx, err)))
	}
	return d, nil
}

func (m *mirror) dotGit(ctx context.Context, l *Lease, run checks.Run, objects string) (d DotGit, err error) {
	if strings.ContainsAny(objects, "\n\"#") || !filepath.IsAbs(objects) {
		return d, fmt.Errorf("%q cannot stand in a list of folders", objects)
	}
	parents := []string{run.HeadSHA}
	if run.PullRequest != nil && run.BaseSHA != "" {
		parents = []string{run.BaseSHA, run.HeadSHA}
	}
	for _, sha := range parents {
		if !isObjectName(sha) {
			return d, fmt.Errorf("%q is not a commit id", sha)
		}
		if ok, err := m.complete(ctx, sha); err != nil || !ok {
			return d, errors.Join(noCommit(run.Repo), err)
		}
	}
	if err := m.fetchTags(ctx, want{installation: run.Installation, repo: run.Repo, shas: []string{run.HeadSHA}}); err != nil {
		return d, err
	}
	dir, err := os.MkdirTemp(filepath.Dir(l.Dir), "git-")
	if err != nil {
		return d, fmt.Errorf("make folder: %w", err)
	}
	l.alsoRemove(dir)
	d = DotGit{Dir: dir, Objects: filepath.Join(m.dir, "objects")}
	if lender := m.lender(); lender != "" {
		if err := m.lends(ctx, lender, l.Tree, run); err != nil {
			return d, err
		}
		d.Objects = lender
	}
	git := filepath.Join(dir, ".git")
	for _, sub := range []string{"", "objects", "objects/info", "objects/pack", "refs", "refs/heads", "refs/tags"} {
		if err := os.Mkdir(filepath.Join(git, sub), 0o755); err != nil {
			return d, err
		}
	}
	head := run.HeadSHA
	if len(parents) > 1 {
		if head, err = m.commitMerge(ctx, git, l.Tree, run); err != nil {
			return d, err
		}
	}
	refs, err := m.packedRefs(ctx, run)
	if err != nil {
		return d, err
	}
	list := map[string][]byte{
		"HEAD": []byte(head + "\n"),
		// Nothing here comes from a repository.
		"config":                  []byte("[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n"),
		"objects/info/alternates": []byte(objects + "\n"),
		"packed-refs":             refs,
	}
	if m.shallow() {
		if list["shallow"], err = os.ReadFile(filepath.Join(m.dir, "shallow")); err != nil {
			return d, err
		}
	}
	for name, body := range list {
		if err := os.WriteFile(filepath.Join(git, name), body, 0o644); err != nil {
			return d, err
		}
	}
	// What git knows of the files already saves it from reading them all. Who
	// writes an index makes a new file, so a second name will do.
	if err := os.Link(filepath.Join(filepath.Dir(l.Dir), "index"), filepath.Join(git, "index")); err != nil {
		return d, fmt.Errorf("share the index: %w", err)
	}
	return d, os.Chmod(dir, 0o755)
}

func noCommit(repo checks.Repo) error {
	return checks.Errorf(checks.KindNotFound, nil, "The server no longer has the commits to test of %s.", repo.FullName())
}

// commitMerge makes the commit of a tested merge in the folder git alone, so
// that the mirror does not grow by it. It bears the head's date: the same
// merge is the same commit.
func (m *mirror) commitMerge(ctx context.Context, git, tree string, run checks.Run) (string, error) {
	out, err := m.run(ctx, "show", "--no-patch", "--format=%ct", run.HeadSHA, "--")
	if err != nil {
		return "", fmt.Errorf("read the head's date: %w", err)
	}
	date := "@" + strings.TrimSpace(string(out)) + " +0000"
	commit := call{
		dir:  m.dir,
		args: []string{"commit-tree", "-p", run.BaseSHA, "-p", run.HeadSHA, "-m", "Merge " + run.HeadSHA + " into " + run.BaseSHA, tree},
		env: []string{
			"GIT_OBJECT_DIRECTORY=" + filepath.Join(git, "objects"),
			"GIT_ALTERNATE_OBJECT_DIRECTORIES=" + filepath.Join(m.dir, "objects"),
			"GIT_AUTHOR_NAME=loktar", "GIT_AUTHOR_EMAIL=loktar", "GIT_AUTHOR_DATE=" + date,
			"GIT_COMMITTER_NAME=loktar", "GIT_COMMITTER_EMAIL=loktar", "GIT_COMMITTER_DATE=" + date,
		},
	}
	out, err = m.src.git.run(ctx, commit)
	if err != nil {
		return "", fmt.Errorf("make the merge commit: %w", diskFault(err))
	}
	return strings.TrimSpace(string(out)), nil
}

// packedRefs is the file packed-refs with the tags and the base branch. Git
// let no name into the mirror that could break a line of it.
func (m *mirror) packedRefs(ctx context.Context, run checks.Run) ([]byte, error) {
	out, err := m.run(ctx, "for-each-ref", "--format=%(refname) %(objectname) %(*objectname)", "refs/tags/")
	if err != nil {
		return nil, fmt.Errorf("list the tags: %w", err)
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if pr := run.PullRequest; pr != nil && branchName(pr.Base.Branch) && isObjectName(run.BaseSHA) {
		lines = append(lines, "refs/remotes/origin/"+pr.Base.Branch+" "+run.BaseSHA+" ")
	}
	slices.Sort(lines)
	var refs bytes.Buffer
	refs.WriteString("# pack-refs with: peeled fully-peeled sorted \n")
	for _, line := range lines {
		f := strings.Split(line, " ")
		if len(f) != 3 || !isObjectName(f[1]) {
			continue
		}
		fmt.Fprintf(&refs, "%s %s\n", f[1], f[0])
		if f[2] != "" {
			fmt.Fprintf(&refs, "^%s\n", f[2])
		}
	}
	return refs.Bytes(), nil
}

// fetchTags makes the mirror's tags those of the other side, once for each
// head. The caller uses m.
func (m *mirror) fetchTags(ctx context.Context, w want) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.unlock()
	head := w.shas[0]
	if m.tagged[head] {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, m.src.opts.FetchTimeout)
	defer cancel()
	f, err := m.src.newFetcher(ctx, m, w)
	if err != nil {
		return err
	}
	if err := f.fetch(ctx, "--prune", []string{"+refs/tags/*:refs/tags/*"}); err != nil {
		return fmt.Errorf("fetch the tags: %w", fetchFault(err, w.repo))
	}
	if m.tagged == nil || len(m.tagged) >= maxTagged {
		m.tagged = map[string]bool{}
	}
	m.tagged[head] = true
	return nil
}

// maxTagged bounds the heads that are remembered to have had tags fetched.
const maxTagged = 1000

// alsoRemove has a folder removed when the lease is released.
func (l *Lease) alsoRemove(dir string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.extra = append(l.extra, dir)
}

// removeExtra removes what alsoRemove named.
func (l *Lease) removeExtra() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for _, dir := range l.extra {
		if err := os.RemoveAll(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	l.extra = nil
	return errors.Join(errs...)
}
