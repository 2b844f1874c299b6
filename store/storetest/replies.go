package storetest

import (
	"testing"

	"github.com/dudesons/loktar/checks"
)

func reply(guid string) checks.Reply {
	return checks.Reply{
		Delivery:     guid,
		Installation: 7,
		Repo:         checks.Repo{ID: 11, Owner: "acme", Name: "shop"},
		Number:       5,
		Comment:      99,
		Reaction:     checks.ReactionRefused,
		Body:         "You may not **do** that ✓",
		Since:        someTime,
	}
}

func testReplies(t *testing.T, open Open) {
	s := fresh(t, open)
	same(t, "no reply", get(s.Replies(9))(t), []checks.Reply{})
	must(t, s.ReplyDone(t.Context(), "nobody"))
	must(t, s.ReplyDone(t.Context(), ""))

	// The GUIDs are in no order, the replies are in that of their commits.
	a, b, c := reply("g3"), reply("g1"), reply("g2")
	b.Reaction, b.Body = checks.ReactionDone, ""
	must(t, s.Commit(t.Context(), checks.Commit{Replies: []checks.Reply{a, b}}))
	must(t, s.Commit(t.Context(), checks.Commit{Replies: []checks.Reply{c}}))
	same(t, "replies", get(s.Replies(9))(t), []checks.Reply{a, b, c})
	same(t, "two replies", get(s.Replies(2))(t), []checks.Reply{a, b})
	same(t, "none", get(s.Replies(0))(t), []checks.Reply{})

	// The first of a delivery stays, and what came with the second counts not.
	accept(t, s, event("g1"), true)
	again := reply("g1")
	again.Body = "another"
	wantKind(t, s.Commit(t.Context(), checks.Commit{Planned: "g1", Replies: []checks.Reply{reply("g4"), again}}), checks.KindRefused)
	wantKind(t, s.Commit(t.Context(), checks.Commit{Replies: []checks.Reply{reply("g4"), reply("g4")}}), checks.KindRefused)
	same(t, "replies after a second", get(s.Replies(9))(t), []checks.Reply{a, b, c})
	settled(t, s, "g1", true, true, "")

	must(t, s.ReplyDone(t.Context(), "g1"))
	must(t, s.ReplyDone(t.Context(), "g1"))
	same(t, "replies after one is done", get(s.Replies(9))(t), []checks.Reply{a, c})
	must(t, s.Commit(t.Context(), checks.Commit{Planned: "g1", Replies: []checks.Reply{again}}))
	same(t, "it can come back, at the end", get(s.Replies(9))(t), []checks.Reply{a, c, again})
	for _, guid := range []string{"g3", "g2", "g1"} {
		must(t, s.ReplyDone(t.Context(), guid))
	}
	same(t, "all are done", get(s.Replies(9))(t), []checks.Reply{})
}
