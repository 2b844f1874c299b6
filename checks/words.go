package checks

import (
	"cmp"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Took is a duration as a person says it, in two units at most: 0.4 s, 12 s,
// 3 min 5 s, 1 h 2 min. It is empty for none (0 or less).
func Took(d time.Duration) string {
	switch {
	case d <= 0:
		return ""
	case d < 50*time.Millisecond:
		return "under 0.1 s"
	case d < 9950*time.Millisecond:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	d = d.Round(time.Second)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	}
	d = d.Round(time.Minute)
	return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
}

// Began is what made the run, in words that follow "started by": "a push", "a
// re-run of one check". It is Trigger itself where that has none.
func (r *Run) Began() string {
	switch r.Trigger {
	case "pull_request.opened":
		return "the pull request, opened"
	case "pull_request.reopened":
		return "the pull request, reopened"
	case "pull_request.ready_for_review":
		return "the pull request, marked as ready for review"
	case "pull_request.synchronize", "push":
		return "a push"
	case FoundPullRequest:
		return "a look at the open pull requests"
	case FoundPush:
		return "a look at the default branch"
	case "pull_request.edited":
		return "another base branch"
	case "pull_request.labeled":
		return "a label"
	case "merge_group.checks_requested":
		return "the merge queue"
	case "check_run.rerequested":
		return "a re-run of one check"
	case "check_suite.rerequested":
		return "a re-run of all checks"
	case "check_run.requested_action":
		return r.button()
	case "issue_comment.created":
		return "a comment"
	}
	return r.Trigger
}

// button is the button that made the run, as far as the run tells: that of an
// approval may have been pressed by whoever later presses another.
func (r *Run) button() string {
	approved := r.Approved != nil && r.Approved.ID == r.Sender.ID
	draft := r.PullRequest != nil && r.PullRequest.Draft
	switch {
	case r.RerunOf != "" && !approved && !draft:
		return `the "Re-run failed" button`
	case r.RerunOf == "" && approved && !draft:
		return `the "Approve and run" button`
	case r.RerunOf == "" && draft && !approved:
		return `the "Run now" button`
	}
	return "a button"
}

// ShortSHA is a commit's id as people are shown it; an empty one stays empty.
func ShortSHA(sha string) string { return sha[:min(len(sha), 7)] }

// maxImage bounds the characters of an image's name in a title.
const maxImage = 80

// Ended is what ended a job, in words that begin with a small letter, where
// its cause tells more than its outcome; else they are empty. A part of them
// was written by strangers.
func (j *Job) Ended() string {
	words := j.Result.Cause.Words()
	switch j.Result.Cause {
	case CauseSignal:
		return fmt.Sprintf("killed by signal %d", j.Result.ExitCode-128)
	case CausePerson:
		return "cancelled by " + cmp.Or(j.Result.By, "somebody")
	case CauseFlaky:
		return fmt.Sprintf("passed on attempt %d: flaky", j.Attempt)
	}
	if rest, ok := strings.CutPrefix(words, "the image "); ok {
		name := j.Package.Image
		if len(j.Package.Services) > 0 {
			return words // it may be the image of one of these
		}
		if name == "" {
			return "the server's image " + rest
		}
		if utf8.RuneCountInString(name) > maxImage {
			name = string([]rune(name)[:maxImage]) + "…"
		}
		return "the image " + name + " " + rest
	}
	return words
}

// Sentence begins words with a capital letter.
func Sentence(words string) string {
	r, n := utf8.DecodeRuneInString(words)
	if n == 0 {
		return ""
	}
	return strings.ToUpper(string(r)) + words[n:]
}
