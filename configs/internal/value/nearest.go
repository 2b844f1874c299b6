package value

import (
	"strings"
	"unicode/utf8"

	"github.com/agext/levenshtein"
)

// maxWord is the length in bytes above which a word has no neighbours.
const maxWord = 200

// Effort bounds the time that a series of Nearest calls spends, in steps of
// about two nanoseconds.
type Effort int

// Nearest is the word of among that word was most likely meant to be, or ""
// when none is close or the effort is used up; nil is effort without end.
// Case, "-" and "_" hardly count. Of two that are equally close the first
// wins. word itself is never the answer.
func Nearest(word string, among []string, effort *Effort) string {
	if len(word) > maxWord {
		return ""
	}
	folded, runes := fold(word), []rune(word)
	best, cost := "", min(4, (len(runes)+2)/3)+1
	if len(runes) < 3 {
		cost = 1 // any other short word would be near
	}
	for _, other := range among {
		if effort != nil {
			if *effort <= 0 {
				return ""
			}
			*effort -= 20
		}
		if other == word || len(other) > maxWord {
			continue
		}
		if fold(other) == folded {
			return other
		}
		n := utf8.RuneCountInString(other)
		if cost <= 1 || n-len(runes) >= cost || len(runes)-n >= cost {
			continue
		}
		if effort != nil {
			*effort -= Effort(n * len(runes))
		}
		// No bound is given: v1.2.3 returns too low a distance with one.
		if d, _, _ := levenshtein.Calculate(runes, []rune(other), 0, 1, 1, 1); d < cost {
			best, cost = other, d
		}
	}
	return best
}

// Say is "; did you mean `W`?" for a word that Nearest found, and "; " with
// otherwise when it found none.
func Say(nearest, otherwise string) string {
	if nearest == "" {
		return "; " + otherwise
	}
	return "; did you mean `" + nearest + "`?"
}

var joints = strings.NewReplacer("-", "", "_", "")

func fold(s string) string {
	return strings.ToLower(joints.Replace(s))
}
