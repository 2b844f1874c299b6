package plan

import (
	"slices"
	"strings"
)

// The prefixes of commits that are known, and the word among them that asks
// for no run. All are in capitals; in another case they are ordinary words.
var prefixes = []string{"ENH", "BUG", "DOC", "TST", "BLD", "PERF", "CLN", "RFR"}

const noBuild = "NOBUILD"

// Subject is what the subject of a commit says to Loktar.
type Subject struct {
	// Prefixes are the kinds of change that it bears, each once, as written.
	Prefixes []string
	// Skip is the word by which it asks for no run: NOBUILD, [skip ci] or
	// [ci skip]; empty when it does not.
	Skip string
}

// ParseSubject reads the first line of a commit's message. Known prefixes and
// NOBUILD, joined by "/", count when nothing but they and leading blanks
// stands before the first colon. [skip ci] and [ci skip] count anywhere.
func ParseSubject(subject string) Subject {
	subject, _, _ = strings.Cut(subject, "\n")
	var s Subject
	head, _, found := strings.Cut(strings.TrimLeft(subject, " \t"), ":")
	if found {
		s = parseHead(head)
	}
	for _, word := range []string{"[skip ci]", "[ci skip]"} {
		if s.Skip == "" && strings.Contains(subject, word) {
			s.Skip = word
		}
	}
	return s
}

// parseHead reads what stands before the colon. One word that is not known
// makes it an ordinary sentence.
func parseHead(head string) Subject {
	var s Subject
	for word := range strings.SplitSeq(head, "/") {
		switch {
		case word == noBuild:
			s.Skip = noBuild
		case !slices.Contains(prefixes, word):
			return Subject{}
		case !slices.Contains(s.Prefixes, word):
			s.Prefixes = append(s.Prefixes, word)
		}
	}
	return s
}
