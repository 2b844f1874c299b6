package github_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
	"github.com/dudesons/loktar/checks"
)

func TestCommentsAtMinihub(t *testing.T) {
	hub, r, here, id := shop(t, minihubtest.Options{Hub: minihub.Options{Permissions: map[string]string{
		"metadata": "read", "checks": "write", "contents": "read", "pull_requests": "read", "issues": "write"}}})
	a := appOf(t, hub)
	began := time.Now()
	hub.Commit(r, minihub.Commit{Branch: "topic", From: "main", Files: map[string]string{"a/x.txt": "2\n"}})
	number := hub.Open(r, minihub.NewPull{Title: "Change x", Head: "topic", Author: "ann"})
	asked, err := r.Comment(t.Context(), number, "ann", "@loktar run "+marker)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := a.React(t.Context(), id, here, asked, checks.ReactionDone); err != nil {
			t.Error(err)
		}
	}
	find := func(want bool) {
		t.Helper()
		if got, err := a.FindComment(t.Context(), id, here, number, marker, began); got != want || err != nil {
			t.Errorf("FindComment = %v, %v", got, err)
		}
	}
	find(false)
	if err := a.Comment(t.Context(), id, here, number, marker+"\n"+strings.Repeat("ü line\n", 20_000)); err != nil {
		t.Fatal(err)
	}
	find(true)
	all := hub.Comments("acme/shop", number)
	if len(all) != 2 || len(all[0].Reactions) != 1 || !slices.Equal(all[0].Reactions["+1"], []string{"loktar[bot]"}) ||
		all[1].Author != "loktar[bot]" || !strings.HasPrefix(all[1].Body, marker) {
		t.Errorf("the hub has %.300v", all)
	}
	if got, err := a.FindComment(t.Context(), id, here, number, marker, time.Now().Add(time.Hour)); got || err != nil {
		t.Errorf("from a later time on: %v, %v", got, err)
	}
	if err := r.Rename("store"); err != nil {
		t.Fatal(err)
	}
	find(true)
	if err := a.React(t.Context(), id, here, asked, checks.ReactionConfused); err != nil {
		t.Errorf("a reaction after the rename: %v", err)
	}
	if err := a.React(t.Context(), id, here, asked+1000, checks.ReactionDone); checks.KindOf(err) != checks.KindNotFound {
		t.Errorf("a reaction to nothing: %v", err)
	}
	if err := a.Comment(t.Context(), id, here, 999, "x"); checks.KindOf(err) != checks.KindNotFound {
		t.Errorf("a comment below nothing: %v", err)
	}
	if err := a.Comment(t.Context(), id, here, number, ""); checks.KindOf(err) != checks.KindRefused {
		t.Errorf("an empty comment: %v", err)
	}
	if err := hub.App().Suspend("acme"); err != nil {
		t.Fatal(err)
	}
	if err := a.Comment(t.Context(), id, here, number, "x"); checks.KindOf(err) != checks.KindUnavailable {
		t.Errorf("a comment while suspended: %v", err)
	}
}

// The least permissions let the App read comments, and answer none.
func TestCommentsWithoutLeaveAtMinihub(t *testing.T) {
	hub, r, here, id := shop(t, minihubtest.Options{})
	a := appOf(t, hub)
	hub.Commit(r, minihub.Commit{Branch: "topic", From: "main", Files: map[string]string{"a/x.txt": "2\n"}})
	number := hub.Open(r, minihub.NewPull{Title: "Change x", Head: "topic", Author: "ann"})
	asked, err := r.Comment(t.Context(), number, "ann", marker)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := a.FindComment(t.Context(), id, here, number, marker, time.Time{}); got || err != nil {
		t.Errorf("FindComment = %v, %v", got, err)
	}
	for call, err := range map[string]error{
		"React":   a.React(t.Context(), id, here, asked, checks.ReactionRefused),
		"Comment": a.Comment(t.Context(), id, here, number, "x"),
	} {
		if checks.KindOf(err) != checks.KindRefused || !strings.Contains(checks.PublicText(err, ""), "Issues: read and write") {
			t.Errorf("%s: %v", call, err)
		}
	}
	if all := hub.Comments("acme/shop", number); len(all) != 1 || all[0].Reactions != nil {
		t.Errorf("the hub has %+v", all)
	}
}

// TestOwnCommentAtMinihub keeps one comment up to date.
func TestOwnCommentAtMinihub(t *testing.T) {
	hub, r, here, id := shop(t, minihubtest.Options{Hub: minihub.Options{Permissions: map[string]string{
		"metadata": "read", "checks": "write", "contents": "read", "pull_requests": "read", "issues": "write"}}})
	a := appOf(t, hub)
	hub.Commit(r, minihub.Commit{Branch: "topic", From: "main", Files: map[string]string{"a/x.txt": "2\n"}})
	number := hub.Open(r, minihub.NewPull{Title: "Change x", Head: "topic", Author: "ann"})
	if _, err := r.Comment(t.Context(), number, "ann", marker+" is what they write"); err != nil {
		t.Fatal(err)
	}
	find := func(want int64) {
		t.Helper()
		if got, err := a.FindOwnComment(t.Context(), id, here, number, marker); got != want || err != nil {
			t.Errorf("found %d, %v; want %d", got, err, want)
		}
	}
	find(0)
	made, err := a.CreateComment(t.Context(), id, here, number, marker+" one")
	if err != nil || made == 0 {
		t.Fatalf("%d, %v", made, err)
	}
	find(made)
	if err := a.EditComment(t.Context(), id, here, made, marker+" two"); err != nil {
		t.Fatal(err)
	}
	if all := hub.Comments("acme/shop", number); len(all) != 2 || all[1].Body != marker+" two" || all[1].Author != "loktar[bot]" {
		t.Errorf("the hub has %+v", all)
	}
	if err := a.EditComment(t.Context(), id, here, made+1000, "x"); checks.KindOf(err) != checks.KindNotFound {
		t.Errorf("an edit of nothing: %v", err)
	}
	if _, err := a.CreateComment(t.Context(), id, here, 999, "x"); checks.KindOf(err) != checks.KindNotFound {
		t.Errorf("a comment below nothing: %v", err)
	}
}
