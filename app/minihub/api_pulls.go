package minihub

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

func lower(s string) string { return strings.ToLower(s) }

func (h *Hub) listPulls(c *call) (answer, error) {
	q := c.URL.Query()
	state := q.Get("state")
	if state == "" {
		state = "open"
	}
	if !slices.Contains([]string{"open", "closed", "all"}, state) {
		return answer{}, invalid([]string{"For 'properties/state', " + show(state) + " is not a member of [\"open\",\"closed\",\"all\"]."})
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	all := []obj{}
	for n := c.repo.lastNumber; n > 0; n-- {
		p := c.repo.pulls[n]
		if p == nil || (state != "all" && p.state() != state) {
			continue
		}
		if base := q.Get("base"); base != "" && base != p.baseRef {
			continue
		}
		// GitHub passes over a head that is not OWNER:BRANCH.
		if owner, branch, ok := strings.Cut(q.Get("head"), ":"); ok && (lower(owner) != lower(p.headRepo.owner.login) || branch != p.headRef) {
			continue
		}
		all = append(all, h.pullJSON(c.repo, p))
	}
	if q.Get("sort") == "updated" {
		slices.SortStableFunc(all, func(a, b obj) int { return strings.Compare(b["updated_at"].(string), a["updated_at"].(string)) })
	}
	if q.Get("direction") == "asc" {
		slices.Reverse(all)
	}
	return answer{http.StatusOK, page(c.w, c.Request, h.url, all)}, nil
}

// pull finds the pull request of the path. mu is held.
func (c *call) pull() (*pull, error) {
	if p := c.repo.pulls[int(c.id("number"))]; p != nil {
		return p, nil
	}
	return nil, errNotFound
}

func (h *Hub) getPull(c *call) (answer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p, err := c.pull()
	if err != nil {
		return answer{}, err
	}
	o := h.fullPullJSON(c.repo, p)
	if p.open && !p.mergeableUnanswered {
		o["mergeable"], o["rebaseable"], o["mergeable_state"] = p.facts.mergeable, p.facts.mergeable, c.repo.mergeState(p)
		o["merge_commit_sha"] = orNull(p.facts.mergeSHA)
	}
	p.mergeableUnanswered = false
	return answer{http.StatusOK, o}, nil
}

func (h *Hub) listPullFiles(c *call) (answer, error) {
	h.mu.Lock()
	p, err := c.pull()
	if err != nil {
		h.mu.Unlock()
		return answer{}, err
	}
	base, head := p.baseSHA, p.headSHA
	h.mu.Unlock()
	files, err := c.repo.changedFiles(c.Context(), base, head)
	if err != nil {
		return answer{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	all := []obj{}
	for _, f := range files[:min(len(files), 3000)] {
		all = append(all, h.fileJSON(c.repo, head, f))
	}
	return answer{http.StatusOK, page(c.w, c.Request, h.url, all)}, nil
}

// changedFile is one entry of a diff.
type changedFile struct {
	path, previous, sha, status string
	additions, deletions        int
}

// changedFiles is the diff from the merge base of base and head to head; from
// base itself when they have none.
func (r *Repo) changedFiles(ctx context.Context, base, head string) ([]changedFile, error) {
	out, err := r.hub.git(ctx, r.dir, nil, "merge-base", base, head)
	if err != nil && exitCode(err) != 1 {
		return nil, err
	}
	if mb := strings.TrimSpace(out); mb != "" {
		base = mb
	}
	return r.diff(ctx, base, head)
}

var fileStatus = map[byte]string{'A': "added", 'D': "removed", 'M': "modified", 'R': "renamed", 'C': "copied", 'T': "changed"}

// diff lists what differs between two commits, with renames as GitHub shows
// them. A commit's diff to itself is taken against the empty tree.
func (r *Repo) diff(ctx context.Context, from, to string) ([]changedFile, error) {
	args := []string{"diff-tree", "-r", "-z", "-M", "--no-commit-id", "--raw", "--numstat", "--full-index"}
	if from == to {
		args = append(args, "--root", to)
	} else {
		args = append(args, from, to)
	}
	out, err := r.hub.git(ctx, r.dir, nil, args...)
	if err != nil {
		return nil, err
	}
	tok := strings.Split(strings.TrimRight(out, "\x00"), "\x00")
	next := func() (s string) {
		if len(tok) > 0 {
			s, tok = strings.ToValidUTF8(tok[0], "\uFFFD"), tok[1:]
		}
		return s
	}
	var files []changedFile
	at := map[string]int{}
	for len(tok) > 0 && strings.HasPrefix(tok[0], ":") {
		f := strings.Fields(next())
		if len(f) != 5 {
			break
		}
		c := changedFile{sha: f[3], status: fileStatus[f[4][0]], path: next()}
		if c.sha == zeroSHA {
			c.sha = f[2]
		}
		if f[4][0] == 'R' || f[4][0] == 'C' {
			c.previous, c.path = c.path, next()
		}
		at[c.path] = len(files)
		files = append(files, c)
	}
	for len(tok) > 0 {
		f := strings.SplitN(next(), "\t", 3)
		if len(f) != 3 {
			break
		}
		path := f[2]
		if path == "" {
			next()
			path = next()
		}
		if i, ok := at[path]; ok {
			files[i].additions, _ = strconv.Atoi(f[0])
			files[i].deletions, _ = strconv.Atoi(f[1])
		}
	}
	return files, nil
}

// fileJSON renders a diff's entry. mu is held.
func (h *Hub) fileJSON(r *Repo, sha string, f changedFile) obj {
	web := h.url + "/" + r.FullName()
	o := obj{
		"sha": f.sha, "filename": f.path, "status": f.status, "additions": f.additions, "deletions": f.deletions,
		"changes": f.additions + f.deletions, "blob_url": web + "/blob/" + sha + "/" + f.path, "raw_url": web + "/raw/" + sha + "/" + f.path,
		"contents_url": h.repoAPI(r) + "/contents/" + f.path + "?ref=" + sha,
	}
	if f.previous != "" {
		o["previous_filename"] = f.previous
	}
	return o
}
