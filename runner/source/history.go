package source

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// maxHistoryText bounds what git prints of a history, in bytes.
const maxHistoryText = 8 << 20

// Range says which commits History reads.
type Range struct {
	// Head is the commit to look back from. Since is one before it, whose own
	// history does not count; empty means that all of it does.
	Head, Since string
	// Dir is a folder as checks.Package has it: commits that touch nothing in
	// it do not count. Without are folders in it that are left out.
	Dir     string
	Without []string
	// Most is how many commits are listed at most, from 1.
	Most int
}

// HistoryCommit is a commit of a History. Its texts are hostile, of one line
// each and valid UTF-8.
type HistoryCommit struct {
	SHA     string
	Author  string
	Subject string
}

// History is what happened to a folder.
type History struct {
	Commits []HistoryCommit // newest first, no merges
	// More is how many older ones are not listed. It is counted only where
	// Range.Since is set, and else 1 when there are some.
	More int
	// Unrelated: Since is not in the history of Head, as after a force-push,
	// and nothing is listed.
	Unrelated bool
}

// History reads the commits that changed files of a folder. It fetches Head
// where the mirror has not got it. The kinds of error are those of Fetch; one
// of checks.KindInternal says that git could not read the history.
func (s *Source) History(ctx context.Context, installation int64, repo checks.Repo, r Range) (History, error) {
	m := s.mirror(repo)
	ctx, done, err := m.use(ctx)
	if err != nil {
		return History{}, err
	}
	defer done()
	if r.Since != "" && !isObjectName(r.Since) {
		return History{}, fmt.Errorf("read history: %q is not a commit id", r.Since)
	}
	if _, err := s.fetch(ctx, m, want{installation: installation, repo: repo, shas: []string{r.Head}}); err != nil {
		return History{}, forgotten(ctx, err)
	}
	h, err := m.history(ctx, r)
	if err != nil {
		return History{}, forgotten(ctx, fmt.Errorf("read history: %w", err))
	}
	return h, nil
}

func (m *mirror) history(ctx context.Context, r Range) (History, error) {
	if r.Since != "" {
		_, err := m.run(ctx, "merge-base", "--is-ancestor", "--end-of-options", r.Since, r.Head)
		if exitOf(err) > 0 {
			return History{Unrelated: true}, nil // or it is not here, where all that Head reaches is
		}
		if err != nil {
			return History{}, err
		}
	}
	paths := r.paths()
	// Without --full-history git would follow one side of a merge alone.
	out, err := m.src.git.run(ctx, call{dir: m.dir, max: maxHistoryText, args: append([]string{
		"log", "-z", "--full-history", "--no-merges", "--max-count=" + strconv.Itoa(r.Most+1),
		"--format=%H%x00%an%x00%s", "--encoding=UTF-8", "--no-show-signature", "--no-notes", "--no-color", "--end-of-options",
	}, paths...)})
	if err != nil {
		return History{}, err
	}
	var h History
	if h.Commits, err = parseHistory(out); err != nil || len(h.Commits) <= r.Most {
		return h, err
	}
	h.Commits, h.More = h.Commits[:r.Most], 1
	if r.Since == "" {
		return h, nil
	}
	count, err := m.run(ctx, append([]string{"rev-list", "--full-history", "--no-merges", "--count", "--end-of-options"}, paths...)...)
	if err != nil {
		return History{}, err
	}
	all, err := strconv.Atoi(strings.TrimSpace(string(count)))
	if err != nil {
		return History{}, fmt.Errorf("count commits: %w", err)
	}
	h.More = all - r.Most
	return h, nil
}

// paths are the commits and the paths of r as arguments of git.
func (r Range) paths() []string {
	args := []string{r.Head}
	if r.Since != "" {
		args = append(args, "^"+r.Since)
	}
	args = append(args, "--")
	if r.Dir != "." {
		args = append(args, ":(top,literal)"+r.Dir)
	}
	for _, dir := range r.Without {
		args = append(args, ":(top,literal,exclude)"+dir)
	}
	return args
}

// parseHistory reads the output of git log -z --format=%H%x00%an%x00%s.
func parseHistory(out []byte) ([]HistoryCommit, error) {
	var list []HistoryCommit
	for len(out) > 0 {
		var c HistoryCommit
		var err error
		for _, field := range []*string{&c.SHA, &c.Author, &c.Subject} {
			if *field, out, err = cutNUL(out); err != nil {
				return nil, err
			}
		}
		if !isObjectName(c.SHA) {
			return nil, errors.New("git printed something else than a commit")
		}
		c.Author, c.Subject = oneLine(c.Author), oneLine(c.Subject)
		list = append(list, c)
	}
	return list, nil
}
