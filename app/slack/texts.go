package slack

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/template"
	"unicode"
	"unicode/utf8"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/checks/notify"
)

// The texts where the configuration has none.
const (
	Message = `{{icon .}} *{{.Repo}}* {{link .TargetURL .Target}}{{with .Title}} {{.}}{{end}}: {{link .URL .Summary}}` +
		`{{if eq .State "fault"}} (a fault of Loktar, not of the code){{end}}` +
		`{{with .Fixed}}, fixed: {{join .}}{{end}}` +
		`{{range $i, $p := .Published}}{{if $i}}, {{else}}, published: {{end}}{{link .URL .Name}} {{.Version}}{{end}}{{with .PublishedMore}} and {{.}} more{{end}}`
	Details = `{{range .Failed}}{{if .Fault}}⚠️{{else}}❌{{end}} {{link .URL .Name}}: {{.Why}}
{{end}}{{with .FailedMore}}and {{.}} more: {{link $.URL "all of them"}}
{{end}}`
)

// Texts are the templates of messages. Make them with ParseTexts.
type Texts struct{ text, below *template.Template }

// maxText is how many characters Slack takes in one block, maxField how many a
// message has of a name or a title.
const (
	maxText  = 3000
	maxField = 150
)

// functions are those of a template.
var functions = template.FuncMap{"icon": icon, "link": link, "join": join}

// ParseTexts reads the templates of a message and of its thread, in the syntax
// of text/template; an empty one is the one above. Each is tried. The error
// begins with what is wrong in which of them.
func ParseTexts(message, details string) (*Texts, error) {
	t := &Texts{}
	for _, p := range []struct {
		name, text, otherwise string
		to                    **template.Template
	}{{"message", message, Message, &t.text}, {"details", details, Details, &t.below}} {
		if p.text == "" {
			p.text = p.otherwise
		}
		parsed, err := template.New(p.name).Funcs(functions).Option("missingkey=error").Parse(p.text)
		if err == nil {
			for _, f := range samples {
				if _, err = execute(parsed, f); err != nil {
					break
				}
			}
		}
		if err != nil {
			return nil, fmt.Errorf("slack.%s: %w; the fields are those of the example file", p.name, err)
		}
		*p.to = parsed
	}
	return t, nil
}

// samples are what a template has to be able to say.
var samples = []notify.Facts{
	{State: notify.StateRunning, Repo: "acme/pets", Target: "main", Summary: "1 of 2 packages done"},
	{State: notify.StateFailed, Done: true, Repo: "acme/pets", Target: "#1", Title: "Title", Summary: "api failed",
		Failed: []notify.Failure{{Name: "api", Why: "Failed."}}, FailedMore: 1, Fixed: []string{"lib"},
		Published: []notify.Version{{Name: "lib", Version: "1"}}, PublishedMore: 1},
}

func (t *Texts) message(f notify.Facts, log zerolog.Logger) string {
	if s, err := execute(t.text, safe(f)); err == nil && s != "" {
		return s
	} else if err != nil {
		log.Error().Err(err).Msg("the template slack.message cannot say this; said in other words")
	}
	s, err := execute(template.Must(template.New("").Funcs(functions).Parse(Message)), safe(f))
	if err != nil {
		log.Error().Err(err).Msg("the usual message cannot be made")
		return escape(f.Summary)
	}
	return s
}

func (t *Texts) details(f notify.Facts, log zerolog.Logger) string {
	s, err := execute(t.below, safe(f))
	if err != nil {
		log.Error().Err(err).Msg("the template slack.details cannot say this; left out")
	}
	return s
}

// errLong ends a template that says more than any message takes.
var errLong = errors.New("the text is longer than any message")

// capped takes what a template says, up to many times what a message takes.
type capped struct{ bytes.Buffer }

// Write adds to the text.
func (c *capped) Write(p []byte) (int, error) {
	if c.Len()+len(p) > 16*4*maxText {
		return 0, errLong
	}
	return c.Buffer.Write(p)
}

func execute(t *template.Template, f notify.Facts) (string, error) {
	var b capped
	if err := t.Execute(&b, f); err != nil {
		return "", err
	}
	return clip(strings.TrimSpace(b.String()), maxText), nil
}

// safe is f with all that others wrote made safe. URLs are so already.
func safe(f notify.Facts) notify.Facts {
	for _, s := range []*string{&f.Summary, &f.Repo, &f.Target, &f.Title, &f.Author, &f.Commit} {
		*s = escape(*s)
	}
	f.Failed = append([]notify.Failure(nil), f.Failed...)
	for i := range f.Failed {
		f.Failed[i].Name, f.Failed[i].Why = escape(f.Failed[i].Name), escape(f.Failed[i].Why)
	}
	f.Published = append([]notify.Version(nil), f.Published...)
	for i := range f.Published {
		f.Published[i].Name, f.Published[i].Version = escape(f.Published[i].Name), escape(f.Published[i].Version)
	}
	f.Fixed = append([]string(nil), f.Fixed...)
	for i := range f.Fixed {
		f.Fixed[i] = escape(f.Fixed[i])
	}
	return f
}

// alike are characters that look like those that Slack takes for markup.
var alike = map[rune]rune{'*': '∗', '~': '∼', '`': 'ˋ', '_': 'ˍ', ':': '꞉'}

// escape makes s safe as text in a message, in one line of at most maxField
// characters: it takes part in no markup, shows no picture, and calls nobody by
// name.
func escape(s string) string {
	runes := []rune(strings.Join(strings.Fields(strings.ToValidUTF8(s, "\ufffd")), " "))
	if len(runes) > maxField {
		runes = append(runes[:maxField-1:maxField-1], '…')
	}
	var b strings.Builder
	for i, r := range runes {
		inside := i > 0 && word(runes[i-1]) && i+1 < len(runes) && word(runes[i+1])
		switch {
		case r == '&':
			b.WriteString("&amp;")
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '@':
			b.WriteString("@\u200b") // as "@here" calls everybody, in other settings than ours
		case r == '_' && inside, r == ':' && !pictures(runes[i+1:]):
			b.WriteRune(r)
		case alike[r] != 0:
			b.WriteRune(alike[r])
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == '\u2028', r == '\u2029':
			b.WriteRune('\ufffd')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func word(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// pictures reports whether a colon before rest may begin the name of a picture.
func pictures(rest []rune) bool {
	return len(rest) > 0 && !unicode.IsSpace(rest[0]) && slices.Contains(rest, ':')
}

// icon says at a glance how a run stands.
func icon(f notify.Facts) string {
	switch f.State {
	case notify.StateRunning:
		return "🔄"
	case notify.StateFailed:
		return "❌"
	case notify.StateFault:
		return "⚠️"
	case notify.StatePublished:
		return "📦"
	case notify.StateWaiting:
		return "⏸️"
	case notify.StateStopped:
		return "🚫"
	}
	return "✅"
}

// link is a text that leads to an address; both are safe already.
func link(address, text string) string {
	if address == "" || strings.ContainsAny(address, "<>|") || text == "" {
		return text
	}
	return "<" + address + "|" + strings.ReplaceAll(text, "|", "¦") + ">"
}

// join is the names in a line, the first of them when they are many.
func join(names []string) string {
	const most = 5
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

// clip cuts a message to at most limit characters, and neither a link nor an
// escape in two.
func clip(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	head := string([]rune(s)[:limit-1])
	if open := strings.LastIndexByte(head, '<'); open > strings.LastIndexByte(head, '>') {
		head = head[:open]
	}
	if amp := strings.LastIndexByte(head, '&'); amp > strings.LastIndexByte(head, ';') {
		head = head[:amp]
	}
	return strings.TrimRight(head, " \n") + "…"
}
