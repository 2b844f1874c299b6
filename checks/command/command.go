// Package command is what people ask of Loktar in comments, and its answers:
// `/loktar retry`, `/loktar retest`, `/loktar cancel` and `/loktar why
// PACKAGE`. It is pure. Answers are Markdown that is safe to show as it is.
package command

import (
	"strings"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/markdown"
)

// Verb is what a command asks for.
type Verb string

// The verbs.
const (
	// Retry runs again what did not pass.
	Retry Verb = "retry"
	// Retest tests all that the pull request affects.
	Retest Verb = "retest"
	// Cancel stops what runs or waits.
	Cancel Verb = "cancel"
	// Why tells why a package is tested, or is not.
	Why Verb = "why"
)

// Word begins each command.
const Word = "/loktar"

// Command is a command that was understood.
type Command struct {
	Verb    Verb
	Package string // of Why
}

// usage is what people may write.
const usage = "The commands are `/loktar retry` (runs again what did not pass), `/loktar retest` (tests all that is affected), " +
	"`/loktar cancel` and `/loktar why PACKAGE`."

// Parse reads a line that begins with Word. Its errors are of
// checks.KindRefused and have a public text, in Markdown, that names the
// commands.
func Parse(line string) (Command, error) {
	words := strings.Fields(line)
	if len(words) == 0 || words[0] != Word {
		return Command{}, refuse(line)
	}
	switch words = words[1:]; {
	case len(words) == 1 && (words[0] == string(Retry) || words[0] == string(Retest) || words[0] == string(Cancel)):
		return Command{Verb: Verb(words[0])}, nil
	case len(words) == 2 && words[0] == string(Why):
		return Command{Verb: Why, Package: words[1]}, nil
	case len(words) == 1 && words[0] == string(Why):
		return Command{}, checks.Errorf(checks.KindRefused, nil, "Name a package: `/loktar why PACKAGE`.")
	}
	return Command{}, refuse(line)
}

func refuse(line string) error {
	return checks.Errorf(checks.KindRefused, nil, "%s is not a command. %s", markdown.Code(markdown.Plain(line, 60)), usage)
}
