package storetest

import (
	"testing"
	"time"

	"github.com/dudesons/loktar/checks"
)

func move(repo int64, owner, name string, installation int64, at time.Time) checks.Move {
	return checks.Move{Repo: checks.Repo{ID: repo, Owner: owner, Name: name}, Installation: installation, At: at}
}

// testMoves has records from before, at and after a move, each with a head
// that is in another repository.
func testMoves(t *testing.T, open Open) {
	s := fresh(t, open)
	times := []time.Time{someTime, someTime.Add(time.Hour), someTime.Add(time.Hour + 1)}
	at := times[1]
	var c checks.Commit
	var evs []checks.Event
	for i, when := range times {
		ev := event("g" + string(rune('0'+i)))
		ev.Received = when
		ev.PullRequest.Head.Repo = checks.Repo{ID: 12, Owner: "fay", Name: "fork"}
		accept(t, s, ev, true)
		evs = append(evs, ev)

		r := run(uint64(i+1), shaA)
		r.Installation, r.Created, r.PullRequest = 7, when, ev.PullRequest
		c.Runs = append(c.Runs, r)
		answer := reply(ev.Delivery)
		answer.Since = when
		c.Replies = append(c.Replies, answer)
	}
	// What names no pull request, and what is of another repository.
	push, other := run(4, shaB), run(5, shaB)
	push.Push, other.Repo.ID, other.Installation = &checks.Push{Ref: "refs/heads/main"}, 13, 3
	c.Runs = append(c.Runs, push, other)
	must(t, s.Commit(t.Context(), c))

	// tell is what a reader sees of what was written, after the moves of 11
	// to New and of 12 to Fork.
	tell := func(what string, moved bool, base, fork checks.Repo, installation int64) {
		t.Helper()
		wantEvs, wantRuns, wantReplies := []checks.Event{}, []checks.Run{}, []checks.Reply{}
		for i := range times {
			ev, r, answer := evs[i], c.Runs[i], c.Replies[i]
			pr := *ev.PullRequest
			if moved && i < 2 {
				ev.Repo, r.Repo, answer.Repo, pr.Base.Repo = base, base, base, base
				ev.Installation, r.Installation, answer.Installation = installation, installation, installation
				pr.Head.Repo = fork
			}
			ev.PullRequest, r.PullRequest = &pr, &pr
			wantEvs, wantRuns, wantReplies = append(wantEvs, ev), append(wantRuns, r), append(wantReplies, answer)
		}
		wantPush := push
		if moved {
			wantPush.Repo, wantPush.Installation = base, installation
		}
		same(t, what+": pending", get(s.Pending(9))(t), wantEvs)
		same(t, what+": replies", get(s.Replies(9))(t), wantReplies)
		for i := range wantRuns {
			same(t, what+": run", get(s.Run(wantRuns[i].ID))(t), wantRuns[i])
		}
		latest(t, s, checks.Target{Repo: 11, Pull: 5}, &wantRuns[2])
		latest(t, s, checks.Target{Repo: 11, Ref: "refs/heads/main"}, &wantPush)
		newest := []checks.Run{wantRuns[2], wantRuns[1], wantRuns[0]}
		same(t, what+": runs of A", get(s.RunsOf(11, shaA))(t), newest)
		same(t, what+": recent", get(s.Recent(9))(t), append([]checks.Run{other, wantPush}, newest...))
		runs, _, _, err := s.Active()
		must(t, err)
		same(t, what+": active", runs, append(wantRuns, wantPush, other))
	}
	tell("no move", false, checks.Repo{}, checks.Repo{}, 0)

	base, fork := move(11, "globex", "store", 8, at), move(12, "fay", "spoon", 9, at)
	must(t, s.Commit(t.Context(), checks.Commit{Moves: []checks.Move{base, fork}}))
	tell("moved", true, base.Repo, fork.Repo, 8)

	// A move that is older than the known one changes nothing; of two of the
	// same time the later commit counts.
	must(t, s.Commit(t.Context(), checks.Commit{Moves: []checks.Move{move(11, "acme", "attic", 6, at.Add(-1))}}))
	tell("an older move", true, base.Repo, fork.Repo, 8)
	again := move(11, "initech", "market", 10, at)
	must(t, s.Commit(t.Context(), checks.Commit{Moves: []checks.Move{base, again}}))
	tell("moved again", true, again.Repo, fork.Repo, 10)

	// A run with old words is put as it is, and still read with the new ones.
	must(t, s.Commit(t.Context(), checks.Commit{Runs: c.Runs[:1]}))
	tell("put again", true, again.Repo, fork.Repo, 10)

	// A newer move reaches what was later than the one before.
	newer := move(11, "umbrella", "mall", 20, times[2])
	must(t, s.Commit(t.Context(), checks.Commit{Moves: []checks.Move{newer}}))
	last := get(s.Run(c.Runs[2].ID))(t)
	same(t, "the newest run", []any{last.Repo, last.PullRequest.Base.Repo, last.PullRequest.Head.Repo, last.Installation},
		[]any{newer.Repo, newer.Repo, checks.Repo{ID: 12, Owner: "fay", Name: "fork"}, int64(20)})

	for name, bad := range map[string]checks.Move{
		"id": move(0, "a", "b", 1, at), "owner": move(1, "", "b", 1, at), "name": move(1, "a", "", 1, at),
		"installation": move(1, "a", "b", 0, at), "time": move(1, "a", "b", 1, time.Time{}),
	} {
		err := s.Commit(t.Context(), checks.Commit{Runs: []checks.Run{run(9, shaA)}, Moves: []checks.Move{bad}})
		wantKind(t, err, checks.KindRefused)
		if _, err := s.Run(run(9, shaA).ID); checks.KindOf(err) != checks.KindNotFound {
			t.Fatalf("a move without %s was refused and its run is there: %v", name, err)
		}
	}
}
