package app

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"
	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner/source"
)

func pageOf(sha string) string { return "https://github.com/acme/pets/commit/" + sha }

func TestNotes(t *testing.T) {
	sha := strings.Repeat("ab", 20)
	one := []source.HistoryCommit{{SHA: sha, Author: "Ann", Subject: "BUG: mend"}}
	line := "- BUG: mend (Ann, [`abababa`](" + pageOf(sha) + "))\n"
	for name, c := range map[string]struct {
		n     notes
		want  []string
		never string
	}{
		"the first":         {notes{history: source.History{Commits: one, More: 1}}, []string{"This is the first version of `lib`", "**Commits**\n\n" + line, "Older ones are not listed."}, "since"},
		"a later one":       {notes{since: "1", history: source.History{Commits: one}}, []string{"**Commits since version `1`**\n\n" + line}, "first|older|Older"},
		"many":              {notes{since: "1", history: source.History{Commits: one, More: 1200}}, []string{line + "\nAnd 1,200 older commits.\n"}, "Older ones"},
		"nothing":           {notes{since: "1"}, []string{"No commit since version `1` changed the folder `libs/lib` itself"}, "Commits"},
		"a rewritten line":  {notes{since: "1", history: source.History{Unrelated: true}}, []string{"The commits since version `1` cannot be told: the branch was rewritten"}, "No commit"},
		"unread":            {notes{since: "1", unread: true}, []string{"The commits since version `1` could not be read."}, "No commit"},
		"the first, unread": {notes{unread: true}, []string{"first version", "The commits could not be read."}, "since"},
		"no author":         {notes{since: "1", history: source.History{Commits: []source.HistoryCommit{{SHA: sha}}}}, []string{"- (none) ((none), "}, ""},
		"items": {notes{since: "1", items: []checks.PublishedItem{
			{Name: "a.whl", URL: "https://pypi.example.com/a.whl", SHA256: "00ff", Size: 7},
			{Name: "img", URL: "registry.example.com/img:1", Digest: "sha256:11"},
			{Name: "b", URL: "https://h/x)[y](z"}}},
			[]string{"| [a.whl](https://pypi.example.com/a.whl) | `00ff` | 7 |\n| `img` | `sha256:11` | - |\n| `b` | `-` | - |\n"}, ""},
		"many items": {notes{since: "1", items: make([]checks.PublishedItem, 102)}, []string{"\nAnd 2 more files.\n"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c.n.pkg, c.n.dir, c.n.commit = "lib", "libs/lib", pageOf
			got := c.n.markdown()
			for _, w := range c.want {
				if !strings.Contains(got, w) {
					t.Errorf("%q is not in\n%s", w, got)
				}
			}
			if c.never != "" && regexp.MustCompile(c.never).MatchString(got) {
				t.Errorf("%q is in\n%s", c.never, got)
			}
		})
	}
}

var (
	anchor  = regexp.MustCompile(`<a href="([^"]*)"`)
	element = regexp.MustCompile(`<[a-z0-9]+`)
	mention = regexp.MustCompile(`@[\pL\pN]|#\pN`)
)

// What people write becomes no element, no link and no mention, and no line of
// its own.
func TestNotesAreInert(t *testing.T) {
	// HTML passes, as <code> does at GitHub.
	gfm := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(html.WithUnsafe()))
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
		"@acme/team", "#1", "<b>x</b>", "[x](https://evil.example.com)", "![x](y)", "https://evil.example.com", "www.evil.example.com", "a@evil.example.com",
		"**x**", "`x`", "- x", "1. x", "| x |", "\n# x", "\n\n---", "\\", "x](", "&lt;", "~~x~~", "<!--", "```",
	}))
	rapid.Check(t, func(t *rapid.T) {
		n := notes{pkg: "lib", dir: "lib", since: text.Draw(t, "since") + "1", commit: pageOf}
		for range rapid.IntRange(1, 3).Draw(t, "commits") {
			n.history.Commits = append(n.history.Commits, source.HistoryCommit{SHA: rapid.StringMatching(`[0-9a-f]{40}`).Draw(t, "sha"),
				Author: text.Draw(t, "author"), Subject: text.Draw(t, "subject") + text.Draw(t, "more")})
		}
		for range rapid.IntRange(1, 3).Draw(t, "items") {
			n.items = append(n.items, checks.PublishedItem{Name: text.Draw(t, "name"), URL: text.Draw(t, "url"), SHA256: text.Draw(t, "sum")})
		}
		md := n.markdown()
		var out bytes.Buffer
		if err := gfm.Convert([]byte(md), &out); err != nil {
			t.Fatal(err)
		}
		page := out.String()
		for _, a := range anchor.FindAllStringSubmatch(page, -1) {
			if !strings.HasPrefix(a[1], "https://github.com/acme/pets/commit/") && !strings.HasPrefix(a[1], "https://evil") {
				t.Fatalf("a link to %q in\n%s", a[1], page)
			}
		}
		if links := strings.Count(page, "<a "); links < len(n.history.Commits) || links > len(n.history.Commits)+len(n.items) {
			t.Fatalf("%d links in\n%s", links, page)
		}
		for _, e := range element.FindAllString(page, -1) {
			if !strings.Contains(" <p <strong <code <ul <li <a <table <thead <tbody <tr <th <td ", " "+e+" ") {
				t.Fatalf("%s in\n%s", e, page)
			}
		}
		if got := strings.Count(page, "<li>"); got != len(n.history.Commits) {
			t.Fatalf("%d commits are\n%s", len(n.history.Commits), page)
		}
		// A mention counts outside of code alone.
		bare := regexp.MustCompile(`(?s)<code>.*?</code>|<[^>]*>`).ReplaceAllString(page, "")
		if m := mention.FindString(bare); m != "" {
			t.Fatalf("%q in\n%s\nof\n%s", m, page, md)
		}
		if i := strings.IndexFunc(md, func(r rune) bool { return r != '\n' && unicode.IsControl(r) }); i >= 0 {
			t.Fatal(fmt.Sprintf("a control character in %q", md))
		}
	})
}
