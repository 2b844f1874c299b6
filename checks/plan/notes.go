package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/graph"
	"github.com/dudesons/loktar/checks/markdown"
)

const (
	// maxWarnings bounds the warnings about loktar.json, maxUnread those
	// about files that were not read, and maxNotes the notes.
	maxWarnings = 100
	maxUnread   = 50
	maxNotes    = 50
	// maxWarning bounds the characters of each.
	maxWarning = 500
	// maxNames bounds the names in one.
	maxNames = 10
)

// warnings are what the reader should mend, as "FILE:LINE: MESSAGE".
func warnings(m *checks.Manifest) []string {
	var out []string
	for i, u := range m.Unread {
		if i == maxUnread {
			out = append(out, markdown.Count(len(m.Unread)-i, "more problem")+" of files that tell dependencies not shown")
			break
		}
		text := fmt.Sprintf("%s counts as affected by every change, because %s could not be read for dependencies: %s",
			u.Package, place(u.File, u.Line), unreadMessage(u))
		if u.Warning {
			text = fmt.Sprintf("%s: %s", place(u.File, u.Line), unreadMessage(u))
		}
		out = append(out, markdown.Plain(text, maxWarning))
	}
	for i, w := range m.Warnings {
		if i == maxWarnings {
			out = append(out, fmt.Sprintf("%s: %s not shown", checks.ManifestFile, markdown.Count(len(m.Warnings)-i, "more warning")))
			break
		}
		text := fmt.Sprintf("%s:%d: ", checks.ManifestFile, w.Line)
		if w.Path != "" {
			text += w.Path + ": "
		}
		out = append(out, markdown.Plain(text+w.Message, maxWarning))
	}
	return out
}

func place(file string, line int) string {
	file = shorten(file)
	if line > 0 {
		return fmt.Sprintf("%s:%d", file, line)
	}
	return file
}

// unreadMessage is why a file could not be read, short enough that the rest
// of a warning has room.
func unreadMessage(u checks.FileProblem) string { return markdown.Plain(u.Message, 200) }

// unread is list for the graph, with messages that are fit to be shown.
func unread(list []checks.FileProblem) []checks.FileProblem {
	out := slices.Clone(list)
	for i := range out {
		out[i].Message = unreadMessage(out[i])
	}
	return out
}

// heldNotes tell which packages the commit rule kept out, and why.
func heldNotes(packages []checks.Package, held []graph.Held) []string {
	var out []string
	for i, h := range held {
		if i == maxNotes {
			out = append(out, fmt.Sprintf("%s whose dependents were not tested", markdown.Count(len(held)-i, "more package")))
			break
		}
		out = append(out, markdown.Plain(fmt.Sprintf(
			"Not tested: %s, which %s on %s. Every commit that touches %s bears only %s, which its exclude_dependencies_only_on_keywords names.",
			someOf(h.Dependents), verb(len(h.Dependents)), h.Name, h.Name, either(packages[h.Index].ExcludeKeywords)), 3000))
	}
	return out
}

func verb(n int) string {
	if n == 1 {
		return "depends"
	}
	return "depend"
}

// someOf is the first names and how many more there are.
func someOf(names []string) string {
	if n := len(names) - maxNames; n > 0 {
		return strings.Join(names[:maxNames], ", ") + fmt.Sprintf(" and %d more", n)
	}
	return strings.Join(names, ", ")
}

// either is "A, B or C".
func either(words []string) string {
	if n := len(words) - 1; n > 0 {
		return strings.Join(words[:n], ", ") + " or " + words[n]
	}
	return strings.Join(words, "")
}
