package app

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/markdown"
	"github.com/dudesons/loktar/runner/source"
)

const (
	// maxNotes is how many commits the notes of a release list.
	maxNotes = 100
	// maxNoted is how many of its files they list.
	maxNoted   = 100
	maxSubject = 200 // characters
	maxAuthor  = 60  // characters
)

// notes are what a release tells of a version.
type notes struct {
	pkg, dir string
	since    string // the version before; empty for none
	history  source.History
	unread   bool // the history could not be read
	items    []checks.PublishedItem
	commit   func(sha string) string // the address of a commit
}

// markdown is safe to show: nothing that people or steps wrote takes part in
// its markup.
func (n notes) markdown() string {
	var b strings.Builder
	since := " since version " + markdown.Code(n.since)
	if n.since == "" {
		since = ""
		b.WriteString("This is the first version of " + markdown.Code(n.pkg) + " that was published from here.\n\n")
	}
	switch list := n.history.Commits; {
	case n.unread:
		fmt.Fprintf(&b, "The commits%s could not be read.\n\n", since)
	case n.history.Unrelated:
		fmt.Fprintf(&b, "The commits%s cannot be told: the branch was rewritten, and that version's commit is not in its history any more.\n\n", since)
	case len(list) == 0:
		fmt.Fprintf(&b, "No commit%s changed the folder %s itself: something that it reads or depends on changed.\n\n", since, markdown.Code(n.dir))
	default:
		fmt.Fprintf(&b, "**Commits%s**\n\n", since)
		for _, c := range list {
			fmt.Fprintf(&b, "- %s (%s, [%s](%s))\n", line(c.Subject, maxSubject), line(c.Author, maxAuthor), markdown.Code(checks.ShortSHA(c.SHA)), n.commit(c.SHA))
		}
		if n.history.More > 0 && n.since != "" {
			fmt.Fprintf(&b, "\nAnd %s.\n", markdown.Count(n.history.More, "older commit"))
		} else if n.history.More > 0 {
			b.WriteString("\nOlder ones are not listed.\n")
		}
		b.WriteString("\n")
	}
	if len(n.items) > 0 {
		b.WriteString("**Published**\n\n| Name | SHA-256 | Bytes |\n| --- | --- | ---: |\n")
		for _, i := range n.items[:min(len(n.items), maxNoted)] {
			size := "-"
			if i.Size > 0 {
				size = fmt.Sprint(i.Size)
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", named(i), markdown.Code(cmp.Or(i.SHA256, i.Digest, "-")), size)
		}
		if more := len(n.items) - maxNoted; more > 0 {
			fmt.Fprintf(&b, "\nAnd %s.\n", markdown.Count(more, "more file"))
		}
	}
	return b.String()
}

// line is hostile text as a part of a line; a word stands for none.
func line(s string, most int) string {
	return cmp.Or(markdown.Text(markdown.Plain(s, most)), "(none)")
}

// named is the name of an item, as a link where its address is one that a
// reader can open and that ends no markup.
func named(i checks.PublishedItem) string {
	name := markdown.Plain(i.Name, maxSubject)
	if strings.HasPrefix(i.URL, "https://") && !strings.ContainsAny(i.URL, "()<>|\\ \t\r\n") {
		return fmt.Sprintf("[%s](%s)", markdown.Text(name), i.URL)
	}
	return markdown.Code(name)
}
