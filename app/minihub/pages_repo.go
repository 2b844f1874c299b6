package minihub

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// repoKeys are the keys of all repositories, sorted. mu is held.
func (h *Hub) repoKeys() []string { return slices.Sorted(maps.Keys(h.repos)) }

// pageRepo finds the repository of a page's path; nil answered: 404, or for
// an old name a redirect.
func (h *Hub) pageRepo(w http.ResponseWriter, r *http.Request) *Repo {
	h.mu.Lock()
	repo, moved := h.named(r.PathValue("owner") + "/" + r.PathValue("repo"))
	h.mu.Unlock()
	switch {
	case repo == nil:
		http.NotFound(w, r)
	case moved:
		parts := strings.SplitN(r.URL.Path, "/", 4)
		to := "/" + repo.FullName()
		if len(parts) == 4 {
			to += "/" + parts[3]
		}
		code := http.StatusTemporaryRedirect
		if r.Method == http.MethodGet {
			code = http.StatusMovedPermanently
		}
		http.Redirect(w, r, localPath(to, "/"), code)
	default:
		return repo
	}
	return nil
}

type refRow struct {
	Name, SHA, Short, Subject, Icon, Sub string
	Default, Queue                       bool
	Pull                                 int    // of which it is the open head; 0 without one
	Release                              string // the name of a tag's release; empty without one
	Link                                 string // to a tag's page
}

type codePageData struct {
	frame
	CloneURL, DefaultBranch string
	Parent                  string
	Branches, Tags          []refRow
}

func (h *Hub) codePage(w http.ResponseWriter, r *http.Request) {
	repo := h.pageRepo(w, r)
	if repo == nil {
		return
	}
	refs, err := repo.tips(r.Context())
	if err != nil {
		h.fail(w, r, repo, http.StatusInternalServerError, err.Error())
		return
	}
	d := codePageData{frame: h.frame(r, repo, repo.FullName(), "/"+repo.FullName()), CloneURL: repo.CloneURL()}
	d.Tab = "code"
	h.mu.Lock()
	d.DefaultBranch = repo.defaultBranch
	if repo.parent != nil {
		d.Parent = repo.parent.FullName()
	}
	for _, ref := range slices.Sorted(maps.Keys(refs)) {
		name, isTag := strings.CutPrefix(ref, "refs/tags/")
		name = strings.TrimPrefix(name, "refs/heads/")
		box := h.checksAt(repo, refs[ref], "")
		row := refRow{Name: name, SHA: refs[ref], Short: refs[ref][:7], Subject: repo.known(refs[ref]).subject(), Icon: box.Icon, Sub: box.Sub}
		if isTag {
			if row.Link = "/" + repo.FullName() + tagPage(name); repo.releaseOf(name) != nil {
				row.Release = cmp.Or(repo.releaseOf(name).name, name)
			}
			d.Tags = append(d.Tags, row)
			continue
		}
		row.Default, row.Queue = name == repo.defaultBranch, strings.HasPrefix(name, queuePrefix)
		for n, p := range repo.pulls {
			if p.open && p.headRepo == repo && p.headRef == name {
				row.Pull = max(row.Pull, n)
			}
		}
		d.Branches = append(d.Branches, row)
	}
	h.mu.Unlock()
	slices.SortStableFunc(d.Branches, func(a, b refRow) int { return order(a) - order(b) })
	render(w, http.StatusOK, "code.html", d)
}

// order puts the default branch first and those of the merge queue last.
func order(row refRow) int {
	switch {
	case row.Default:
		return 0
	case row.Queue:
		return 2
	}
	return 1
}

// tips are the commits of branches and tags, by ref; all were read.
func (r *Repo) tips(ctx context.Context) (map[string]string, error) {
	refs, err := r.refs(ctx)
	if err != nil {
		return nil, err
	}
	for ref, sha := range refs {
		c, err := r.commit(ctx, sha)
		if err == nil && c == nil { // a tag with a message of its own
			if sha, err = r.resolve(ctx, ref); err == nil && sha != "" {
				refs[ref] = sha
				_, err = r.commit(ctx, sha)
			}
		}
		if err != nil {
			return nil, err
		}
		if sha == "" {
			delete(refs, ref) // a tag of something else
		}
	}
	return refs, nil
}

type pullRow struct {
	Name, Author, State, StateName, Icon, Sub, Link string
	Number, Comments                                int
	Labels                                          []string
	Queued                                          bool
}

type pullsPageData struct {
	frame
	Open, Closed  []pullRow
	Branches      []string
	DefaultBranch string
}

func (h *Hub) pullsPage(w http.ResponseWriter, r *http.Request) {
	repo := h.pageRepo(w, r)
	if repo == nil {
		return
	}
	d := pullsPageData{frame: h.frame(r, repo, "Pull requests · "+repo.FullName(), "/"+repo.FullName()+"/pulls")}
	d.Tab = "pulls"
	var err error
	if d.Branches, err = repo.branches(r.Context()); err != nil {
		h.fail(w, r, repo, http.StatusInternalServerError, err.Error())
		return
	}
	h.mu.Lock()
	d.DefaultBranch = repo.defaultBranch
	for n := repo.lastNumber; n > 0; n-- {
		p := repo.pulls[n]
		if p == nil {
			continue
		}
		box := h.checksAt(repo, p.headSHA, "")
		row := pullRow{Name: p.title, Author: p.author.login, Number: n, Icon: box.Icon, Sub: box.Sub, Comments: repo.commentCount(n), Labels: p.labelNames(),
			Queued: slices.ContainsFunc(repo.queue, func(g *mergeGroup) bool { return g.pull == p })}
		row.State, row.StateName = p.look()
		row.Link = "/" + d.Repo + "/pull/" + strconv.Itoa(n)
		if p.open {
			d.Open = append(d.Open, row)
		} else {
			d.Closed = append(d.Closed, row)
		}
	}
	h.mu.Unlock()
	render(w, http.StatusOK, "pulls.html", d)
}
