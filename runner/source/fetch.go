package source

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// want is what a fetch is to bring.
type want struct {
	installation int64
	repo         checks.Repo
	shas         []string
	// branch is a branch whose tip is wanted too; its commit when the branch
	// is gone is fallback.
	branch, fallback string
	// pull is the number of a pull request whose head is tried when the
	// other side gives no commit by its id; 0 is none.
	pull int
	// refs are full names of branches and tags that are tried then too.
	refs []string
}

// Fetch brings commits and all that they reach into repo's mirror. Commits
// that are complete there cost no word to the network and no token. The error
// is of checks.KindNotFound when the repository or a commit is not there, of
// KindMoved when the repository has another name by now, of KindRefused when the token does not do, and of KindUnavailable when the
// other side does not answer, or Forget came in between.
func (s *Source) Fetch(ctx context.Context, installation int64, repo checks.Repo, shas ...string) error {
	m := s.mirror(repo)
	ctx, done, err := m.use(ctx)
	if err != nil {
		return err
	}
	defer done()
	_, err = s.fetch(ctx, m, want{installation: installation, repo: repo, shas: shas})
	return forgotten(ctx, err)
}

// fetch carries w out and returns the tip of w.branch, or w.fallback when the
// branch is gone. A broken mirror is made anew once. The caller uses m.
func (s *Source) fetch(ctx context.Context, m *mirror, w want) (tip string, err error) {
	defer func() { err = s.onDisk(err) }()
	for _, sha := range w.shas {
		if !isObjectName(sha) {
			return "", fmt.Errorf("fetch: %q is not a commit id", sha)
		}
	}
	if err := s.room.make(ctx); err != nil {
		return "", err
	}
	if err := m.lock(ctx); err != nil {
		return "", err
	}
	defer m.unlock()
	ctx, cancel := context.WithTimeout(ctx, s.opts.FetchTimeout)
	defer cancel()
	tip, err = s.fetchLocked(ctx, m, w)
	large := err == nil && s.room.outgrown(m)
	if broken(err) || large {
		// A mirror may have outgrown the bound by what nobody needs any more.
		if err := m.recreate(ctx); err != nil {
			return "", err
		}
		tip, err = s.fetchLocked(ctx, m, w)
		large = err == nil && s.room.outgrown(m)
	}
	if errors.Is(err, context.DeadlineExceeded) && checks.KindOf(err) == checks.KindInternal {
		err = fetchFault(err, w.repo)
	}
	if large {
		err = s.room.refuse(ctx, m, w.repo)
	}
	if err != nil {
		return "", fmt.Errorf("fetch %s: %w", w.repo.FullName(), err)
	}
	return tip, nil
}

func (s *Source) fetchLocked(ctx context.Context, m *mirror, w want) (tip string, err error) {
	if err := m.ensure(ctx); err != nil {
		return "", err
	}
	missing, err := m.missing(ctx, w.shas)
	if err != nil {
		return "", err
	}
	if w.branch == "" && len(missing) == 0 {
		return "", m.anchor(ctx, w.shas...)
	}
	f, err := s.newFetcher(ctx, m, w)
	if err != nil {
		return "", err
	}
	tipRef := m.ref("base-" + refKey(w.branch))
	specs := f.byID(missing)
	if w.branch != "" {
		specs = append(specs, "+refs/heads/"+w.branch+":"+tipRef)
	}
	err = f.run(ctx, specs...)
	gone := w.branch != "" && faultOf(err) == faultNoRef
	if gone {
		if !isObjectName(w.fallback) {
			return "", fetchFault(err, w.repo)
		}
		if missing, err = m.missing(ctx, append(slices.Clone(w.shas), w.fallback)); err == nil && len(missing) > 0 {
			err = f.run(ctx, f.byID(missing)...)
		}
	}
	if faultOf(err) == faultNoCommit {
		err = f.byName(ctx, missing, w, gone, tipRef, err)
	}
	if err != nil {
		return "", fetchFault(err, w.repo)
	}
	m.remember(missing...)
	if gone || w.branch == "" {
		return w.fallback, m.anchor(ctx, w.shas...)
	}
	out, err := m.run(ctx, "rev-parse", "--verify", "--quiet", tipRef+"^{commit}")
	if err != nil {
		return "", fmt.Errorf("read the tip of the base branch: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// missing are those of shas that are not complete in the mirror, each once.
func (m *mirror) missing(ctx context.Context, shas []string) ([]string, error) {
	var list []string
	for _, sha := range shas {
		ok, err := m.complete(ctx, sha)
		if err != nil {
			return nil, err
		}
		if !ok && !slices.Contains(list, sha) {
			list = append(list, sha)
		}
	}
	return list, nil
}

// fetcher runs git fetch with one token.
type fetcher struct {
	m       *mirror
	repo    checks.Repo
	url     string
	config  []setting
	secrets []string
}

func (s *Source) newFetcher(ctx context.Context, m *mirror, w want) (*fetcher, error) {
	f := &fetcher{m: m, repo: w.repo, url: s.opts.URL(w.repo)}
	if u, err := url.Parse(f.url); err != nil || u.User != nil || u.Scheme == "" {
		return nil, checks.Errorf(checks.KindConfig, nil, "The address of %s is not one that git may use. Check github.url in the configuration.", w.repo.FullName())
	}
	if s.opts.Token == nil {
		return f, nil
	}
	token, err := s.opts.Token(ctx, w.installation, w.repo)
	if err != nil {
		return nil, fmt.Errorf("get a token: %w", err)
	}
	basic := base64.StdEncoding.EncodeToString([]byte("x-access-token:" + token))
	f.config = []setting{{"http." + f.url + ".extraHeader", "Authorization: Basic " + basic}}
	f.secrets = []string{token, basic}
	return f, nil
}

// byID are the refspecs that fetch commits by id and anchor them.
func (f *fetcher) byID(shas []string) []string {
	var specs []string
	for _, sha := range shas {
		specs = append(specs, "+"+sha+":"+f.m.ref(sha))
	}
	return specs
}

// byName fetches the refs that should lead to the missing commits, for
// servers that give no commit by its id. cause is what the server said.
func (f *fetcher) byName(ctx context.Context, missing []string, w want, gone bool, tipRef string, cause error) error {
	var specs []string
	if w.pull > 0 {
		n := strconv.Itoa(w.pull)
		specs = append(specs, "+refs/pull/"+n+"/head:"+f.m.ref("pull-"+n))
	}
	if w.branch != "" && !gone {
		specs = append(specs, "+refs/heads/"+w.branch+":"+tipRef)
	}
	for _, ref := range w.refs {
		specs = append(specs, "+"+ref+":"+f.m.ref("head-"+refKey(ref)))
	}
	for _, spec := range specs {
		switch err := f.run(ctx, spec); {
		case err == nil:
		case faultOf(err) != faultNoRef:
			return err
		case strings.HasSuffix(spec, tipRef):
			return errors.Join(cause, err)
		}
	}
	for _, sha := range missing {
		ok, err := f.m.complete(ctx, sha)
		if err != nil {
			return err
		}
		if !ok {
			return cause
		}
	}
	return f.m.anchor(ctx, missing...)
}

func (f *fetcher) run(ctx context.Context, specs ...string) error {
	return f.fetch(ctx, "--no-prune", specs)
}

func (f *fetcher) fetch(ctx context.Context, prune string, specs []string) error {
	args := []string{"fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-gc", "--no-recurse-submodules", "--update-shallow", prune}
	if f.m.shallow() {
		args = append(args, "--unshallow")
	}
	args = append(append(args, "--end-of-options", f.url), specs...)
	most, why := f.m.src.room.limit(f.repo)
	_, err := f.m.src.git.run(ctx, call{dir: f.m.dir, args: args, config: f.config, secrets: f.secrets, most: most})
	if err != nil && most > 0 && ctx.Err() == nil {
		if met, dropped := f.m.dropHalves(most); met {
			return errors.Join(why, errNoRoom, err, dropped)
		}
	}
	return err
}

// errNoRoom says that what was fetched is larger than there is room for.
var errNoRoom = errors.New("there is no room for what was fetched")

// dropHalves removes packs that a fetch did not bring to their end, and tells
// whether one met the bound of its size: git does not say so. The caller has
// the turn.
func (m *mirror) dropHalves(most int64) (met bool, err error) {
	halves, err := filepath.Glob(filepath.Join(m.dir, "objects", "pack", "tmp_pack_*"))
	for _, name := range halves {
		if info, err := os.Stat(name); err == nil && info.Size() >= most {
			met = true
		}
		err = errors.Join(err, removeFile(name))
	}
	return met, err
}

// refKey makes one path element of a branch's name.
func refKey(branch string) string {
	sum := sha256.Sum256([]byte(branch))
	return hex.EncodeToString(sum[:16])
}

// refName reports whether s is the full name that a branch or a tag could
// have.
func refName(s string) bool {
	name, ok := strings.CutPrefix(s, "refs/heads/")
	if !ok {
		name, ok = strings.CutPrefix(s, "refs/tags/")
	}
	return ok && branchName(name)
}

// branchName reports whether git could have a branch of this name, so that it
// can stand in a refspec and mean nothing else.
func branchName(s string) bool {
	if s == "" || s[0] == '/' || strings.HasSuffix(s, "/") || strings.HasSuffix(s, ".") ||
		strings.ContainsAny(s, " ~^:?*[\\\x7f") || strings.Contains(s, "..") || strings.Contains(s, "@{") || strings.Contains(s, "//") {
		return false
	}
	for i := range len(s) {
		if s[i] < ' ' {
			return false
		}
	}
	return true
}
