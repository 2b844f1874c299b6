package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/dudesons/loktar/checks"
)

// Local reads a repository of the person who runs the program, where it lies.
// It writes nothing there. Unlike a mirror it is read with that person's own
// git configuration, for that says which repositories are trusted; no hook and
// no file monitor of it runs. Its methods may be called from many goroutines.
// Close must be called.
type Local struct {
	m      *mirror
	top    string // of the working tree; empty for a bare repository
	gitDir string // of this working tree
	start  func() (*Objects, error)

	mu      sync.Mutex
	objects *Objects // nil before something is asked of it; see reader
	scratch string   // where objects go that are made here; see overlay
	made    string   // in the place of scratch; see MakeIn
}

// OpenLocal opens the repository around dir. Its errors are of
// checks.KindNotFound when there is none and checks.KindRefused when git does
// not trust it. The end of ctx ends the reading.
func OpenLocal(ctx context.Context, dir string) (*Local, error) {
	bin, err := exec.LookPath("git")
	if err != nil {
		return nil, checks.Errorf(checks.KindConfig, err, "Git was not found. Install git %s or newer.", minGit)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("resolve the folder: %w", err)
	}
	g := localGit(bin)
	ask := g.command(ctx, call{args: []string{"rev-parse", "--path-format=absolute", "--git-dir", "--git-common-dir", "--show-toplevel"}})
	ask.Dir = dir
	var out bytes.Buffer
	errs := &bounded{max: maxStderr, cut: true}
	ask.Stdout, ask.Stderr = &out, errs
	runErr := ask.Run()
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if runErr != nil && (len(lines) < 2 || !strings.Contains(errs.String(), "must be run in a work tree")) {
		return nil, notLocal(ctx, dir, runErr, errs.String())
	}
	if len(lines) < 2 || slices.ContainsFunc(lines, func(s string) bool { return !filepath.IsAbs(s) }) || len(lines) > 3 {
		return nil, checks.Errorf(checks.KindRefused, nil, "The path of the repository around %q is not one that can be used: does it hold a line break?", dir)
	}
	l := &Local{m: &mirror{src: &Source{git: g}, dir: lines[1]}, gitDir: lines[0]}
	if len(lines) == 3 {
		l.top = lines[2]
	}
	// Nothing that is asked needs the index; git diff-tree would read all of it.
	g.env = append(g.env, "GIT_INDEX_FILE="+filepath.Join(l.gitDir, "loktar-no-index"))
	l.start = func() (*Objects, error) { return g.objects(ctx, l.gitDir) }
	return l, nil
}

// reader reads objects. It is started when it is first needed, or by Begin.
func (l *Local) reader() *Objects {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.objects == nil {
		var err error
		if l.objects, err = l.start(); err != nil {
			return &Objects{broken: err}
		}
	}
	return l.objects
}

// Begin starts what reads objects, for a caller that will need it soon.
func (l *Local) Begin() { l.reader() }

// notLocal says why dir is in no repository that can be read.
func notLocal(ctx context.Context, dir string, err error, said string) error {
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("look for the repository: %w", context.Cause(ctx))
	case strings.Contains(said, "dubious ownership"):
		return checks.Errorf(checks.KindRefused, nil, "Git does not read this repository, because another user owns it. When you trust it, run: git config --global --add safe.directory %s", shellWord(dir))
	case strings.Contains(said, "not a git repository"):
		return checks.Errorf(checks.KindNotFound, nil, "%s is in no git repository. Go to one, or make one with git init.", dir)
	}
	return checks.Errorf(checks.KindRefused, err, "Git cannot read the repository here: %s", oneLine(said))
}

// shellWord is s as a shell reads it back.
func shellWord(s string) string {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// localGit runs git as the person would, but for what would run a program or
// change what is printed.
func localGit(bin string) *git {
	g := &git{bin: bin}
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		switch {
		case name == "LC_ALL", name == "LANGUAGE":
		case strings.HasPrefix(name, "GIT_TRACE"), strings.HasPrefix(name, "GIT_CONFIG_KEY_"), strings.HasPrefix(name, "GIT_CONFIG_VALUE_"),
			name == "GIT_CONFIG_COUNT", name == "GIT_EXTERNAL_DIFF", name == "GIT_LITERAL_PATHSPECS", name == "GIT_REPLACE_REF_BASE":
		default:
			g.env = append(g.env, kv)
		}
	}
	g.env = append(g.env, "LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_NO_REPLACE_OBJECTS=1", "GIT_OPTIONAL_LOCKS=0")
	g.config = []setting{
		{"core.hooksPath", "/dev/null"}, {"core.fsmonitor", "false"}, {"core.quotePath", "true"},
		{"diff.relative", "false"}, {"log.showSignature", "false"}, {"gc.auto", "0"}, {"maintenance.auto", "false"},
	}
	return g
}

// Top is the root folder of the working tree; empty for a bare repository.
func (l *Local) Top() string { return l.top }

// Shallow reports whether the history is cut off.
func (l *Local) Shallow() bool { return l.m.shallow() }

// Commit is the id of the commit that a revision names, in git's words: a
// branch, a tag, an id, HEAD~2. It is empty when there is none. HEAD is that
// of this working tree.
func (l *Local) Commit(rev string) (string, error) {
	if rev == "" || strings.ContainsAny(rev, "\x00\n") {
		return "", nil
	}
	obj, err := l.reader().Info(rev + "^{commit}")
	switch {
	case err == nil:
		return obj.OID, nil
	case checks.KindOf(err) == checks.KindNotFound:
		return "", nil
	}
	if old := l.m.src.git.checkVersion(context.Background()); old != nil {
		return "", old
	}
	return "", err
}

// Tree is that of a commit or tree by its id.
func (l *Local) Tree(id string) *Tree { return newTree(l.reader(), id) }

// Dirs answers questions about the folders of t.
func (t *Tree) Dirs() *Dirs { return &Dirs{tree: t} }

// TreeID is the id of a commit's tree.
func (l *Local) TreeID(commit string) (string, error) { return l.reader().treeOf(commit) }

// MergeBase is the commit at which two histories part, the one that git
// itself picks; empty when they do not meet, and why says so then.
func (l *Local) MergeBase(ctx context.Context, base, head string) (sha, why string, err error) {
	return l.m.mergeBase(ctx, base, head)
}

// Commits fills in c.Commits, or c.CommitsUnknown.
func (l *Local) Commits(ctx context.Context, c *checks.Change) error { return l.m.commits(ctx, c) }

// Links are the symbolic links of a tree by path, as checks.Change has them,
// but that Target is empty for those that lead nowhere in the repository.
// known are those of the tree from, which makes the answer cheap when it is
// much the same; from may be empty. An unbounded answer is none.
func (l *Local) Links(ctx context.Context, from string, known []checks.Link, tree string) (links []checks.Link, unbounded string, err error) {
	start := linked{tree: emptyTree}
	if from != "" {
		start = linked{from, known}
	}
	now, err := l.m.linksSince(ctx, l.reader(), start, tree)
	if err != nil && exitOf(err) > 0 && from != "" {
		now, err = l.m.linksSince(ctx, l.reader(), linked{tree: emptyTree}, tree) // from was collected
	}
	switch {
	case errors.Is(err, errTooMany):
		return nil, fmt.Sprintf("the repository has more than %d symbolic links", maxLinks), nil
	case errors.Is(err, errTooMuch):
		return nil, "the repository has too many files to look for symbolic links among them", nil
	case err != nil:
		return nil, "", fmt.Errorf("find symbolic links: %w", err)
	}
	return now.links, "", nil
}

// Manifest is loktar.json at the root of a tree: its blob id, empty when there
// is none, and its text, or a problem that tells why it is not read. The text
// is not read when known says so of the blob.
func (l *Local) Manifest(t *Tree, known func(blob string) bool) (blob string, text []byte, problem string, err error) {
	e, ok, err := t.Entry(checks.ManifestFile)
	if err != nil || !ok {
		return "", nil, "", err
	}
	if e.IsFile() && known(e.OID) {
		return e.OID, nil, "", nil
	}
	f, err := t.manifestEntry(e)
	return f.blob, f.text, f.problem, err
}

// Close ends the reading and removes what was made for it.
func (l *Local) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var err error
	if l.objects != nil {
		err = l.objects.Close()
	}
	if l.scratch != "" {
		err = errors.Join(err, os.RemoveAll(l.scratch))
	}
	return err
}
