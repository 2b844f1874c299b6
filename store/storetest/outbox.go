package storetest

import (
	"testing"
	"time"

	"github.com/dudesons/loktar/checks"
)

func dirty(t fataler, s Store, keys ...checks.CheckKey) {
	t.Helper()
	must(t, s.Commit(ctxOf(t), checks.Commit{Dirty: keys}))
}

func outboxKeys(t fataler, s Store, limit int) (keys []checks.CheckKey) {
	t.Helper()
	for _, r := range get(s.Outbox(limit))(t) {
		keys = append(keys, r.Key)
	}
	return keys
}

func testOutbox(t *testing.T, open Open) {
	clk := newClock()
	s := open(t, t.TempDir(), clk.now)
	defer mustClose(t, s)
	r := run(1, shaA)
	lib, api, all := key(r, "lib"), key(r, "api"), key(r, checks.AggregateName)

	same(t, "an empty outbox", get(s.Outbox(9))(t), []checks.OutboxRow{})
	dirty(t, s, lib, api)
	since := clk.now()
	clk.advance(time.Second)
	dirty(t, s, all, lib)
	rows := get(s.Outbox(9))(t)
	same(t, "oldest first", outboxKeys(t, s, 9), []checks.CheckKey{lib, api, all})
	same(t, "a part", outboxKeys(t, s, 2), []checks.CheckKey{lib, api})
	same(t, "none", outboxKeys(t, s, 0), []checks.CheckKey{})
	if !rows[0].Since.Equal(since) || !rows[2].Since.Equal(clk.now()) {
		t.Fatalf("rows since %v and %v, want %v and %v", rows[0].Since, rows[2].Since, since, clk.now())
	}
	if rows[0].Rev <= rows[1].Rev {
		t.Fatalf("revision %d of a row that changed again, %d of an older", rows[0].Rev, rows[1].Rev)
	}
	same(t, "no id yet", rows[0].CheckRunID, int64(0))

	// While the row is delivered the check run changes again.
	stale := rows[0].Rev
	dirty(t, s, lib)
	must(t, s.Delivered(t.Context(), lib, stale, 501))
	same(t, "the changed row stays", outboxKeys(t, s, 9), []checks.CheckKey{lib, api, all})
	row := get(s.Outbox(1))(t)[0]
	if row.Rev <= stale || row.CheckRunID != 501 {
		t.Fatalf("row %+v, want a revision above %d and the id 501", row, stale)
	}
	must(t, s.Delivered(t.Context(), lib, row.Rev, 501))
	same(t, "the delivered row goes", outboxKeys(t, s, 9), []checks.CheckKey{api, all})
	same(t, "the id stays", get(s.CheckRunID(lib))(t), int64(501))
	must(t, s.Delivered(t.Context(), lib, row.Rev, 501)) // said twice

	// A new row of an old check run knows its id, and its revision grew.
	clk.advance(time.Second)
	dirty(t, s, lib)
	rows = get(s.Outbox(9))(t)
	if last := rows[2]; last.Key != lib || last.Rev <= row.Rev || last.CheckRunID != 501 || !last.Since.Equal(clk.now()) {
		t.Fatalf("row made anew: %+v", last)
	}

	// Giving up on an old revision leaves the newer one.
	stale = rows[0].Rev
	dirty(t, s, api)
	must(t, s.Discard(t.Context(), api, stale, "GitHub says no."))
	same(t, "discard of an old revision", outboxKeys(t, s, 9), []checks.CheckKey{api, all, lib})
	must(t, s.Discard(t.Context(), api, get(s.Outbox(1))(t)[0].Rev, "GitHub says no."))
	same(t, "discard", outboxKeys(t, s, 9), []checks.CheckKey{all, lib})
	same(t, "no id of a discarded one", get(s.CheckRunID(api))(t), int64(0))
	must(t, s.Discard(t.Context(), api, 1, "again"))
	dirty(t, s, api)
	same(t, "it can come back", outboxKeys(t, s, 9), []checks.CheckKey{all, lib, api})

	// Nor has one an id that needs no check run; it loses none that it had.
	must(t, s.Delivered(t.Context(), api, get(s.Outbox(3))(t)[2].Rev, 0))
	same(t, "no id of one that needs none", get(s.CheckRunID(api))(t), int64(0))
	must(t, s.Delivered(t.Context(), lib, get(s.Outbox(2))(t)[1].Rev, 0))
	same(t, "the id stays", get(s.CheckRunID(lib))(t), int64(501))
	same(t, "rows that need none", outboxKeys(t, s, 9), []checks.CheckKey{all})

	wantKind(t, s.Delivered(t.Context(), all, 1, -1), checks.KindRefused)
	wantKind(t, s.Delivered(t.Context(), checks.CheckKey{}, 1, 1), checks.KindRefused)
	must(t, s.Delivered(t.Context(), key(r, "unseen"), 1, 77))
	same(t, "an id without a row", get(s.CheckRunID(key(r, "unseen")))(t), int64(77))
}

func testWritten(t *testing.T, open Open) {
	clk, dir := newClock(), t.TempDir()
	s := open(t, dir, clk.now)
	begin := clk.now()
	same(t, "nothing yet", get(s.Written(begin))(t), []checks.Written{})
	must(t, s.Wrote(t.Context(), 7, 2))
	clk.advance(4 * time.Second)
	must(t, s.Wrote(t.Context(), 7, 1))
	must(t, s.Wrote(t.Context(), 9, 1))
	clk.advance(30 * time.Minute)
	must(t, s.Wrote(t.Context(), 7, 1))
	mustClose(t, s)
	s = open(t, dir, clk.now)
	defer mustClose(t, s)
	sum := func(since time.Time) map[int64]int {
		all := map[int64]int{}
		for _, w := range get(s.Written(since))(t) {
			all[w.Installation] += w.Writes
			if early := begin.Sub(w.At); early > 0 || w.At.After(clk.now().Add(5*time.Second)) {
				t.Fatalf("writes of %v at %v", begin, w.At)
			}
		}
		return all
	}
	same(t, "all", sum(begin.Add(-time.Second)), map[int64]int{7: 4, 9: 1})
	same(t, "the last minute's", sum(clk.now().Add(-time.Minute)), map[int64]int{7: 1})
	clk.advance(40 * time.Minute)
	must(t, s.Wrote(t.Context(), 7, 1))
	same(t, "what is older than an hour goes", sum(begin.Add(-time.Second))[7], 2)
	clk.advance(-24 * time.Hour)
	begin = clk.now().Add(-5 * time.Second)
	same(t, "the clock was set back", sum(begin)[7], 2)
	must(t, s.Wrote(t.Context(), 7, 1))
	clk.advance(70 * time.Minute)
	must(t, s.Wrote(t.Context(), 7, 1))
	same(t, "what was written by the other clock goes too", sum(begin)[7], 1)
}
