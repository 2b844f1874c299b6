package minihub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const zeroSHA = "0000000000000000000000000000000000000000"

// gitEnv keeps the machine's and the user's git configuration out.
func (h *Hub) gitEnv(extra ...string) []string {
	return append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Join(h.opts.Dir, "tmp"), "LC_ALL=C", "TZ=UTC",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_TERMINAL_PROMPT=0",
		"GIT_ALLOW_PROTOCOL=file", "GIT_NO_REPLACE_OBJECTS=1", "GIT_OPTIONAL_LOCKS=0",
	}, extra...)
}

// git runs one git command in dir (a bare repository; "" for none) and
// returns what it printed.
func (h *Hub) git(ctx context.Context, dir string, in io.Reader, args ...string) (string, error) {
	return h.gitWith(ctx, dir, in, nil, args...)
}

func (h *Hub) gitWith(ctx context.Context, dir string, in io.Reader, env []string, args ...string) (string, error) {
	verb := args[0]
	if dir != "" {
		args = append([]string{"--git-dir=" + dir}, args...)
	}
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Env, cmd.Stdin = h.gitEnv(env...), in
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("git %s: %w: %s", verb, err, strings.TrimSpace(errs.String()))
	}
	return out.String(), nil
}

// exitCode is the exit code of a git command that failed, or -1.
func exitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return -1
}

// repoConfig makes a bare repository behave as GitHub's do.
const repoConfig = `[core]
	repositoryformatversion = 0
	bare = true
	hooksPath = /dev/null
[gc]
	auto = 0
[receive]
	autogc = false
	hideRefs = refs/pull
	hideRefs = refs/heads/gh-readonly-queue
[http]
	receivepack = true
[uploadpack]
	allowAnySHA1InWant = true
	allowFilter = true
`

func (h *Hub) initBare(ctx context.Context, dir, branch string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	if _, err := h.git(ctx, "", nil, "init", "--quiet", "--bare", "--template=", "--initial-branch="+branch, dir); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "config"), []byte(repoConfig), 0o600)
}

// commit is what payloads and pages tell of a commit.
type commit struct {
	sha, tree, message      string
	parents                 []string
	authorName, authorEmail string
	authored                time.Time
	committerName           string
	committerEmail          string
	committed               time.Time
}

func (c *commit) subject() string {
	s, _, _ := strings.Cut(c.message, "\n")
	return s
}

const commitFormat = "%H%x00%T%x00%P%x00%an%x00%ae%x00%at%x00%cn%x00%ce%x00%ct%x00%B"

// commit reads a commit by its full id; nil when the repository has no such
// commit.
func (r *Repo) commit(ctx context.Context, sha string) (*commit, error) {
	if !isSHA(sha) {
		return nil, nil
	}
	r.commitMu.Lock()
	c := r.commits[sha]
	r.commitMu.Unlock()
	if c != nil {
		return c, nil
	}
	kind, err := r.hub.git(ctx, r.dir, nil, "cat-file", "-t", sha)
	if err != nil && exitCode(err) > 0 {
		return nil, nil
	}
	if err != nil || strings.TrimSpace(kind) != "commit" {
		return nil, err
	}
	out, err := r.hub.git(ctx, r.dir, nil, "log", "-1", "--no-show-signature", "--format="+commitFormat, sha)
	if err != nil {
		return nil, err
	}
	if c, err = parseCommit(out); err != nil {
		return nil, err
	}
	r.commitMu.Lock()
	r.commits[sha] = c
	r.commitMu.Unlock()
	return c, nil
}

// known is a commit that was read before; it does no I/O.
func (r *Repo) known(sha string) *commit {
	r.commitMu.Lock()
	defer r.commitMu.Unlock()
	if c := r.commits[sha]; c != nil {
		return c
	}
	return &commit{sha: sha, tree: zeroSHA, authorEmail: "nobody@minihub.invalid", committerEmail: "nobody@minihub.invalid"}
}

func parseCommit(out string) (*commit, error) {
	f := strings.SplitN(out, "\x00", 10)
	if len(f) != 10 {
		return nil, fmt.Errorf("read commit: git printed %d fields", len(f))
	}
	at, _ := strconv.ParseInt(f[5], 10, 64)
	ct, _ := strconv.ParseInt(f[8], 10, 64)
	return &commit{sha: f[0], tree: f[1], parents: strings.Fields(f[2]), authorName: f[3], authorEmail: f[4],
		authored: time.Unix(at, 0).UTC(), committerName: f[6], committerEmail: f[7], committed: time.Unix(ct, 0).UTC(),
		message: strings.ToValidUTF8(strings.TrimRight(f[9], "\n"), "\uFFFD")}, nil
}

func isSHA(s string) bool {
	if len(s) != 40 {
		return false
	}
	for _, c := range s {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// refs are the branches and tags of a repository.
func (r *Repo) refs(ctx context.Context) (map[string]string, error) {
	out, err := r.hub.git(ctx, r.dir, nil, "for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags")
	if err != nil {
		return nil, err
	}
	refs := map[string]string{}
	for line := range strings.Lines(out) {
		sha, name, ok := strings.Cut(strings.TrimSpace(line), " ")
		if ok {
			refs[name] = sha
		}
	}
	return refs, nil
}

// resolve finds the commit that a branch, a tag or a full id names; empty
// when there is none.
func (r *Repo) resolve(ctx context.Context, ref string) (string, error) {
	names := []string{"refs/heads/" + ref, "refs/tags/" + ref}
	if rest, ok := strings.CutPrefix(ref, "refs/"); ok {
		ref = rest
	}
	if strings.HasPrefix(ref, "heads/") || strings.HasPrefix(ref, "tags/") {
		names = append(names, "refs/"+ref)
	}
	if isSHA(ref) {
		names = []string{ref}
	}
	for _, n := range names {
		out, err := r.hub.git(ctx, r.dir, nil, "rev-parse", "--quiet", "--verify", "--end-of-options", n+"^{commit}")
		if err == nil {
			return strings.TrimSpace(out), nil
		}
		if exitCode(err) < 0 {
			return "", err
		}
	}
	return "", nil
}
