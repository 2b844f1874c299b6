package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/store"
)

func accept(t fataler, s Store, ev checks.Event, want bool) {
	t.Helper()
	got, err := s.Accept(ctxOf(t), ev)
	must(t, err)
	if got != want {
		t.Fatalf("accept %s: fresh is %t, want %t", ev.Delivery, got, want)
	}
}

func settled(t fataler, s Store, guid string, known, pending bool, note string) {
	t.Helper()
	got, ok, err := s.Delivery(guid)
	must(t, err)
	want := store.DeliveryRecord{}
	if known {
		want = store.DeliveryRecord{Received: someTime, Pending: pending, Note: note}
	}
	if ok != known {
		t.Fatalf("delivery %s: known is %t, want %t", guid, ok, known)
	}
	same(t, "delivery "+guid, got, want)
}

func testInbox(t *testing.T, open Open) {
	s := fresh(t, open)
	same(t, "an empty inbox", get(s.Pending(10))(t), []checks.Event{})
	settled(t, s, "g1", false, false, "")

	// The GUIDs are in no order, the inbox is in that of acceptance.
	a, b, c := event("g3"), event("g1"), event("g2")
	b.PullRequest, b.CheckRun = nil, &checks.CheckRunRef{ID: 9, Name: "lib", ExternalID: "r/lib"}
	for _, ev := range []checks.Event{a, b, c} {
		accept(t, s, ev, true)
	}
	same(t, "pending", get(s.Pending(10))(t), []checks.Event{a, b, c})
	same(t, "two pending", get(s.Pending(2))(t), []checks.Event{a, b})
	same(t, "none pending", get(s.Pending(0))(t), []checks.Event{})
	settled(t, s, "g1", true, true, "")

	again := event("g1")
	again.HeadSHA = shaB
	accept(t, s, again, false)
	same(t, "pending after a redelivery", get(s.Pending(10))(t), []checks.Event{a, b, c})

	must(t, s.Commit(t.Context(), checks.Commit{Planned: "g1", Note: "no loktar.json"}))
	same(t, "pending after a plan", get(s.Pending(10))(t), []checks.Event{a, c})
	settled(t, s, "g1", true, false, "no loktar.json")
	accept(t, s, b, false)
	same(t, "pending after a late redelivery", get(s.Pending(10))(t), []checks.Event{a, c})

	// One delivery has one plan.
	r := run(1, shaA)
	wantKind(t, s.Commit(t.Context(), checks.Commit{Planned: "g1", Runs: []checks.Run{r}}), checks.KindNotFound)
	wantKind(t, s.Commit(t.Context(), checks.Commit{Planned: "unknown", Runs: []checks.Run{r}}), checks.KindNotFound)
	_, err := s.Run(r.ID)
	wantKind(t, err, checks.KindNotFound)

	unnamed := event("")
	_, err = s.Accept(t.Context(), unnamed)
	wantKind(t, err, checks.KindRefused)
}

// testExpiry shows that a delivery is known while it is pending and for seven
// days after, and forgotten some time later while writes go on.
func testExpiry(t *testing.T, open Open) {
	clk := newClock()
	s := open(t, t.TempDir(), clk.now)
	defer mustClose(t, s)
	const n = 200
	accept(t, s, event("waits"), true)
	for i := range n {
		g := fmt.Sprintf("old-%d", i)
		accept(t, s, event(g), true)
		must(t, s.Commit(t.Context(), checks.Commit{Planned: g, Note: "done"}))
	}
	clk.advance(7*24*time.Hour - time.Second)
	accept(t, s, event("tick"), true)
	for i := range n {
		settled(t, s, fmt.Sprintf("old-%d", i), true, false, "done")
	}
	clk.advance(2 * time.Second)
	for i := range 100 {
		accept(t, s, event(fmt.Sprintf("new-%d", i)), true)
	}
	for i := range n {
		settled(t, s, fmt.Sprintf("old-%d", i), false, false, "")
	}
	settled(t, s, "waits", true, true, "")
	settled(t, s, "new-0", true, true, "")
	accept(t, s, event("old-0"), true)
	must(t, s.Commit(t.Context(), checks.Commit{Planned: "waits", Note: "late"}))
	accept(t, s, event("tock"), true)
	settled(t, s, "waits", true, false, "late")
}
