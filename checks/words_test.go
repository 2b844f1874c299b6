package checks_test

import (
	"testing"
	"time"

	"github.com/dudesons/loktar/checks"
)

func TestTook(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "", 0: "", time.Nanosecond: "under 0.1 s", 49 * time.Millisecond: "under 0.1 s", 50 * time.Millisecond: "0.1 s",
		400 * time.Millisecond: "0.4 s", 9949 * time.Millisecond: "9.9 s", 9950 * time.Millisecond: "10 s", 12 * time.Second: "12 s",
		59900 * time.Millisecond: "1 min 0 s", 65 * time.Second: "1 min 5 s",
		time.Hour - time.Millisecond: "1 h 0 min", 3*time.Hour + 2*time.Minute: "3 h 2 min", 25*time.Hour + 59*time.Second: "25 h 1 min",
	} {
		if got := checks.Took(d); got != want {
			t.Errorf("Took(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestBegan(t *testing.T) {
	ann, bob := checks.User{ID: 1, Login: "ann"}, checks.User{ID: 2, Login: "bob"}
	draft := &checks.PullRequest{Draft: true}
	const button = "check_run.requested_action"
	for _, tt := range []struct {
		run  checks.Run
		want string
	}{
		{checks.Run{Trigger: "pull_request.opened"}, "the pull request, opened"},
		{checks.Run{Trigger: "push"}, "a push"},
		{checks.Run{Trigger: "merge_group.checks_requested"}, "the merge queue"},
		{checks.Run{Trigger: "issue_comment.created"}, "a comment"},
		{checks.Run{Trigger: "something.new"}, "something.new"},
		{checks.Run{Trigger: button, Sender: ann, RerunOf: "r0"}, `the "Re-run failed" button`},
		{checks.Run{Trigger: button, Sender: ann, RerunOf: "r0", Approved: &bob}, `the "Re-run failed" button`},
		{checks.Run{Trigger: button, Sender: ann, RerunOf: "r0", Approved: &ann}, "a button"},
		{checks.Run{Trigger: button, Sender: ann, RerunOf: "r0", PullRequest: draft}, "a button"},
		{checks.Run{Trigger: button, Sender: ann, Approved: &ann}, `the "Approve and run" button`},
		{checks.Run{Trigger: button, Sender: ann, PullRequest: draft}, `the "Run now" button`},
		{checks.Run{Trigger: button, Sender: ann}, "a button"},
	} {
		if got := tt.run.Began(); got != tt.want {
			t.Errorf("%+v began by %q, want %q", tt.run, got, tt.want)
		}
	}
}
