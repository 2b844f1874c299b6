package checks_test

import (
	"os/exec"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
)

func TestFillTag(t *testing.T) {
	for _, c := range []struct{ template, tag, unknown string }{
		{"{{.Name}}-v{{.Version}}", "lib-v1.2", ""},
		{"{{ .Name }}/{{  .Version}}", "lib/1.2", ""},
		{"v{{.Version}}{{.Version}}", "v1.21.2", ""},
		{"v1", "v1", ""},
		{"{{.Nme}}-{{.Version}}-{{x}}", "{{.Nme}}-1.2-{{x}}", "{{.Nme}}"},
		{"v{{.Version", "v{{.Version", "{{.Version"},
		{"v{{.Version}} {{", "v1.2 {{", "{{"},
		{"{{printf `%s` .Version}}", "{{printf `%s` .Version}}", "{{printf `%s` .Version}}"},
		{"{{\n.Version}}", "{{\n.Version}}", "{{\n.Version}}"},
		{"{.Version}", "{.Version}", ""},
	} {
		if tag, unknown := checks.FillTag(c.template, "lib", "1.2"); tag != c.tag || unknown != c.unknown {
			t.Errorf("%q gives %q and %q, want %q and %q", c.template, tag, unknown, c.tag, c.unknown)
		}
	}
	// What is filled in is no template.
	if tag, unknown := checks.FillTag("{{.Name}}", "{{.Version}}", "1"); tag != "{{.Version}}" || unknown != "" {
		t.Errorf("a name became a template: %q, %q", tag, unknown)
	}
}

func TestTagFault(t *testing.T) {
	for tag, want := range map[string]string{
		"lib-v1": "", "lib/v1": "", "v1+b": "", "é1": "", "v{{": "", "refs": "", "a@b": "",
		"": "is empty", strings.Repeat("a", 241): "too long", "a b": "blank", "a\x00": "cannot be seen", "a\u202eb": "cannot be seen", "a\xffb": "cannot be seen",
		"a~1": "one of", "a^": "one of", "a:b": "one of", "a?": "one of", "a*": "one of", "a[b": "one of", `a\b`: "one of",
		"a..b": "`..`", "a@{b": "`@{`", "-a": "dash", "a.": "ends with a dot", "refs/tags/a": "taken for", "HEAD": "taken for",
		strings.Repeat("0f", 20): "taken for", strings.Repeat("0F", 32): "taken for",
		"/a": "slash", "a/": "slash", "a//b": "slash", ".a": "begins with a dot", "a/.b": "begins with a dot", "a.lock": ".lock", "a.lock/b": ".lock",
	} {
		if got := checks.TagFault(tag); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%q %s, want %q", tag, got, want)
		}
	}
}

// Git itself takes every tag that has no fault.
func TestTagsAreRefs(t *testing.T) {
	piece := rapid.OneOf(rapid.SampledFrom([]string{"{{.Name}}", "{{.Version}}", "/", ".", "..", ".lock", "@{", "@", "-", "{{", "}}", "v", "~", "HEAD", "refs/"}), rapid.StringN(0, 3, 6))
	rapid.Check(t, func(t *rapid.T) {
		template := strings.Join(rapid.SliceOfN(piece, 1, 6).Draw(t, "template"), "")
		tag, unknown := checks.FillTag(template, rapid.StringMatching(`[A-Za-z0-9][A-Za-z0-9._-]{0,8}`).Draw(t, "name"),
			rapid.StringMatching(`[A-Za-z0-9][A-Za-z0-9._+~-]{0,8}`).Draw(t, "version"))
		if unknown != "" || checks.TagFault(tag) != "" {
			return
		}
		if out, err := exec.Command("git", "check-ref-format", "refs/tags/"+tag).CombinedOutput(); err != nil {
			t.Fatalf("git takes no %q: %v %s", tag, err, out)
		}
	})
}
