package infer

import (
	"errors"
	"fmt"
	"path"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

// goParser reads the go.mod and the go.work in a package's own folder.
//
// A package provides its module path and needs every module that it requires,
// indirect ones too: they are compiled into it. A module of the repository is
// meant by its path whatever version is asked for and whether a go.work in a
// folder above joins the two, since a workspace or a replacement takes the
// repository's own. (What is imported without a require, as a workspace allows,
// is not in these files: that is for depends_on.) `replace` with a local path
// needs that folder. `use` in a go.work of its own needs the folders that it
// names. `tool` adds nothing to what is required; `exclude` and `retract` need
// nothing.
var goParser = parser{
	kind:    Go,
	match:   ownFile("go.mod", "go.work"),
	folders: []string{"."},
	parse:   parseGo,
}

func parseGo(_, file string, data []byte) (Facts, error) {
	data = trimBOM(data)
	if path.Base(file) == "go.work" {
		return parseGoWork(file, data)
	}
	f, err := modfile.Parse(file, data, anyVersion)
	if err != nil {
		return Facts{}, goProblem(err)
	}
	var facts Facts
	if f.Module != nil && f.Module.Mod.Path != "" {
		facts.Provides = []string{f.Module.Mod.Path}
	}
	for _, r := range f.Require {
		if r.Mod.Path != "" {
			facts.Needs = append(facts.Needs, Need{Name: r.Mod.Path, Line: r.Syntax.Start.Line})
		}
	}
	facts.Needs = append(facts.Needs, goReplaced(file, f.Replace)...)
	return inOrder(facts), nil
}

func parseGoWork(file string, data []byte) (Facts, error) {
	f, err := modfile.ParseWork(file, data, anyVersion)
	if err != nil {
		return Facts{}, goProblem(err)
	}
	facts := Facts{Needs: goReplaced(file, f.Replace)}
	for _, u := range f.Use {
		if p, ok := pathBeside(file, u.Path); ok {
			facts.Needs = append(facts.Needs, Need{Path: p, Line: u.Syntax.Start.Line})
		}
	}
	return inOrder(facts), nil
}

// goReplaced is what stands to the right of the arrows: a local folder, or
// another module.
func goReplaced(file string, list []*modfile.Replace) []Need {
	var needs []Need
	for _, r := range list {
		line := r.Syntax.Start.Line
		if !modfile.IsDirectoryPath(r.New.Path) {
			if r.New.Path != "" {
				needs = append(needs, Need{Name: r.New.Path, Line: line})
			}
		} else if p, ok := pathBeside(file, r.New.Path); ok {
			needs = append(needs, Need{Path: p, Line: line})
		}
	}
	return needs
}

// anyVersion accepts a version that is none, as a branch's name: the go command
// takes it too, until it next writes the file. The version itself is not used,
// but has to fit the path's major version.
func anyVersion(modPath, version string) (string, error) {
	_, major, ok := module.SplitPathVersion(modPath)
	if semver.IsValid(version) || !ok {
		return version, nil
	}
	if major == "" {
		return "v0.0.0", nil
	}
	return module.PathMajorPrefix(major) + ".0.0", nil
}

// goProblem is the first thing wrong in a go.mod or go.work file.
func goProblem(err error) error {
	var list modfile.ErrorList
	if !errors.As(err, &list) || len(list) == 0 {
		return problemf(1, "%v", err)
	}
	first := list[0]
	line := first.Pos.Line
	// What is wrong with a version is an Error within the Error.
	what := first.Err
	subject := goDirective(first)
	if inner := (*modfile.Error)(nil); errors.As(what, &inner) {
		subject, what = goDirective(*inner), inner.Err
	}
	more := ""
	if len(list) > 1 {
		more = fmt.Sprintf(" (and %d more)", len(list)-1)
	}
	return problemf(line, "%s%v%s", subject, what, more)
}

// goDirective is the part of a text that says which line of the file is meant.
func goDirective(e modfile.Error) string {
	switch {
	case e.ModPath != "":
		return e.Verb + " " + e.ModPath + ": "
	case e.Verb != "":
		return e.Verb + ": "
	}
	return ""
}
