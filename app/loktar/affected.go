package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dudesons/loktar/app"
	"github.com/dudesons/loktar/checks"
)

// maxMatrix is how many jobs GitHub makes of one matrix at most.
const maxMatrix = 256

func affectedCommand() *cobra.Command {
	var q question
	var form string
	cmd := &cobra.Command{
		Use:   "affected",
		Short: "List the packages that a change affects, and why",
		Long: `List the packages that a change affects, in the order of their dependencies, and
why each is affected. The change is all that the head has and the base has not.

` + aboutBase + `

Formats:
  table          for people
  names          one name a line, for scripts
  json           {"version": 1, "base": {"name", "sha"}, "merge_base", "head",
                  "affected": [{"package", "dir", "type", "pkg_type", "test_type",
                  "needs": [NAME], "reasons": [{"kind", "text", "subject", "file",
                  "line", "more"}]}], "unaffected": [NAME], "unowned": [FILE],
                  "unowned_count", "ignored_count", "held": [TEXT], "everything"}
                 Keys are added, never changed; empty ones may be missing.
  github-matrix  {"include": [{"package", "dir"}]} on one line, for the matrix of
                 a workflow's jobs. GitHub takes no matrix without jobs: guard
                 them with  if: needs.JOB.outputs.NAME != '{"include":[]}'

` + exitCodes,
		Example: `  loktar affected
  loktar affected --base v1.2.0
  loktar affected --uncommitted
  loktar affected --format json | jq -r ".affected[].dir" | xargs -I{} make -C {} ci
  echo "matrix=$(loktar affected --format github-matrix)" >> "$GITHUB_OUTPUT"`,
	}
	noArguments(cmd)
	cmd.RunE = answers(func(cmd *cobra.Command, _ []string) error {
		o, err := q.options()
		if err != nil {
			return err
		}
		a, err := app.ListAffected(cmd.Context(), o)
		if err != nil {
			return err
		}
		remarks(a.Notice, a.Everything)
		out := screenOf(cmd.OutOrStdout())
		switch form {
		case "names":
			var names strings.Builder
			for _, p := range a.Affected {
				names.WriteString(p.Name + "\n")
			}
			fmt.Fprint(out, names.String())
		case "json":
			return printJSON(out, affectedJSON(a))
		case "github-matrix":
			return matrix(out, a)
		default:
			affectedTable(out, a)
		}
		return nil
	})
	q.flags(cmd)
	format(cmd, &form, "table", "names", "json", "github-matrix")
	return cmd
}

func affectedTable(out screen, a *app.Affected) {
	var rows []row
	for _, p := range a.Affected {
		r := row{name: printable(p.Name)}
		for _, why := range p.Reasons {
			r.text = append(r.text, printable(why.String()))
		}
		rows = append(rows, r)
	}
	if len(rows) > 0 {
		out.table([2]string{"PACKAGE", "WHY"}, rows)
	}
	for _, text := range a.Held {
		remark("%s", text)
	}
	if n := a.UnownedCount; n > 0 {
		named := a.Unowned[:min(len(a.Unowned), 3)]
		more := ""
		if n > len(named) {
			more = fmt.Sprintf(" and %d more", n-len(named))
		}
		remark("Of no package: %s%s.", strings.Join(named, ", "), more)
	}
	remark("%d of %s affected, compared with %s (%s).", len(rows), count(len(a.Affected)+len(a.Unaffected), "package"), a.Base, short(a.BaseSHA))
}

type jsonReason struct {
	Kind    string `json:"kind"`
	Text    string `json:"text"`
	Subject string `json:"subject,omitempty"`
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	More    int    `json:"more,omitempty"`
}

func reasonJSON(r checks.Reason) jsonReason {
	return jsonReason{Kind: string(r.Kind), Text: r.String(), Subject: r.Subject, File: r.File, Line: r.Line, More: r.More}
}

type jsonPackage struct {
	Package  string       `json:"package"`
	Dir      string       `json:"dir"`
	Type     string       `json:"type"`
	PkgType  string       `json:"pkg_type"`
	TestType string       `json:"test_type"`
	Needs    []string     `json:"needs,omitempty"`
	Reasons  []jsonReason `json:"reasons,omitempty"`
}

func packageJSON(p *checks.Package) jsonPackage {
	return jsonPackage{Package: p.Name, Dir: p.Dir, Type: p.Type, PkgType: p.PkgType, TestType: string(p.TestType)}
}

type jsonBase struct {
	Name string `json:"name"`
	SHA  string `json:"sha"`
}

type jsonAffected struct {
	Version      int           `json:"version"`
	Base         jsonBase      `json:"base"`
	MergeBase    string        `json:"merge_base"`
	Head         string        `json:"head"`
	Affected     []jsonPackage `json:"affected"`
	Unaffected   []string      `json:"unaffected"`
	Unowned      []string      `json:"unowned"`
	UnownedCount int           `json:"unowned_count"`
	IgnoredCount int           `json:"ignored_count"`
	Held         []string      `json:"held,omitempty"`
	Everything   string        `json:"everything,omitempty"`
}

func affectedJSON(a *app.Affected) jsonAffected {
	out := jsonAffected{Version: 1, MergeBase: a.MergeBase, Head: a.Head, Affected: []jsonPackage{}, Unaffected: []string{}, Unowned: []string{},
		UnownedCount: a.UnownedCount, IgnoredCount: a.IgnoredCount, Held: a.Held, Everything: a.Everything}
	out.Base = jsonBase{a.Base, a.BaseSHA}
	out.Unowned = append(out.Unowned, a.Unowned...)
	out.Unaffected = append(out.Unaffected, a.Unaffected...)
	for _, p := range a.Affected {
		j := jsonPackage{Package: p.Name, Dir: p.Dir, Type: p.Type, PkgType: p.PkgType, TestType: p.TestType, Needs: p.Needs}
		for _, why := range p.Reasons {
			j.Reasons = append(j.Reasons, reasonJSON(why))
		}
		out.Affected = append(out.Affected, j)
	}
	return out
}

func matrix(out screen, a *app.Affected) error {
	type job struct {
		Package string `json:"package"`
		Dir     string `json:"dir"`
	}
	jobs := []job{}
	for _, p := range a.Affected {
		jobs = append(jobs, job{p.Name, p.Dir})
	}
	if len(jobs) > maxMatrix {
		return fmt.Errorf("%d packages are affected, and GitHub makes at most %d jobs of one matrix. Use --format names and have each job test several", len(jobs), maxMatrix)
	}
	b, err := json.Marshal(map[string]any{"include": jobs})
	if err == nil {
		fmt.Fprintf(out, "%s\n", b)
	}
	return err
}
