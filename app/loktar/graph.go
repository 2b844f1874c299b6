package main

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dudesons/loktar/app"
	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/graph"
)

func graphCommand() *cobra.Command {
	var q question
	var form string
	var affected bool
	cmd := &cobra.Command{
		Use:   "graph",
		Short: "Show the packages and what they depend on",
		Long: `Show the packages and what they depend on, as declared in loktar.json and as
their files tell, each with the file and line that says so.

--affected shows the packages that a change affects alone. ` + aboutBase + `

Formats: tree (what a package depends on stands below it), dot (Graphviz),
mermaid, and json: {"version": 1, "packages": [{"package", "dir", "type",
"pkg_type", "test_type"}], "dependencies": [{"from", "to", "file", "line",
"declared", "cycle"}]}. A dependency that closes a cycle is marked.

` + exitCodes,
		Example: `  loktar graph
  loktar graph --affected
  loktar graph --format dot | dot -Tsvg > graph.svg`,
	}
	noArguments(cmd)
	cmd.RunE = answers(func(cmd *cobra.Command, _ []string) error {
		o, err := q.options()
		if err != nil {
			return err
		}
		ask := app.ReadLocal
		if affected {
			ask = app.AskLocal
		} else if o.Base != "" || o.Merge {
			return misused("--base and --merge say what changed, which only --affected asks for; add it or leave them away")
		}
		a, err := ask(cmd.Context(), o)
		if err != nil {
			return err
		}
		remarks(a.Notice, a.Change.Unbounded)
		p := picture(a, affected)
		out := screenOf(cmd.OutOrStdout())
		all := bufio.NewWriter(out.Writer)
		defer all.Flush()
		out.Writer = all
		switch form {
		case "dot":
			p.dot(out)
		case "mermaid":
			p.mermaid(out)
		case "json":
			return p.json(out)
		default:
			p.tree(out)
		}
		return nil
	})
	cmd.Flags().BoolVar(&affected, "affected", false, "show the packages that a change affects alone")
	q.flags(cmd)
	format(cmd, &form, "tree", "dot", "mermaid", "json")
	return cmd
}

// drawing is a graph to be shown, in the order of the manifest.
type drawing struct {
	packages []*checks.Package
	needs    map[string][]graph.Dependency
	needed   map[string]bool
}

func picture(a *app.LocalAnswer, affected bool) drawing {
	d := drawing{needs: map[string][]graph.Dependency{}, needed: map[string]bool{}}
	in := map[string]bool{}
	for _, p := range a.Affected.Affected {
		in[p.Name] = true
	}
	for i := range a.Change.Manifest.Packages {
		p := &a.Change.Manifest.Packages[i]
		if in[p.Name] = in[p.Name] || !affected; in[p.Name] {
			d.packages = append(d.packages, p)
		}
	}
	for _, e := range a.Graph.Dependencies() {
		if in[e.From] && in[e.To] {
			d.needs[e.From] = append(d.needs[e.From], e)
			d.needed[e.To] = true
		}
	}
	return d
}

// source is where a dependency is told of.
func source(e graph.Dependency) string {
	text := checks.ManifestFile
	if e.File != "" {
		text = at(e.File, e.Line)
	}
	if e.Cycle {
		text += ", a cycle"
	}
	return printable(text)
}

func (d drawing) dot(out screen) {
	fmt.Fprintln(out, "digraph loktar {\n  rankdir=LR;\n  node [shape=box];")
	for _, p := range d.packages {
		fmt.Fprintf(out, "  %q;\n", p.Name)
	}
	for _, p := range d.packages {
		for _, e := range d.needs[p.Name] {
			style := ""
			if e.File != "" {
				style = ", style=dashed"
			}
			if e.Cycle {
				style += ", color=red"
			}
			fmt.Fprintf(out, "  %q -> %q [tooltip=\"%s\"%s];\n", e.From, e.To, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(source(e)), style)
		}
	}
	fmt.Fprintln(out, "}")
}

func (d drawing) mermaid(out screen) {
	fmt.Fprintln(out, "graph LR")
	id := map[string]string{}
	for i, p := range d.packages {
		id[p.Name] = fmt.Sprintf("p%d", i)
		fmt.Fprintf(out, "  p%d[\"%s\"]\n", i, p.Name)
	}
	for _, p := range d.packages {
		for _, e := range d.needs[p.Name] {
			arrow := "-->"
			if e.File != "" {
				arrow = "-.->"
			}
			if e.Cycle {
				arrow += "|cycle|"
			}
			fmt.Fprintf(out, "  %s %s %s\n", id[e.From], arrow, id[e.To])
		}
	}
}

type jsonDependency struct {
	From     string `json:"from"`
	To       string `json:"to"`
	File     string `json:"file"`
	Line     int    `json:"line,omitempty"`
	Declared bool   `json:"declared"`
	Cycle    bool   `json:"cycle"`
}

func (d drawing) json(out screen) error {
	v := struct {
		Version      int              `json:"version"`
		Packages     []jsonPackage    `json:"packages"`
		Dependencies []jsonDependency `json:"dependencies"`
	}{1, []jsonPackage{}, []jsonDependency{}}
	for _, p := range d.packages {
		v.Packages = append(v.Packages, packageJSON(p))
	}
	for _, p := range d.packages {
		for _, e := range d.needs[p.Name] {
			j := jsonDependency{From: e.From, To: e.To, File: e.File, Line: e.Line, Declared: e.File == "", Cycle: e.Cycle}
			if j.Declared {
				j.File = checks.ManifestFile
			}
			v.Dependencies = append(v.Dependencies, j)
		}
	}
	return printJSON(out, v)
}
