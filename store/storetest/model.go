package storetest

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/store"
)

// model is a store in plain maps, as simple as its promises.
type model struct {
	inbox   []checks.Event
	known   map[string]store.DeliveryRecord // by GUID
	runs    map[uint64]checks.Run
	jobs    map[checks.JobID]checks.Job
	rows    []checks.OutboxRow // Rev is what the store said last
	ids     map[checks.CheckKey]int64
	replies []checks.Reply
	moves   map[int64]checks.Move
	pubs    []checks.Publication // in the order of their reservation
}

// modelTest is a store and its model going the same way.
type modelTest struct {
	model
	s     Store
	clock *clock
}

var (
	modelGUIDs = []string{"g0", "g1", "g2", "g3", "g4"}
	modelNames = []string{"api", "lib", "web"}
	modelSHAs  = []string{shaA, shaB}
	modelRepos = []checks.Repo{{ID: 11, Owner: "acme", Name: "shop"}, {ID: 12, Owner: "fay", Name: "fork"}}
	modelPulls = []int{5, 6}
	modelRefs  = []string{"refs/heads/main", "refs/heads/main2"}
)

// testModel takes random steps, reopening included, and after each compares
// everything that can be read with the model.
func testModel(t *testing.T, open Open) {
	base, n := t.TempDir(), 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		dir := fmt.Sprintf("%s/%d", base, n)
		m := &modelTest{clock: newClock(), model: model{
			known: map[string]store.DeliveryRecord{},
			moves: map[int64]checks.Move{},
			runs:  map[uint64]checks.Run{},
			jobs:  map[checks.JobID]checks.Job{},
			ids:   map[checks.CheckKey]int64{},
		}}
		m.s = open(t, dir, m.clock.now)
		defer func() { mustClose(rt, m.s) }()
		rt.Repeat(map[string]func(*rapid.T){
			"":        m.compare,
			"accept":  m.accept,
			"commit":  m.commit,
			"deliver": m.deliver,
			"discard": m.discard,
			"answer":  m.answer,
			"reserve": m.reserve,
			"publish": m.publish,
			"give up": m.giveUp,
			"wait": func(t *rapid.T) {
				m.clock.advance(time.Duration(rapid.IntRange(1, 3600).Draw(t, "seconds")) * time.Second)
			},
			"reopen": func(rt *rapid.T) {
				mustClose(rt, m.s)
				m.s = open(t, dir, m.clock.now)
			},
		})
	})
}

// drawTime draws one of few times, so that moves are before, at and after
// what they are about.
func drawTime(t *rapid.T) time.Time {
	return someTime.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "hour")) * time.Hour)
}

func drawRepo(t *rapid.T) checks.Repo { return rapid.SampledFrom(modelRepos).Draw(t, "repo") }

func drawPull(t *rapid.T, base checks.Repo) *checks.PullRequest {
	pr := pull(rapid.SampledFrom(modelPulls).Draw(t, "pull"))
	pr.Base.Repo, pr.Head.Repo = base, drawRepo(t)
	return pr
}

func (m *modelTest) accept(t *rapid.T) {
	ev := event(rapid.SampledFrom(modelGUIDs).Draw(t, "guid"))
	ev.HeadSHA = rapid.SampledFrom(modelSHAs).Draw(t, "sha")
	ev.Repo, ev.Received = drawRepo(t), drawTime(t)
	ev.PullRequest = drawPull(t, ev.Repo)
	_, known := m.known[ev.Delivery]
	accept(t, m.s, ev, !known)
	if !known {
		m.known[ev.Delivery] = store.DeliveryRecord{Received: ev.Received, Pending: true}
		m.inbox = append(m.inbox, ev)
	}
}

func (m *modelTest) drawRun(t *rapid.T) checks.Run {
	r := run(rapid.Uint64Range(1, 4).Draw(t, "seq"), rapid.SampledFrom(modelSHAs).Draw(t, "sha"))
	r.Repo, r.Installation, r.Created = drawRepo(t), 7, drawTime(t)
	switch rapid.IntRange(0, 4).Draw(t, "kind") {
	case 0, 1:
		r.PullRequest = drawPull(t, r.Repo)
	case 2:
		r.Push = &checks.Push{Ref: rapid.SampledFrom(modelRefs).Draw(t, "ref")}
	case 3:
		r.MergeGroup = &checks.MergeGroup{HeadRef: rapid.SampledFrom(modelRefs).Draw(t, "ref")}
	}
	r.Outdated = rapid.SampledFrom([]string{"", "", shaA}).Draw(t, "outdated")
	if rapid.Bool().Draw(t, "finished") {
		r.Finished = m.clock.now()
	}
	if rapid.IntRange(0, 9).Draw(t, "taken") == 0 {
		r.ID = "impostor"
	}
	return r
}

// commit draws a commit that may be refused, and works out whether it is.
func (m *modelTest) commit(t *rapid.T) {
	var c checks.Commit
	ok := true
	if rapid.Bool().Draw(t, "plans") {
		c.Planned = rapid.SampledFrom(modelGUIDs).Draw(t, "guid")
		c.Note = rapid.SampledFrom([]string{"", "run", "no run"}).Draw(t, "note")
		ok = ok && m.known[c.Planned].Pending
	}
	for range rapid.IntRange(0, 2).Draw(t, "runs") {
		c.Runs = append(c.Runs, m.drawRun(t))
	}
	runs := map[uint64]checks.Run{}
	for _, r := range c.Runs {
		old, known := runs[r.Seq]
		if !known {
			old, known = m.runs[r.Seq]
		}
		ok = ok && (!known || old.ID == r.ID) && (r.ID != "impostor" || m.impostorAt(runs, r.Seq))
		runs[r.Seq] = r
	}
	for range rapid.IntRange(0, 3).Draw(t, "jobs") {
		of := run(rapid.Uint64Range(1, 4).Draw(t, "run"), shaA)
		i := rapid.IntRange(0, 2).Draw(t, "package")
		j := job(of, i, modelNames[i])
		j.Attempt = rapid.IntRange(0, 9).Draw(t, "attempt")
		c.Jobs = append(c.Jobs, j)
		ok = ok && (runs[of.Seq].ID == of.ID || runs[of.Seq].ID == "" && m.runs[of.Seq].ID == of.ID)
	}
	for range rapid.IntRange(0, 3).Draw(t, "dirty") {
		of := run(rapid.Uint64Range(1, 2).Draw(t, "of"), shaA)
		c.Dirty = append(c.Dirty, key(of, rapid.SampledFrom(modelNames).Draw(t, "name")))
	}
	for range rapid.SampledFrom([]int{0, 0, 1, 2}).Draw(t, "replies") {
		r := reply(rapid.SampledFrom(modelGUIDs).Draw(t, "answered"))
		r.Repo, r.Since = drawRepo(t), drawTime(t)
		ok = ok && replyTo(m.replies, r.Delivery) < 0 && replyTo(c.Replies, r.Delivery) < 0
		c.Replies = append(c.Replies, r)
	}
	for range rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(t, "moves") {
		owner := rapid.SampledFrom([]string{"globex", "initech"}).Draw(t, "owner")
		c.Moves = append(c.Moves, move(drawRepo(t).ID, owner, "store", rapid.Int64Range(8, 9).Draw(t, "installation"), drawTime(t)))
	}

	err := m.s.Commit(t.Context(), c)
	if (err == nil) != ok {
		t.Fatalf("commit %+v: %v; want success: %t", c, err, ok)
	}
	if ok {
		m.apply(t, c)
	}
}

// impostorAt reports whether the run "impostor" may have the number seq: it
// has it already, or has none.
func (m *modelTest) impostorAt(runs map[uint64]checks.Run, seq uint64) bool {
	for _, all := range []map[uint64]checks.Run{runs, m.runs} {
		for s, r := range all {
			if r.ID == "impostor" {
				return s == seq
			}
		}
	}
	return true
}

func (m *modelTest) apply(t *rapid.T, c checks.Commit) {
	if c.Planned != "" {
		m.known[c.Planned] = store.DeliveryRecord{Received: m.known[c.Planned].Received, Note: c.Note}
		m.inbox = slices.DeleteFunc(m.inbox, func(ev checks.Event) bool { return ev.Delivery == c.Planned })
	}
	for _, r := range c.Runs {
		m.runs[r.Seq] = r
	}
	for _, j := range c.Jobs {
		m.jobs[j.ID()] = j
	}
	for _, k := range c.Dirty {
		if m.row(k) < 0 {
			m.rows = append(m.rows, checks.OutboxRow{Key: k, Since: m.clock.now(), CheckRunID: m.ids[k]})
		}
	}
	m.replies = append(m.replies, c.Replies...)
	for _, mv := range c.Moves {
		if !m.moves[mv.Repo.ID].At.After(mv.At) {
			m.moves[mv.Repo.ID] = mv
		}
	}
	// A revision is the store's choice, as long as it grows with each change.
	for _, got := range get(m.s.Outbox(math.MaxInt))(t) {
		if !slices.Contains(c.Dirty, got.Key) {
			continue
		}
		row := &m.rows[m.row(got.Key)]
		if got.Rev <= row.Rev {
			t.Fatalf("revision of %s went from %d to %d", got.Key, row.Rev, got.Rev)
		}
		row.Rev = got.Rev
	}
}

func (m *modelTest) row(k checks.CheckKey) int {
	return slices.IndexFunc(m.rows, func(r checks.OutboxRow) bool { return r.Key == k })
}

// drawRow draws a row and a revision that is its own or an older one.
func (m *modelTest) drawRow(t *rapid.T) (r checks.OutboxRow, rev uint64) {
	if len(m.rows) == 0 {
		t.Skip("no row")
	}
	r = rapid.SampledFrom(m.rows).Draw(t, "row")
	if rapid.IntRange(0, 2).Draw(t, "stale") == 0 {
		return r, r.Rev - 1
	}
	return r, r.Rev
}

func (m *modelTest) drop(r checks.OutboxRow, rev uint64) {
	if r.Rev == rev {
		m.rows = slices.Delete(m.rows, m.row(r.Key), m.row(r.Key)+1)
	}
}

func (m *modelTest) deliver(t *rapid.T) {
	r, rev := m.drawRow(t)
	id := rapid.Int64Range(1, 1000).Draw(t, "id")
	must(t, m.s.Delivered(t.Context(), r.Key, rev, id))
	m.ids[r.Key] = id
	m.rows[m.row(r.Key)].CheckRunID = id
	m.drop(r, rev)
}

func (m *modelTest) discard(t *rapid.T) {
	r, rev := m.drawRow(t)
	must(t, m.s.Discard(t.Context(), r.Key, rev, "no"))
	m.drop(r, rev)
}

func replyTo(all []checks.Reply, guid string) int {
	return slices.IndexFunc(all, func(r checks.Reply) bool { return r.Delivery == guid })
}

func (m *modelTest) answer(t *rapid.T) {
	guid := rapid.SampledFrom(modelGUIDs).Draw(t, "guid")
	must(t, m.s.ReplyDone(t.Context(), guid))
	m.replies = slices.DeleteFunc(m.replies, func(r checks.Reply) bool { return r.Delivery == guid })
}
