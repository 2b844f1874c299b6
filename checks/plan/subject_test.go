package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/checks/plan"
)

func TestParseSubject(t *testing.T) {
	type S = plan.Subject
	for name, c := range map[string]struct {
		subject string
		want    S
	}{
		"one prefix":               {"ENH: add a page", S{Prefixes: []string{"ENH"}}},
		"combined":                 {"DOC/CLN: tidy", S{Prefixes: []string{"DOC", "CLN"}}},
		"all":                      {"ENH/BUG/DOC/TST/BLD/PERF/CLN/RFR: x", S{Prefixes: []string{"ENH", "BUG", "DOC", "TST", "BLD", "PERF", "CLN", "RFR"}}},
		"repeated":                 {"DOC/DOC: x", S{Prefixes: []string{"DOC"}}},
		"no blank after the colon": {"DOC:x", S{Prefixes: []string{"DOC"}}},
		"nothing after the colon":  {"DOC:", S{Prefixes: []string{"DOC"}}},
		"a colon in the text":      {"DOC: ENH: x", S{Prefixes: []string{"DOC"}}},
		"leading blanks":           {" \t DOC: x", S{Prefixes: []string{"DOC"}}},
		"NOBUILD alone":            {"NOBUILD: wip", S{Skip: "NOBUILD"}},
		"NOBUILD first":            {"NOBUILD/ENH: wip", S{Prefixes: []string{"ENH"}, Skip: "NOBUILD"}},
		"NOBUILD last":             {"DOC/CLN/NOBUILD: wip", S{Prefixes: []string{"DOC", "CLN"}, Skip: "NOBUILD"}},
		"leading blanks, NOBUILD":  {"  NOBUILD: wip", S{Skip: "NOBUILD"}},
		"NOBUILD in passing":       {"Document NOBUILD: it skips the run", S{}},
		"NOBUILD after a colon":    {"DOC: NOBUILD", S{Prefixes: []string{"DOC"}}},
		"NOBUILD without a colon":  {"NOBUILD", S{}},
		"NOBUILD in the body":      {"DOC: x\n\nNOBUILD: y\n[skip ci]", S{Prefixes: []string{"DOC"}}},
		"in a body without colon":  {"a change\nNOBUILD: y", S{}},
		"lower case":               {"nobuild/doc: x", S{}},
		"mixed case":               {"NoBuild: x", S{}},
		"one in lower case":        {"DOC/cln: x", S{}},
		"an unknown word":          {"FEAT/NOBUILD: x", S{}},
		"a word that begins alike": {"DOCS: x", S{}},
		"NOBUILD begins alike":     {"NOBUILDS: x", S{}},
		"an empty word":            {"DOC/: x", S{}},
		"an empty first word":      {"/NOBUILD: x", S{}},
		"blanks inside":            {"DOC / CLN: x", S{}},
		"a blank before the colon": {"NOBUILD : x", S{}},
		"another separator":        {"DOC,NOBUILD: x", S{}},
		"a full-width colon":       {"NOBUILD： x", S{}},
		"a ratio sign":             {"DOC∶ x", S{}},
		"full-width letters":       {"ＮＯＢＵＩＬＤ: x", S{}},
		"a no-break space":         {"\u00a0NOBUILD: x", S{}},
		"an unseen character":      {"NO\u200bBUILD: x", S{}},
		"a byte order mark":        {"\ufeffNOBUILD: x", S{}},
		"skip ci":                  {"change a word [skip ci]", S{Skip: "[skip ci]"}},
		"ci skip":                  {"[ci skip] change a word", S{Skip: "[ci skip]"}},
		"skip ci and a prefix":     {"DOC: change a word [skip ci]", S{Prefixes: []string{"DOC"}, Skip: "[skip ci]"}},
		"skip ci before a colon":   {"[skip ci] DOC: x", S{Skip: "[skip ci]"}},
		"skip ci and NOBUILD":      {"NOBUILD: x [skip ci]", S{Skip: "NOBUILD"}},
		"skip ci without brackets": {"skip ci on main", S{}},
		"skip ci in capitals":      {"[SKIP CI] x", S{}},
		"skip ci with two blanks":  {"[skip  ci] x", S{}},
		"empty":                    {"", S{}},
		"a colon":                  {":", S{}},
		"not UTF-8":                {"\xff: x", S{}},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(c.want, plan.ParseSubject(c.subject)); d != "" {
				t.Error(d)
			}
		})
	}
}

func FuzzParseSubject(f *testing.F) {
	for _, s := range []string{"DOC: x", "DOC/NOBUILD: x", " NOBUILD:", "x\nNOBUILD: y", "[skip ci]", "NOBUILD： x", "a: [ci skip]", "\xff/DOC:"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, subject string) {
		s := plan.ParseSubject(subject)
		line, _, _ := strings.Cut(subject, "\n")
		if d := cmp.Diff(s, plan.ParseSubject(line+"\nNOBUILD: x [skip ci]")); d != "" {
			t.Fatalf("the body counts: %s", d)
		}
		head, _, colon := strings.Cut(strings.TrimLeft(line, " \t"), ":")
		words := strings.Split(head, "/")
		for i, p := range s.Prefixes {
			if !colon || !slices.Contains(words, p) || slices.Contains(s.Prefixes[:i], p) {
				t.Fatalf("%q bears %q", subject, p)
			}
		}
		if s.Skip == "NOBUILD" && (!colon || !slices.Contains(words, s.Skip)) || s.Skip != "NOBUILD" && !strings.Contains(line, s.Skip) {
			t.Fatalf("%q skips by %q", subject, s.Skip)
		}
		for _, w := range words {
			known := w == "NOBUILD" || w != "" && strings.Contains("/ENH/BUG/DOC/TST/BLD/PERF/CLN/RFR/", "/"+w+"/")
			if !known && (len(s.Prefixes) > 0 || s.Skip == "NOBUILD") {
				t.Fatalf("%q counts in spite of %q", subject, w)
			}
		}
	})
}
