package storetest

import (
	"testing"
	"time"

	"github.com/dudesons/loktar/checks"
)

func testNotices(t *testing.T, open Open) {
	clk, dir := newClock(), t.TempDir()
	s := open(t, dir, clk.now)
	a, b, quiet := run(1, shaA), run(2, shaA), run(3, shaA)
	a.Notify = &checks.Notify{Slack: []checks.SlackRule{{Channel: "#ci", On: []checks.When{checks.WhenAlways}}}}
	b.Notify = &checks.Notify{Comment: checks.WhenAlways}
	all := func(r checks.Run) checks.CheckKey { return key(r, checks.AggregateName) }

	// A run that was put has no row before its aggregate check is dirty, and
	// one that tells nobody never has one.
	must(t, s.Commit(t.Context(), checks.Commit{Runs: []checks.Run{a, quiet}, Dirty: []checks.CheckKey{key(a, "lib"), all(quiet)}}))
	same(t, "no row", get(s.Notices(9))(t), []checks.NoticeRow{})
	since := clk.now()
	must(t, s.Commit(t.Context(), checks.Commit{Dirty: []checks.CheckKey{all(a)}}))
	must(t, s.Commit(t.Context(), checks.Commit{Runs: []checks.Run{b}, Dirty: []checks.CheckKey{all(b)}}))
	clk.advance(time.Second)
	must(t, s.Commit(t.Context(), checks.Commit{Dirty: []checks.CheckKey{all(a)}}))
	rows := get(s.Notices(9))(t)
	if len(rows) != 2 || rows[0].Run != a.ID || rows[1].Run != b.ID || rows[0].Rev <= rows[1].Rev || !rows[0].Since.Equal(since) {
		t.Fatalf("rows %+v: the older is to keep its place and to have the newer revision", rows)
	}
	same(t, "one of them", len(get(s.Notices(1))(t)), 1)
	same(t, "none of them", get(s.Notices(0))(t), []checks.NoticeRow{})

	// While people are told the run goes on.
	stale := rows[0].Rev
	must(t, s.Commit(t.Context(), checks.Commit{Dirty: []checks.CheckKey{all(a)}}))
	must(t, s.NoticeDone(t.Context(), a.ID, stale))
	must(t, s.NoticeDone(t.Context(), "nobody", 1))
	rows = get(s.Notices(9))(t)
	same(t, "the changed row stays", []string{rows[0].Run, rows[1].Run}, []string{a.ID, b.ID})
	must(t, s.NoticeDone(t.Context(), b.ID, rows[1].Rev))
	must(t, s.NoticeDone(t.Context(), b.ID, rows[1].Rev)) // said twice
	same(t, "one is left", len(get(s.Notices(9))(t)), 1)

	// What was told, by place; a name leads to its channel's id from then on.
	post := checks.Post{Asked: clk.now(), Channel: "C0123456789", ID: "1.5", Told: "hash", Details: true}
	same(t, "nothing told", get(s.Posts(a.ID))(t), map[string]checks.Post(nil))
	must(t, s.Posted(t.Context(), a.ID, "#ci", checks.Post{Asked: clk.now()}))
	same(t, "no id yet", get(s.ChannelID("#ci"))(t), "")
	must(t, s.Posted(t.Context(), a.ID, "#ci", post))
	must(t, s.Posted(t.Context(), a.ID, "comment", checks.Post{GivenUp: "No."}))
	wantKind(t, s.Posted(t.Context(), quiet.ID, "#ci", post), checks.KindNotFound)
	must(t, s.SetPullComment(t.Context(), 11, 5, 77))

	// Runs of one target, from the newest on.
	pulls := []checks.Run{run(4, shaA), run(5, shaA), run(6, shaB), run(7, shaB)}
	for i := range pulls {
		pulls[i].PullRequest = pull(5)
	}
	pulls[2].PullRequest = pull(6)
	must(t, s.Commit(t.Context(), checks.Commit{Runs: pulls}))
	earlier(t, s, &pulls[3], 9, pulls[1], pulls[0])
	earlier(t, s, &pulls[3], 1, pulls[1])
	earlier(t, s, &pulls[2], 9)
	earlier(t, s, &pulls[0], 9)
	earlier(t, s, &checks.Run{Seq: 99, Repo: pulls[0].Repo, PullRequest: pull(5)}, 9, pulls[3], pulls[1], pulls[0])

	// The row and what was told are apart, and a second put of the run keeps
	// both. All of it is there after a restart.
	a.Finished = clk.now()
	must(t, s.Commit(t.Context(), checks.Commit{Runs: []checks.Run{a}}))
	mustClose(t, s)
	s = open(t, dir, clk.now)
	defer mustClose(t, s)
	same(t, "the row that is left", get(s.Notices(9))(t), rows[:1])
	same(t, "what was told", get(s.Posts(a.ID))(t), map[string]checks.Post{"#ci": post, "comment": {GivenUp: "No."}})
	same(t, "the channel's id", get(s.ChannelID("#ci"))(t), "C0123456789")
	same(t, "no channel", get(s.ChannelID(""))(t), "")
	same(t, "the comment", get(s.PullComment(11, 5))(t), int64(77))
	same(t, "no comment", get(s.PullComment(11, 6))(t), int64(0))
	must(t, s.NoticeDone(t.Context(), a.ID, rows[0].Rev))
	same(t, "all are told", get(s.Notices(9))(t), []checks.NoticeRow{})
}

// earlier compares the runs of a target before one of its runs.
func earlier(t fataler, s Store, of *checks.Run, limit int, want ...checks.Run) {
	t.Helper()
	same(t, "earlier runs", get(s.Earlier(of.Target(), of.Seq, limit))(t), want)
}
