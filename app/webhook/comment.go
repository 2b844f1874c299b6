package webhook

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/dudesons/loktar/checks"
)

// commandWord begins a line that speaks to us.
const commandWord = "/loktar"

// maxLine bounds a command, in characters.
const maxLine = 300

// commentPayload is the payload of issue_comment.
type commentPayload struct {
	envelope
	Repository repository `json:"repository"`
	Issue      struct {
		Number      int       `json:"number"`
		PullRequest *struct{} `json:"pull_request"` // set when the issue is one
	} `json:"issue"`
	Comment struct {
		ID   int64  `json:"id"`
		Body string `json:"body"`
	} `json:"comment"`
}

// kind passes over what bots write: two that answer each other never end.
func (p *commentPayload) kind(int64) (checks.EventKind, *answer) {
	if p.Action == "created" && p.Issue.PullRequest != nil && p.Sender.Type != "Bot" && commandLine(p.Comment.Body) != "" {
		return checks.EventCommand, nil
	}
	return "", notKept
}

func (p *commentPayload) fill(ev *checks.Event) (refused *answer) {
	if ev.Repo, refused = p.Repository.repo("repository"); refused != nil {
		return refused
	}
	switch {
	case p.Issue.Number <= 0:
		return unusable("The field issue.number is not the number of a pull request.")
	case p.Comment.ID <= 0:
		return unusable("The field comment.id is not the id of a comment.")
	}
	ev.Comment = &checks.Comment{ID: p.Comment.ID, Number: p.Issue.Number, Line: commandLine(p.Comment.Body)}
	return nil
}

// commandLine is the first line of a comment that begins with the command's
// word, made clean, or empty. Quoted lines and those of fenced code blocks,
// which speak of commands and not to us, do not count. Fences are those of
// https://spec.commonmark.org/0.31.2/#fenced-code-blocks at any indentation.
func commandLine(body string) string {
	open := ""
	for line := range strings.FieldsFuncSeq(body, func(r rune) bool { return r == '\n' || r == '\r' }) {
		line = strings.TrimLeftFunc(line, unicode.IsSpace)
		mark, rest := cutFence(line)
		switch {
		case open != "":
			// The same mark, at least as long and alone, closes it.
			if strings.HasPrefix(mark, open) && strings.TrimSpace(rest) == "" {
				open = ""
			}
		case mark != "" && (mark[0] == '~' || !strings.Contains(rest, "`")):
			open = mark
		case isCommand(line):
			return cleanLine(line)
		}
	}
	return ""
}

// cutFence splits a line after the three or more ` or ~ that it begins with.
func cutFence(line string) (mark, rest string) {
	if !strings.HasPrefix(line, "```") && !strings.HasPrefix(line, "~~~") {
		return "", line
	}
	rest = strings.TrimLeft(line, line[:1])
	return line[:len(line)-len(rest)], rest
}

func isCommand(line string) bool {
	rest, ok := strings.CutPrefix(line, commandWord)
	first, _ := utf8.DecodeRuneInString(rest)
	return ok && (rest == "" || unicode.IsSpace(first))
}

// cleanLine is the beginning of line, trimmed, without characters that are
// not seen. A blank of any kind becomes a space.
func cleanLine(line string) string {
	var out strings.Builder
	left := maxLine
	for _, r := range line {
		switch {
		case unicode.IsSpace(r):
			r = ' '
		case unicode.In(r, unicode.Cc, unicode.Cf):
			continue
		}
		if left--; left < 0 {
			break
		}
		out.WriteRune(r)
	}
	return strings.TrimSpace(out.String())
}
