package slack

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rs/zerolog"
	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks/notify"
)

var entity = regexp.MustCompile(`&(amp|lt|gt);`)

// TestEscape: whatever somebody calls something, it is text of one line, and
// short.
func TestEscape(t *testing.T) {
	hostile := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune("<>&!@#|*_~`: \n\u202e\u2028ab"))))
	rapid.Check(t, func(r *rapid.T) {
		s := hostile.Draw(r, "s")
		got := escape(s)
		bare := entity.ReplaceAllString(got, "")
		if strings.ContainsAny(bare, "<>&*~`\n\r\t\u2028\u2029\u202e") || !utf8.ValidString(got) {
			r.Fatalf("%q became %q", s, got)
		}
		if strings.Contains(got, "@here") || strings.Contains(got, "@channel") {
			r.Fatalf("%q became %q, which calls somebody", s, got)
		}
		if n := utf8.RuneCountInString(entity.ReplaceAllString(got, "x")); n > 2*maxField {
			r.Fatalf("%q has %d characters", got, n)
		}
		if again := escape("a" + strings.Repeat("b", 400)); utf8.RuneCountInString(again) != maxField {
			r.Fatalf("%q", again)
		}
	})
	for s, want := range map[string]string{
		"my_lib": "my_lib", "_x_": "ˍxˍ", "fix: a thing": "fix: a thing", ":tada:": "꞉tada:", "10:30": "10:30", "a & b": "a &amp; b",
	} {
		if got := escape(s); got != want {
			t.Errorf("%q became %q, want %q", s, got, want)
		}
	}
}

// TestMessagesFit: any facts become a message that Slack takes.
func TestMessagesFit(t *testing.T) {
	texts, err := ParseTexts("", "")
	if err != nil {
		t.Fatal(err)
	}
	word := rapid.OneOf(rapid.StringN(0, 400, -1), rapid.SampledFrom([]string{strings.Repeat("<&>", 300), "api"}))
	rapid.Check(t, func(r *rapid.T) {
		f := notify.Facts{
			State: notify.State(rapid.SampledFrom([]string{"running", "failed", "fault", "fixed", "published"}).Draw(r, "state")),
			Repo:  "acme/pets", Target: word.Draw(r, "target"), Title: word.Draw(r, "title"), Summary: word.Draw(r, "summary"),
			URL: "https://loktar.example.com/runs/x", TargetURL: "https://github.com/acme/pets/pull/1",
			Fixed: rapid.SliceOfN(word, 0, 30).Draw(r, "fixed"),
		}
		for _, why := range rapid.SliceOfN(word, 0, 20).Draw(r, "failed") {
			f.Failed = append(f.Failed, notify.Failure{Name: "api", URL: f.URL, Why: why})
			f.Published = append(f.Published, notify.Version{Name: "lib", URL: f.URL, Version: why})
		}
		for _, s := range []string{texts.message(f, zerolog.Nop()), texts.details(f, zerolog.Nop())} {
			if n := utf8.RuneCountInString(s); n > maxText || s == "" && len(f.Failed) > 0 {
				r.Fatalf("%d characters: %q", n, s)
			}
			bare := regexp.MustCompile(`<https://[^<>|]*\|[^<>]*>`).ReplaceAllString(s, "")
			if strings.ContainsAny(entity.ReplaceAllString(bare, ""), "<>&") {
				r.Fatalf("a link or an escape is cut in two, or somebody's own: %q", s)
			}
		}
	})
}

func TestParseTexts(t *testing.T) {
	for text, want := range map[string]string{
		"{{.Nosuch}}":                "slack.message: ",
		"{{":                         "slack.message: ",
		"{{link .URL}}":              "slack.message: ",
		"{{index .Failed 0}}":        "slack.message: ", // a run that goes on has none
		"{{range .Failed}}x{{end}}":  "",
		"{{icon .}} {{join .Fixed}}": "",
	} {
		_, err := ParseTexts(text, "")
		if got := ""; err != nil {
			got = err.Error()
			if want == "" || !strings.HasPrefix(got, want) {
				t.Errorf("%q: %v", text, err)
			}
		} else if want != "" {
			t.Errorf("%q is taken", text)
		}
	}
	if _, err := ParseTexts("", "{{.Nosuch}}"); err == nil || !strings.HasPrefix(err.Error(), "slack.details: ") {
		t.Errorf("details: %v", err)
	}
	// One that says nothing gives way to the usual text.
	texts, err := ParseTexts("{{if .Fixed}}x{{end}}", "")
	if err != nil {
		t.Fatal(err)
	}
	if got := texts.message(notify.Facts{Repo: "acme/pets", Target: "main", Summary: "api failed"}, zerolog.Nop()); !strings.Contains(got, "api failed") {
		t.Errorf("it says %q", got)
	}
}
