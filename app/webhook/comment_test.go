package webhook

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestCommandLine(t *testing.T) {
	for name, tt := range map[string]struct{ body, want string }{
		"alone":                  {"/loktar", "/loktar"},
		"with words":             {"/loktar run lib", "/loktar run lib"},
		"tab":                    {"/loktar\trun", "/loktar run"},
		"no-break space":         {"\u00a0/loktar\u00a0run", "/loktar run"},
		"the first counts":       {"/loktar run\n/loktar cancel", "/loktar run"},
		"in the middle":          {"Please.\r\n\t /loktar run \r\nThanks.", "/loktar run"},
		"old Mac":                {"a\r/loktar run\rb", "/loktar run"},
		"another word":           {"/loktarx run", ""},
		"with a stop":            {"/loktar. run", ""},
		"not at the beginning":   {"try /loktar run", ""},
		"upper case":             {"/LOKTAR run", ""},
		"in code":                {"`/loktar run`", ""},
		"quoted":                 {"> /loktar run", ""},
		"quoted, indented":       {"  >/loktar run", ""},
		"answer to a quote":      {"> /loktar run\n\n/loktar cancel", "/loktar cancel"},
		"fenced":                 {"```\n/loktar run\n```", ""},
		"fenced with tildes":     {"~~~ sh `x`\n/loktar run\n~~~", ""},
		"after a fence":          {"```sh\n/loktar run\n```  \n/loktar cancel", "/loktar cancel"},
		"fence never closed":     {"```\n/loktar run", ""},
		"closed by another mark": {"```\n~~~\n/loktar run\n```\n/loktar cancel", "/loktar cancel"},
		"closed by a longer one": {"```\n`````\n/loktar run", "/loktar run"},
		"not by a shorter one":   {"````\n```\n/loktar run", ""},
		"not by one with words":  {"```\n``` x\n/loktar run", ""},
		"two marks are no fence": {"``\n/loktar run", "/loktar run"},
		"ticks on one line":      {"```code```\n/loktar run", "/loktar run"},
		"indented fence":         {"- list\n    ```\n    /loktar run\n    ```", ""},
		"fence in a quote":       {"> ```\n/loktar run", "/loktar run"},
		"control characters":     {"/loktar \x00r\x1bu\x7fn\u0085 \u202etxet\u200b", "/loktar run  txet"},
		"nothing but blanks":     {" \n\t\n", ""},
		"long":                   {"/loktar " + strings.Repeat("é", 400), "/loktar " + strings.Repeat("é", maxLine-8)},
		"cut at a blank":         {"/loktar " + strings.Repeat("a", maxLine-9) + " b", "/loktar " + strings.Repeat("a", maxLine-9)},
		"ill encoded":            {"/loktar \xff", "/loktar \ufffd"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := commandLine(tt.body); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// TestCommandLineIsClean puts lines together at random.
func TestCommandLineIsClean(t *testing.T) {
	piece := rapid.OneOf(rapid.SampledFrom([]string{"/loktar", "/loktar ", "\n", "\r\n", "```", "~~~~", "> ", " ", "\t", "\x00"}), rapid.String())
	rapid.Check(t, func(t *rapid.T) {
		body := strings.Join(rapid.SliceOf(piece).Draw(t, "body"), "")
		if line := commandLine(body); line != "" && !cleanCommand(line) {
			t.Fatalf("%q of %q", line, body)
		}
		// What is quoted is never a command.
		quoted := "> " + strings.NewReplacer("\n", "\n> ", "\r", "\r> ").Replace(body)
		if line := commandLine(quoted); line != "" {
			t.Fatalf("%q of %q", line, quoted)
		}
	})
}

// cleanCommand reports whether line is as a Comment's Line has to be.
func cleanCommand(line string) bool {
	for _, r := range line {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return false
		}
	}
	return utf8.ValidString(line) && utf8.RuneCountInString(line) <= maxLine && strings.TrimSpace(line) == line &&
		(line == commandWord || strings.HasPrefix(line, commandWord+" "))
}
