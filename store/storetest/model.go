package storetest

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
)

// model is a store in plain maps, as simple as its promises.
type model struct {
	inbox []checks.Event
	notes map[string]*string // by GUID; nil while pending
	runs  map[uint64]checks.Run
	jobs  map[checks.JobID]checks.Job
	rows  []checks.OutboxRow // Rev is what the store said last
	ids   map[checks.CheckKey]int64
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
)

// testModel takes random steps, reopening included, and after each compares
// everything that can be read with the model.
func testModel(t *testing.T, open Open) {
	base, n := t.TempDir(), 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		dir := fmt.Sprintf("%s/%d", base, n)
		m := &modelTest{clock: newClock(), model: model{
			notes: map[string]*string{},
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

func (m *modelTest) accept(t *rapid.T) {
	ev := event(rapid.SampledFrom(modelGUIDs).Draw(t, "guid"))
	ev.HeadSHA = rapid.SampledFrom([]string{shaA, shaB}).Draw(t, "sha")
	_, known := m.notes[ev.Delivery]
	accept(t, m.s, ev, !known)
	if !known {
		m.notes[ev.Delivery] = nil
		m.inbox = append(m.inbox, ev)
	}
}

// commit draws a commit that may be refused, and works out whether it is.
func (m *modelTest) commit(t *rapid.T) {
	var c checks.Commit
	ok := true
	if rapid.Bool().Draw(t, "plans") {
		c.Planned = rapid.SampledFrom(modelGUIDs).Draw(t, "guid")
		c.Note = rapid.SampledFrom([]string{"", "run", "no run"}).Draw(t, "note")
		note, known := m.notes[c.Planned]
		ok = ok && known && note == nil
	}
	for range rapid.IntRange(0, 2).Draw(t, "runs") {
		r := run(rapid.Uint64Range(1, 4).Draw(t, "seq"), rapid.SampledFrom([]string{shaA, shaB}).Draw(t, "sha"))
		if rapid.Bool().Draw(t, "finished") {
			r.Finished = m.clock.now()
		}
		if rapid.IntRange(0, 9).Draw(t, "taken") == 0 {
			r.ID = "impostor"
		}
		c.Runs = append(c.Runs, r)
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
		m.notes[c.Planned] = &c.Note
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

// compare reads everything and compares it with the model.
func (m *modelTest) compare(t *rapid.T) {
	same(t, "pending", get(m.s.Pending(math.MaxInt))(t), m.inbox)
	for _, g := range modelGUIDs {
		note, known := m.notes[g]
		text := ""
		if note != nil {
			text = *note
		}
		settled(t, m.s, g, known, known && note == nil, text)
	}
	same(t, "outbox", get(m.s.Outbox(math.MaxInt))(t), m.rows)
	for _, seq := range []uint64{1, 2} {
		for _, name := range modelNames {
			k := key(run(seq, shaA), name)
			same(t, "id of "+k.String(), get(m.s.CheckRunID(k))(t), m.ids[k])
		}
	}
	m.compareRuns(t)
}

func (m *modelTest) compareRuns(t *rapid.T) {
	var all, active []checks.Run
	of := map[string][]checks.Run{}
	jobs, last := map[string][]checks.Job{}, uint64(0)
	for seq := uint64(4); seq >= 1; seq-- {
		r, ok := m.runs[seq]
		if !ok {
			continue
		}
		last = max(last, seq)
		all = append(all, r)
		of[r.HeadSHA] = append(of[r.HeadSHA], r)
		var its []checks.Job
		for i, name := range modelNames {
			j, ok := m.jobs[checks.JobID{Run: r.ID, Package: name}]
			if ok {
				its = append(its, j)
				same(t, "job", get(m.s.Job(j.ID()))(t), j)
			} else if _, err := m.s.Job(checks.JobID{Run: r.ID, Package: name}); checks.KindOf(err) != checks.KindNotFound {
				t.Fatalf("job %d of %s: %v, want none", i, r.ID, err)
			}
		}
		same(t, "run", get(m.s.Run(r.ID))(t), r)
		same(t, "jobs", get(m.s.Jobs(r.ID))(t), its)
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
	for _, sha := range []string{shaA, shaB} {
		same(t, "runs of "+sha, get(m.s.RunsOf(11, sha))(t), of[sha])
	}
}
