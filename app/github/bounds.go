package github

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/markdown"
)

// What GitHub takes in a check run; above it answers 422 and the check run
// would never be told of.
const (
	maxTitle   = 255       // characters
	maxMessage = 64 * 1024 // bytes, of an annotation's message
	maxActions = 3
	maxLabel   = 20 // characters, of a button's label and of its identifier
	maxAbout   = 40 // characters, of a button's description
)

// checkBody is a POST or PATCH of a check run. go-github's own type for an
// update has no started_at, and leaves out actions when there are none.
type checkBody struct {
	Name        string  `json:"name,omitempty"`
	HeadSHA     string  `json:"head_sha,omitempty"`
	DetailsURL  string  `json:"details_url,omitempty"`
	ExternalID  string  `json:"external_id,omitempty"`
	Status      string  `json:"status,omitempty"`
	Conclusion  string  `json:"conclusion,omitempty"`
	StartedAt   string  `json:"started_at,omitempty"`
	CompletedAt string  `json:"completed_at,omitempty"`
	Output      *output `json:"output,omitempty"`
	// Actions is never nil: what is not sent, or null, takes no button away.
	Actions []action `json:"actions"`
}

type action struct {
	Label       string `json:"label"`
	Description string `json:"description"`
	Identifier  string `json:"identifier"`
}

type output struct {
	Title       string       `json:"title"`
	Summary     string       `json:"summary"`
	Text        string       `json:"text,omitempty"`
	Annotations []annotation `json:"annotations,omitempty"`
}

type annotation struct {
	Path        string `json:"path"`
	StartLine   int    `json:"start_line"`
	EndLine     int    `json:"end_line"`
	StartColumn int    `json:"start_column,omitempty"`
	EndColumn   int    `json:"end_column,omitempty"`
	Level       string `json:"annotation_level"`
	Title       string `json:"title,omitempty"`
	Message     string `json:"message"`
}

// bodyOf is cr within GitHub's bounds, without its commit and annotations.
func bodyOf(cr checks.CheckRun) checkBody {
	b := checkBody{
		Name:       cr.Key.Name,
		DetailsURL: cr.DetailsURL,
		ExternalID: cr.Key.String(),
		Status:     string(cr.Status),
		StartedAt:  stamp(cr.Started),
		Actions:    actionsOf(cr.Actions),
	}
	if cr.Status == checks.StatusCompleted {
		b.Conclusion = string(cr.Conclusion)
		b.CompletedAt = stamp(cr.Completed)
	}
	if cr.Title != "" || cr.Summary != "" || cr.Text != "" {
		b.Output = outputOf(cr)
	}
	return b
}

// outputOf fills in what may not be empty.
func outputOf(cr checks.CheckRun) *output {
	o := &output{
		Title:   markdown.Plain(cr.Title, maxTitle),
		Summary: markdown.Clip(valid(cr.Summary), markdown.MaxText),
		Text:    markdown.Clip(valid(cr.Text), markdown.MaxText),
	}
	if o.Title == "" {
		o.Title = markdown.Plain(cr.Key.Name, maxTitle)
	}
	if strings.TrimSpace(o.Summary) == "" {
		o.Summary = o.Title
	}
	return o
}

func (b *checkBody) annotate(notes []annotation, cr checks.CheckRun) {
	if len(notes) > 0 && b.Output == nil {
		b.Output = outputOf(cr)
	}
	if b.Output != nil {
		b.Output.Annotations = notes
	}
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// annotationsOf are those that have a file, within GitHub's bounds: one bad
// annotation would make it refuse them all.
func annotationsOf(in []checks.Annotation) []annotation {
	var out []annotation
	for _, a := range in {
		n := annotation{
			Path:      valid(a.Path),
			StartLine: max(a.StartLine, 1),
			Level:     a.Level,
			Title:     markdown.Plain(a.Title, maxTitle),
			Message:   clipBytes(valid(a.Message), maxMessage),
		}
		n.EndLine = max(a.EndLine, n.StartLine)
		if n.StartLine == n.EndLine && a.StartColumn > 0 {
			n.StartColumn, n.EndColumn = a.StartColumn, max(a.EndColumn, a.StartColumn)
		}
		switch n.Level {
		case "notice", "warning", "failure":
		default:
			n.Level = "warning"
		}
		if strings.TrimSpace(n.Message) == "" {
			n.Message = n.Title
		}
		if n.Message == "" {
			n.Message = "No message."
		}
		if n.Path != "" {
			out = append(out, n)
		}
	}
	return out
}

// actionsOf are the buttons within GitHub's bounds: it refuses the check run of
// which one has an empty or a long field.
func actionsOf(in []checks.Action) []action {
	out := []action{}
	for _, a := range in[:min(len(in), maxActions)] {
		b := action{
			Label:       markdown.Plain(a.Label, maxLabel),
			Description: markdown.Plain(a.Description, maxAbout),
			Identifier:  markdown.Plain(string(a.ID), maxLabel),
		}
		if b.Identifier == "" {
			continue
		}
		if b.Label == "" {
			b.Label = b.Identifier
		}
		if b.Description == "" {
			b.Description = b.Label
		}
		out = append(out, b)
	}
	return out
}

// valid is s as GitHub can store it.
func valid(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// clipBytes cuts s before a rune so that it has at most most bytes.
func clipBytes(s string, most int) string {
	if len(s) <= most {
		return s
	}
	const end = "…"
	cut := most - len(end)
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + end
}
