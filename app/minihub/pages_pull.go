package minihub

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

type commitRow struct {
	SHA, Short, Subject, Author, Icon string
}

// commentRow is one comment as the page shows it.
type commentRow struct {
	ID                         int64
	Author, Body, When, Stamp  string
	Bot, Edited, IsOwner, Mine bool // Mine: the viewer may edit and delete it
	Reactions                  []reactionRow
}

type reactionRow struct {
	Emoji string
	Count int
	Who   string
}

// emoji are GitHub's reactions in the order in which it shows them.
var emoji = []struct{ content, sign string }{
	{"+1", "👍"}, {"-1", "👎"}, {"laugh", "😄"}, {"hooray", "🎉"}, {"confused", "😕"}, {"heart", "❤️"}, {"rocket", "🚀"}, {"eyes", "👀"},
}

// queueRow is a pull request's place in the merge queue.
type queueRow struct {
	Position, Of           int
	Branch, SHA, Short, By string
	Ahead                  []int // pull requests that are merged with it
	Checks                 checksBox
	Blockers               []string // what the rules still want of the groups
}

type pullPageData struct {
	frame
	Name, Author, State, StateName       string
	Number                               int
	Base, Head, HeadRepo, HeadBranch     string
	Body                                 string
	Commits, Files, Additions, Deletions int
	CommitRows                           []commitRow
	Comments                             []commentRow
	Labels, OtherLabels                  []string
	Checks                               checksBox
	Open, Mergeable, Merged, Draft       bool
	MergedBy, MergeSHA, MergeShort       string
	Blockers                             []string
	Queue                                *queueRow
	MayEdit, MayPush                     bool
	Branches                             []string // for the base branch; on the page alone
}

// pagePull finds the pull request of a page's path; nil answered.
func (h *Hub) pagePull(w http.ResponseWriter, r *http.Request) (*Repo, *pull) {
	repo := h.pageRepo(w, r)
	if repo == nil {
		return nil, nil
	}
	number, _ := strconv.Atoi(r.PathValue("number"))
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := repo.pulls[number]; p != nil {
		return repo, p
	}
	http.NotFound(w, r)
	return nil, nil
}

func (h *Hub) pullPage(w http.ResponseWriter, r *http.Request) {
	repo, p := h.pagePull(w, r)
	if p == nil {
		return
	}
	d := h.pullData(r, repo, p)
	var err error
	if d.Branches, err = repo.branches(r.Context()); err != nil {
		h.fail(w, r, repo, http.StatusInternalServerError, err.Error())
		return
	}
	render(w, http.StatusOK, "pull.html", d)
}

func (h *Hub) pullEvents(w http.ResponseWriter, r *http.Request) {
	if repo, p := h.pagePull(w, r); p != nil {
		h.stream(w, r, "pull-live", func() any { return h.pullData(r, repo, p) })
	}
}

// branches are the names of the branches that people push to.
func (r *Repo) branches(ctx context.Context) ([]string, error) {
	refs, err := r.refs(ctx)
	if err != nil {
		return nil, err
	}
	var out []string
	for ref := range refs {
		if name, ok := strings.CutPrefix(ref, "refs/heads/"); ok && !strings.HasPrefix(name, queuePrefix) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out, nil
}

func (h *Hub) pullData(req *http.Request, r *Repo, p *pull) pullPageData {
	path := "/" + r.FullName() + "/pull/" + strconv.Itoa(p.number)
	d := pullPageData{frame: h.frame(req, r, "", path)}
	h.mu.Lock()
	defer h.mu.Unlock()
	d.PageTitle, d.Tab = p.title+" · Pull Request #"+strconv.Itoa(p.number)+" · "+d.Repo, "pulls"
	d.Name, d.Number, d.Author, d.Body = p.title, p.number, p.author.login, p.body
	d.Base, d.Head, d.HeadRepo, d.HeadBranch = p.baseRef, p.headRef, p.headRepo.FullName(), p.headRef
	d.Commits, d.Files, d.Additions, d.Deletions = p.facts.commits, p.facts.files, p.facts.additions, p.facts.deletions
	d.Open, d.Merged, d.Mergeable, d.Draft = p.open, p.merged, p.facts.mergeable, p.draft
	d.State, d.StateName = p.look()
	if p.merged {
		d.MergedBy, d.MergeSHA, d.MergeShort = p.mergedBy.login, p.facts.mergeSHA, short(p.facts.mergeSHA)
	}
	if p.headRepo != r {
		d.Head = p.headRepo.owner.login + ":" + p.headRef
	}
	for _, sha := range p.facts.list {
		c := r.known(sha)
		d.CommitRows = append(d.CommitRows, commitRow{SHA: sha, Short: sha[:7], Subject: c.subject(), Author: c.authorName, Icon: h.checksAt(r, sha, "").Icon})
	}
	me := h.users[lower(d.Viewer)]
	d.MayEdit = !d.Archived && (d.Write || p.author == me)
	d.MayPush = p.headRepo.rightsOf(d.Viewer).Write
	base := p.baseRef
	if !p.open {
		base = "" // nothing is expected any more
	}
	d.Checks = h.checksAt(r, p.headSHA, base)
	d.Checks.buttons(d.rights, path+"/rerun", path)
	d.Comments = r.commentRows(p.number, me, d.rights)
	d.Labels, d.OtherLabels = p.labelNames(), r.otherLabels(p)
	if p.open {
		d.Blockers = blockerLines(r.blockersOf(p.baseRef, p.headSHA))
		d.Queue = h.queueRow(r, p, d.frame)
	}
	return d
}

// look is the colour and the word of a pull request's state. mu is held.
func (p *pull) look() (state, name string) {
	switch {
	case p.merged:
		return "merged", "Merged"
	case !p.open:
		return "closed", "Closed"
	case p.draft:
		return "draft", "Draft"
	}
	return "open", "Open"
}

func blockerLines(bs []blocker) []string {
	var out []string
	for _, b := range bs {
		out = append(out, b.Context+": "+b.line)
	}
	return out
}

// commentRows are a pull request's comments. mu is held.
func (r *Repo) commentRows(number int, me *user, may rights) []commentRow {
	t := r.threads[number]
	if t == nil {
		return nil
	}
	var out []commentRow
	for _, c := range t.comments {
		row := commentRow{ID: c.id, Author: c.author.login, Body: c.body, When: c.created.Format("Jan 2, 2006 15:04 UTC"),
			Stamp: c.created.Format(time.RFC3339), Bot: c.via != nil, Edited: c.updated.After(c.created),
			IsOwner: c.author == r.owner, Mine: may.Write || me != nil && c.author == me && !may.Archived}
		for _, e := range emoji {
			one := reactionRow{Emoji: e.sign}
			var who []string
			for _, x := range c.reactions {
				if x.content == e.content {
					who = append(who, x.user.login)
				}
			}
			if one.Count, one.Who = len(who), strings.Join(who, ", "); len(who) > 0 {
				row.Reactions = append(row.Reactions, one)
			}
		}
		out = append(out, row)
	}
	return out
}

// otherLabels are the repository's labels that a pull request does not bear.
// mu is held.
func (r *Repo) otherLabels(p *pull) []string {
	var out []string
	for _, l := range r.labels {
		if !slices.Contains(p.labels, l) {
			out = append(out, l.name)
		}
	}
	slices.Sort(out)
	return out
}

// queueRow is a pull request's place in the merge queue; nil when it has none.
// mu is held.
func (h *Hub) queueRow(r *Repo, p *pull, f frame) *queueRow {
	var own *mergeGroup
	row := &queueRow{}
	for _, g := range r.queue {
		if g.base != p.baseRef {
			continue
		}
		row.Of++
		if own == nil {
			row.Position++
			for _, line := range blockerLines(r.blockersOf(g.base, g.headSHA)) {
				if g.pull != p {
					line = "#" + strconv.Itoa(g.pull.number) + " — " + line
				}
				row.Blockers = append(row.Blockers, line)
			}
			if g.pull == p {
				own = g
			} else {
				row.Ahead = append(row.Ahead, g.pull.number)
			}
		}
	}
	if own == nil {
		return nil
	}
	row.Branch, row.SHA, row.Short, row.By = own.branch(), own.headSHA, own.headSHA[:7], own.login
	row.Checks = h.checksAt(r, own.headSHA, own.base)
	row.Checks.buttons(f.rights, "/"+f.Repo+"/commit/"+own.headSHA+"/rerun", f.Path)
	return row
}
