package report

import (
	"fmt"
	"strings"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/markdown"
)

// maxName bounds a login or a branch where it stands in a sentence.
const maxName = 100

// tested is which commit was tested, and as what.
func tested(run checks.Run) string {
	head := markdown.Code(checks.ShortSHA(run.HeadSHA))
	switch {
	case run.PullRequest != nil && run.BaseSHA != "":
		return fmt.Sprintf("%s merged into %s at %s", head, ref(run.PullRequest.Base.Branch), markdown.Code(checks.ShortSHA(run.BaseSHA)))
	case run.PullRequest != nil:
		return head
	case run.MergeGroup != nil:
		return head + " in the merge queue of " + ref(target(run.MergeGroup))
	case run.Push != nil && run.Push.Branch() != "":
		return head + " on " + ref(run.Push.Branch())
	case run.Push != nil && run.Push.Tag() != "":
		return head + ", the tag " + ref(run.Push.Tag())
	case run.Push != nil:
		return head + " at " + ref(run.Push.Ref)
	}
	return head
}

// target is the branch that a merge group goes to.
func target(g *checks.MergeGroup) string {
	if b := g.Branch(); b != "" {
		return b
	}
	return g.BaseRef
}

func ref(name string) string { return markdown.Code(markdown.Plain(name, maxName)) }

// titleSuffix is what the title of an aggregate says of its commit.
func titleSuffix(run checks.Run) string {
	s := ""
	if run.MergeGroup != nil {
		s += " (merge queue of " + markdown.Plain(target(run.MergeGroup), maxName) + ")"
	}
	if run.Outdated != "" {
		s += " (outdated commit)"
	}
	return s
}

// outdated warns that the pull request has another head by now.
func outdated(run checks.Run) string {
	if run.Outdated == "" {
		return ""
	}
	return fmt.Sprintf("> This commit is outdated: the pull request is at %s now. What is reported here does not count there.\n\n", markdown.Code(checks.ShortSHA(run.Outdated)))
}

// asked is who had the run made that took the place of another.
func asked(run checks.Run) string {
	if run.RerunOf == "" {
		return ""
	}
	s := "**Re-run:** asked for by " + login(run.Sender)
	if how := run.Began(); how != "" {
		s += " (" + markdown.Text(markdown.Plain(how, maxName)) + ")"
	}
	return s + "\n\n"
}

// fork tells how far the code is trusted, for that of others.
func fork(run checks.Run) string {
	switch {
	case run.Approved != nil:
		return fmt.Sprintf("**From a fork:** this exact commit was approved by %s. Its steps have no secrets.\n\n", login(*run.Approved))
	case run.Untrusted() && run.Verdict == nil:
		return "**From a fork:** its steps have no secrets.\n\n"
	}
	return ""
}

// login is an account's name, without telling the account of it.
func login(u checks.User) string {
	if name := markdown.Plain(u.Login, maxName); name != "" {
		return markdown.Text(name)
	}
	return "somebody"
}

// remarks are the run's remarks, the newest of them.
func remarks(run checks.Run) string {
	all := run.Remarks[max(0, len(run.Remarks)-checks.MaxRemarks):]
	if len(all) == 0 {
		return ""
	}
	return "\n" + quotes("ℹ️", all) + "\n"
}

// quotes are texts as quoted lines with a mark before each.
func quotes(mark string, texts []string) string {
	var b strings.Builder
	for i, text := range texts {
		if i > 0 {
			b.WriteString(">\n")
		}
		b.WriteString("> " + mark + " " + markdown.Text(markdown.Plain(text, maxSentence)) + "\n")
	}
	return b.String()
}

// maxSentence bounds the characters of a warning, a note or a remark.
const maxSentence = 300
