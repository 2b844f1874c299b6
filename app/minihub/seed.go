package minihub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
)

// ownerName and repoName are what the hub takes; the first keeps "-" free for
// the hub's own addresses.
var (
	ownerName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*$`)
	repoName  = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)
)

// CreateRepo makes an empty private repository whose default branch is main.
func (h *Hub) CreateRepo(owner, name string) (*Repo, error) {
	return h.createRepo(owner, name, nil)
}

func (h *Hub) createRepo(owner, name string, parent *Repo) (*Repo, error) {
	if err := checkNames(owner, name); err != nil {
		return nil, fmt.Errorf("create repository %s/%s: %w", owner, name, err)
	}
	h.refMu.Lock()
	defer h.refMu.Unlock()
	h.mu.Lock()
	taken := h.repo(owner+"/"+name) != nil
	noParent := parent != nil && parent.gone
	h.mu.Unlock()
	if noParent {
		return nil, fmt.Errorf("fork to %s/%s: %w", owner, name, errGone)
	}
	if taken {
		return nil, fmt.Errorf("create repository %s/%s: the name is taken", owner, name)
	}
	r := &Repo{hub: h, name: name, dir: h.freeDir(owner, name),
		defaultBranch: "main", parent: parent, access: map[int64]string{}, pulls: map[int]*pull{}, commits: map[string]*commit{}}
	if _, err := os.Stat(r.dir); err == nil {
		return nil, fmt.Errorf("create repository %s/%s: %s is there already; give minihub an empty folder", owner, name, r.dir)
	}
	h.dirs[r.dir] = true
	if err := h.initBare(h.ctx, r.dir, r.defaultBranch); err != nil {
		return nil, fmt.Errorf("create repository %s/%s: %w", owner, name, err)
	}
	if parent != nil {
		r.defaultBranch = parent.defaultBranch
		if _, err := h.git(h.ctx, r.dir, nil, "fetch", "--quiet", "--no-auto-gc", parent.dir, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"); err != nil {
			return nil, fmt.Errorf("fork %s: %w", parent.FullName(), err)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	r.public = parent != nil && parent.public
	r.owner, r.id, r.created, r.pushed = h.user(owner), h.nextID("repo"), h.now(), h.now()
	h.repos[strings.ToLower(owner+"/"+name)] = r
	delete(h.moved, strings.ToLower(owner+"/"+name)) // the name has a new owner
	h.touch()
	return r, nil
}

// Repo is the repository OWNER/NAME, or nil.
func (h *Hub) Repo(fullName string) *Repo {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.repo(fullName)
}

// Fork makes a fork under another owner, with the same name.
func (r *Repo) Fork(owner string) (*Repo, error) { return r.hub.createRepo(owner, r.Name(), r) }

// SetPublic makes the repository readable without a token, or private again.
func (r *Repo) SetPublic(public bool) {
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	r.public = public
	r.hub.touch()
}

// SetAccess gives a person read, write or admin; "none" takes it away.
func (r *Repo) SetAccess(login, permission string) {
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	r.access[r.hub.user(login).id] = permission
	r.hub.touch()
}

// Commit is a commit to be made.
type Commit struct {
	Branch string // the default branch when empty
	// From is the branch, tag or id that the commit stands on. Empty means
	// the branch itself, or no parent when there is no such branch. A From
	// that the branch does not descend to makes this a forced push.
	From    string
	Files   map[string]string // path -> content, on top of what is there
	Links   map[string]string // path -> target of a symbolic link
	Modes   map[string]string // path -> "100755" and the like, for paths in Files
	Delete  []string          // files or folders
	Message string            // "Update" when empty
	Author  string            // a login, who also pushes; the owner when empty
}

// Commit makes a commit and pushes it to its branch, as a push by the author
// would. It returns the commit's id.
func (r *Repo) Commit(ctx context.Context, c Commit) (string, error) {
	h := r.hub
	if c.Branch == "" {
		c.Branch = r.defaultBranch
	}
	if c.Author == "" {
		c.Author = r.Owner()
	}
	if c.Message == "" {
		c.Message = "Update"
	}
	h.refMu.Lock()
	defer h.refMu.Unlock()
	if err := r.mayPush(c.Branch); err != nil {
		return "", fmt.Errorf("commit to %s: %w", r.FullName(), err)
	}
	before, err := r.refs(ctx)
	if err != nil {
		return "", fmt.Errorf("commit to %s: %w", r.FullName(), err)
	}
	ref := "refs/heads/" + c.Branch
	parent := before[ref]
	if c.From != "" {
		if parent, err = r.resolve(ctx, c.From); err != nil {
			return "", fmt.Errorf("commit to %s: %w", r.FullName(), err)
		}
		if parent == "" {
			return "", fmt.Errorf("commit to %s: there is no %s to stand on", r.FullName(), c.From)
		}
	}
	var in bytes.Buffer
	r.fastImport(&in, c, ref, parent)
	if _, err := h.git(ctx, r.dir, &in, "fast-import", "--quiet", "--force", "--done"); err != nil {
		return "", fmt.Errorf("commit to %s: %w", r.FullName(), err)
	}
	sha, err := r.resolve(ctx, c.Branch)
	if err != nil || sha == "" {
		return "", fmt.Errorf("commit to %s: branch %s is not there: %w", r.FullName(), c.Branch, err)
	}
	return sha, r.refsMoved(ctx, c.Author, before)
}

func (r *Repo) fastImport(in *bytes.Buffer, c Commit, ref, parent string) {
	who := fmt.Sprintf("%s <%s@users.noreply.minihub.invalid> %d +0000", c.Author, c.Author, r.hub.now().Unix())
	fmt.Fprintf(in, "commit %s\nauthor %s\ncommitter %s\ndata %d\n%s\n", ref, who, who, len(c.Message), c.Message)
	if parent != "" {
		fmt.Fprintf(in, "from %s\n", parent)
	}
	for _, p := range c.Delete {
		fmt.Fprintf(in, "D %s\n", quotePath(p))
	}
	for _, p := range slices.Sorted(maps.Keys(c.Files)) {
		mode := c.Modes[p]
		if mode == "" {
			mode = "100644"
		}
		fmt.Fprintf(in, "M %s inline %s\ndata %d\n%s\n", mode, quotePath(p), len(c.Files[p]), c.Files[p])
	}
	for _, p := range slices.Sorted(maps.Keys(c.Links)) {
		fmt.Fprintf(in, "M 120000 inline %s\ndata %d\n%s\n", quotePath(p), len(c.Links[p]), c.Links[p])
	}
	in.WriteString("\ndone\n")
}

// quotePath writes a path as git's C-style string.
func quotePath(p string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(p) {
		if c := p[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x7f {
			fmt.Fprintf(&b, `\%03o`, c)
		} else {
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// Push moves a branch to a commit that the repository has, forced if need be,
// in the name of a login. An empty sha deletes the branch.
func (r *Repo) Push(ctx context.Context, login, branch, sha string) error {
	r.hub.refMu.Lock()
	defer r.hub.refMu.Unlock()
	if err := r.mayPush(branch); err != nil {
		return fmt.Errorf("push to %s: %w", r.FullName(), err)
	}
	before, err := r.refs(ctx)
	if err != nil {
		return fmt.Errorf("push to %s: %w", r.FullName(), err)
	}
	args := []string{"update-ref", "refs/heads/" + branch, sha}
	if sha == "" {
		args = []string{"update-ref", "-d", "refs/heads/" + branch}
	}
	if _, err := r.hub.git(ctx, r.dir, nil, args...); err != nil {
		return fmt.Errorf("push to %s: %w", r.FullName(), err)
	}
	return r.refsMoved(ctx, login, before)
}

// Tip is the commit that a branch points at.
func (r *Repo) Tip(ctx context.Context, branch string) (string, error) {
	sha, err := r.resolve(ctx, branch)
	if err == nil && sha == "" {
		err = errors.New("no such branch")
	}
	if err != nil {
		return "", fmt.Errorf("find branch %s of %s: %w", branch, r.FullName(), err)
	}
	return sha, nil
}
