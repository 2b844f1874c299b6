package github

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dudesons/loktar/checks"
)

// What GitHub takes in a check run; above it answers 422 and the check run
// would never be told of.
const (
	maxTitle   = 255       // characters
	maxText    = 65_535    // characters, of summary and of text
	maxMessage = 64 * 1024 // bytes, of an annotation's message
)

// checkBody is a POST or PATCH of a check run. go-github's own type for an
// update has no started_at.
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
		Title:   clipLine(cr.Title, maxTitle),
		Summary: clipMarkdown(cr.Summary, maxText, cr.DetailsURL),
		Text:    clipMarkdown(cr.Text, maxText, cr.DetailsURL),
	}
	if o.Title == "" {
		o.Title = clipLine(cr.Key.Name, maxTitle)
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
			Title:     clipLine(a.Title, maxTitle),
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

// valid is s as GitHub can store it.
func valid(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// clipLine is s in one line of at most most characters.
func clipLine(s string, most int) string {
	s = strings.Join(strings.Fields(valid(s)), " ")
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
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

// clipMarkdown cuts s to at most most characters, at the end of a line where
// there is one near, closes a code block that it cut open, and says where the
// rest is.
func clipMarkdown(s string, most int, rest string) string {
	s = valid(s)
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	note := "\n\nThe text is longer than GitHub takes; the rest is left out."
	if rest != "" && len(rest) < 1000 {
		note = "\n\nThe text is longer than GitHub takes. All of it is at " + rest
	}
	const maxFence = 64
	runes := []rune(s)
	head := string(runes[:most-utf8.RuneCountInString(note)-maxFence])
	if i := strings.LastIndexByte(head, '\n'); i >= len(head)/2 {
		head = head[:i]
	}
	if fence := openFence(head); fence != "" && len(fence) < maxFence {
		head += "\n" + fence
	}
	return head + note
}

// openFence is the fence of the code block in which s ends, empty when it
// ends in none. (CommonMark 0.31, 4.5: a block ends at a fence of the same
// character that is at least as long, with nothing after it.)
func openFence(s string) string {
	open := ""
	for line := range strings.Lines(s) {
		line = strings.TrimSpace(line)
		run := line[:len(line)-len(strings.TrimLeft(line, "`"))]
		if run == "" {
			run = line[:len(line)-len(strings.TrimLeft(line, "~"))]
		}
		switch {
		case len(run) < 3:
		case open == "":
			open = run
		case strings.HasPrefix(run, open) && len(run) == len(line):
			open = ""
		}
	}
	return open
}
