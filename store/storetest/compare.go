package storetest

import (
	"math"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
)

// told is how a reader sees a repository and its installation that were
// written at the time since.
func (m *model) told(r checks.Repo, installation int64, since time.Time) (checks.Repo, int64) {
	if mv, ok := m.moves[r.ID]; ok && !since.After(mv.At) {
		return mv.Repo, mv.Installation
	}
	return r, installation
}

func (m *model) toldPull(p *checks.PullRequest, since time.Time) *checks.PullRequest {
	if p == nil {
		return nil
	}
	c := *p
	c.Base.Repo, _ = m.told(p.Base.Repo, 0, since)
	c.Head.Repo, _ = m.told(p.Head.Repo, 0, since)
	return &c
}

func (m *model) toldRun(r checks.Run) checks.Run {
	r.Repo, r.Installation = m.told(r.Repo, r.Installation, r.Created)
	r.PullRequest = m.toldPull(r.PullRequest, r.Created)
	return r
}

// compare reads everything and compares it with the model.
func (m *modelTest) compare(t *rapid.T) {
	var inbox []checks.Event
	for _, ev := range m.inbox {
		ev.Repo, ev.Installation = m.told(ev.Repo, ev.Installation, ev.Received)
		ev.PullRequest = m.toldPull(ev.PullRequest, ev.Received)
		inbox = append(inbox, ev)
	}
	same(t, "pending", get(m.s.Pending(math.MaxInt))(t), inbox)
	for _, g := range modelGUIDs {
		got, found, err := m.s.Delivery(g)
		must(t, err)
		want, known := m.known[g]
		same(t, "delivery "+g, []any{got, found}, []any{want, known})
	}
	var replies []checks.Reply
	for _, r := range m.replies {
		r.Repo, r.Installation = m.told(r.Repo, r.Installation, r.Since)
		replies = append(replies, r)
	}
	same(t, "replies", get(m.s.Replies(math.MaxInt))(t), replies)
	same(t, "outbox", get(m.s.Outbox(math.MaxInt))(t), m.rows)
	for _, seq := range []uint64{1, 2} {
		for _, name := range modelNames {
			k := key(run(seq, shaA), name)
			same(t, "id of "+k.String(), get(m.s.CheckRunID(k))(t), m.ids[k])
		}
	}
	m.compareRuns(t)
	m.comparePublications(t)
}

func (m *modelTest) compareRuns(t *rapid.T) {
	var all, active []checks.Run // newest first
	jobs, last := map[string][]checks.Job{}, uint64(0)
	for seq := uint64(4); seq >= 1; seq-- {
		r, ok := m.runs[seq]
		if !ok {
			continue
		}
		r = m.toldRun(r)
		last = max(last, seq)
		all = append(all, r)
		its := m.compareJobs(t, r.ID)
		same(t, "run", get(m.s.Run(r.ID))(t), r)
		if !r.Done() {
			active = append(active, r)
			jobs[r.ID] = its
		}
	}
	slices.Reverse(active)
	gotRuns, gotJobs, gotLast, err := m.s.Active()
	must(t, err)
	same(t, "active", []any{gotRuns, gotJobs, gotLast}, []any{active, jobs, last})
	same(t, "recent", get(m.s.Recent(math.MaxInt))(t), all)
	for _, repo := range modelRepos {
		for _, sha := range modelSHAs {
			of := filter(all, func(r checks.Run) bool { return r.Repo.ID == repo.ID && r.HeadSHA == sha })
			same(t, "runs of "+sha, get(m.s.RunsOf(repo.ID, sha))(t), of)
		}
		targets := []checks.Target{{Repo: repo.ID}}
		for i := range modelPulls {
			targets = append(targets, checks.Target{Repo: repo.ID, Pull: modelPulls[i]}, checks.Target{Repo: repo.ID, Ref: modelRefs[i]})
		}
		for _, target := range targets {
			var newest *checks.Run
			if its := filter(all, func(r checks.Run) bool { return r.Outdated == "" && r.Target() == target }); len(its) > 0 {
				newest = &its[0]
			}
			latest(t, m.s, target, newest)
		}
	}
}

// compareJobs compares the jobs of a run and returns them.
func (m *modelTest) compareJobs(t *rapid.T, run string) (its []checks.Job) {
	for _, name := range modelNames {
		id := checks.JobID{Run: run, Package: name}
		if j, ok := m.jobs[id]; ok {
			its = append(its, j)
			same(t, "job", get(m.s.Job(id))(t), j)
		} else if _, err := m.s.Job(id); checks.KindOf(err) != checks.KindNotFound {
			t.Fatalf("job %s: %v, want none", id, err)
		}
	}
	same(t, "jobs", get(m.s.Jobs(run))(t), its)
	return its
}

func filter(runs []checks.Run, keep func(checks.Run) bool) (kept []checks.Run) {
	for _, r := range runs {
		if keep(r) {
			kept = append(kept, r)
		}
	}
	return kept
}
