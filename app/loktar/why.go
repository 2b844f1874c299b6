package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dudesons/loktar/app"
	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/graph"
	"github.com/dudesons/loktar/configs/manifest"
)

func whyCommand() *cobra.Command {
	var q question
	var form string
	cmd := &cobra.Command{
		Use:   "why PACKAGE",
		Short: "Say how a change comes to affect a package",
		Long: `Say how a change comes to affect a package: the way from what changed to it, one
dependency after the other, each with the file and line that declares it.

When the package is not affected that is said, with what it depends on, and the
exit code is 1.

` + aboutBase + `

The format json is {"version": 1, "package", "affected", "path": [{"package",
"reason": {"kind", "text", "subject", "file", "line", "more"}}], "depends_on":
[{"package", "file", "line"}]}.

` + exitCodes,
		Example: `  loktar why pet_api
  loktar why pet_api --base v1.2.0`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("name one package, as in: loktar why awesome_lib")
			}
			return nil
		},
		ValidArgsFunction: completePackage,
	}
	cmd.RunE = answers(func(cmd *cobra.Command, args []string) error {
		o, err := q.options()
		if err != nil {
			return err
		}
		o.Text = true
		a, err := app.AskLocal(cmd.Context(), o)
		if err != nil {
			return err
		}
		name := args[0]
		if err := listed(a, name); err != nil {
			return err
		}
		remarks(a.Notice, a.Change.Unbounded)
		w := explained(a, name)
		out := screenOf(cmd.OutOrStdout())
		if form == "json" {
			err = printJSON(out, w)
		} else {
			w.print(out, a)
		}
		if err == nil && !w.Affected {
			err = no{}
		}
		return err
	})
	q.flags(cmd)
	format(cmd, &form, "text", "json")
	return cmd
}

// listed is an error when there is no package of a name.
func listed(a *app.LocalAnswer, name string) error {
	var names []string
	for _, p := range a.Change.Manifest.Packages {
		if p.Name == name {
			return nil
		}
		names = append(names, p.Name)
	}
	if meant := manifest.Nearest(name, names); meant != "" {
		return misused("there is no package %q; did you mean %q?", name, meant)
	}
	return misused("there is no package %q; %s lists %s", name, checks.ManifestFile, some(names))
}

func some(names []string) string {
	const most = 10
	if len(names) == 0 {
		return "none"
	}
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

type jsonStep struct {
	Package string     `json:"package"`
	Reason  jsonReason `json:"reason"`
	reason  checks.Reason
}

type jsonNeed struct {
	Package string `json:"package"`
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`
}

// reasonFor is what `why` says.
type reasonFor struct {
	Version  int        `json:"version"`
	Package  string     `json:"package"`
	Affected bool       `json:"affected"`
	Path     []jsonStep `json:"path"`
	Needs    []jsonNeed `json:"depends_on"`
}

func explained(a *app.LocalAnswer, name string) reasonFor {
	w := reasonFor{Version: 1, Package: name, Path: []jsonStep{}, Needs: []jsonNeed{}}
	for _, s := range a.Affected.Path(name) {
		w.Affected = true
		r := s.Reason
		switch {
		case r.Kind == checks.ReasonDependency && r.File == "":
			r.File, r.Line = checks.ManifestFile, manifest.Line(a.Text, s.Name, r.Subject)
		case r.Kind == checks.ReasonEntry:
			r.File, r.Line = checks.ManifestFile, manifest.Line(a.Text, s.Name, "")
		case r.Kind == checks.ReasonFile:
			r.File = within(r.Dir, r.Subject)
		case r.Kind == checks.ReasonInput, r.Kind == checks.ReasonGlobal:
			r.File = r.Subject
		}
		j := reasonJSON(r)
		j.Text = s.Reason.String()
		w.Path = append(w.Path, jsonStep{s.Name, j, r})
	}
	for _, d := range a.Graph.Dependencies() {
		if d.From == name {
			w.Needs = append(w.Needs, need(a, d))
		}
	}
	return w
}

func need(a *app.LocalAnswer, d graph.Dependency) jsonNeed {
	if d.File == "" {
		return jsonNeed{d.To, checks.ManifestFile, manifest.Line(a.Text, d.From, d.To)}
	}
	return jsonNeed{d.To, d.File, d.Line}
}

func within(dir, file string) string {
	if dir == "." || dir == file {
		return file
	}
	return dir + "/" + file
}

func at(file string, line int) string {
	if line == 0 {
		return file
	}
	return fmt.Sprintf("%s:%d", file, line)
}

func (w reasonFor) print(out screen, a *app.LocalAnswer) {
	if !w.Affected {
		fmt.Fprintf(out, "%s is not affected, compared with %s (%s).\n", out.paint(bold, w.Package), printable(a.Base), short(a.Change.BaseSHA))
		if len(w.Needs) == 0 {
			fmt.Fprintln(out, "It depends on no other package.")
			return
		}
		fmt.Fprintln(out, "It depends on these, and none of them is affected either:")
		var rows []row
		for _, n := range w.Needs {
			rows = append(rows, row{n.Package, []string{printable(at(n.File, n.Line))}})
		}
		out.table([2]string{"PACKAGE", "DECLARED AT"}, rows)
		return
	}
	fmt.Fprintf(out, "%s is affected, compared with %s (%s):\n", out.paint(bold, w.Package), printable(a.Base), short(a.Change.BaseSHA))
	left := 0
	for _, s := range w.Path {
		left = max(left, len(s.Package))
	}
	for _, s := range w.Path {
		text, r := s.Reason.Text, s.reason
		switch r.Kind {
		case checks.ReasonDependency:
			text = "depends on " + r.Subject + " (" + at(r.File, r.Line) + ")"
		case checks.ReasonEntry:
			text += " (" + at(r.File, r.Line) + ")"
		}
		fmt.Fprintf(out, "  %s%*s  %s\n", out.paint(bold, s.Package), left-len(s.Package), "", printable(text))
	}
}
