package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/markdown"
)

const (
	// maxAnnotations is how many GitHub takes in one call.
	maxAnnotations = 50
	// maxListed bounds the lists of a summary, and maxPath the characters of
	// a path in it.
	maxListed = 100
	maxPath   = 300
	// maxMessage bounds the characters of a problem's message.
	maxMessage = 1000
)

func conflictVerdict(pr *checks.PullRequest, paths []string) checks.Verdict {
	base := "the base branch"
	if pr != nil && pr.Base.Branch != "" {
		base = markdown.Code(pr.Base.Branch)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Loktar tests the result of merging this branch into %s. Git cannot merge them, so nothing was run.\n\n", base)
	fmt.Fprintf(&b, "In conflict:\n\n")
	list(&b, paths, len(paths))
	fmt.Fprintf(&b, "\nMerge %s into your branch, resolve the conflicts and push. The push starts a new run.\n", base)
	return checks.Verdict{
		Conclusion: checks.ConclusionFailure,
		Title:      "Merge conflict in " + markdown.Count(len(paths), "file"),
		Summary:    markdown.Clip(b.String(), markdown.MaxText),
	}
}

// Example is a small loktar.json that is right as it stands: what it leaves
// out has a default.
const Example = `{
  "packages": [
    { "pkg_name": "awesome_lib", "pkg_dir": "libs/awesome_lib" },
    { "pkg_name": "pet_api", "pkg_dir": "services/pet_api", "depends_on": ["awesome_lib"] }
  ]
}
`

func noManifestVerdict(fork bool) checks.Verdict {
	if fork {
		return checks.Verdict{
			Conclusion: checks.ConclusionNeutral,
			Title:      "No loktar.json in the base branch",
			Summary: "Loktar tests the packages that a file named `loktar.json` lists. This pull request comes from a fork, so the file of the base branch counts. " +
				"There is none at its root, so nothing was run.\n",
		}
	}
	return checks.Verdict{
		Conclusion: checks.ConclusionNeutral,
		Title:      "No loktar.json in this repository",
		Summary: "Loktar tests the packages that a file named `loktar.json` lists. There is none at the root of this repository, so nothing was run.\n\n" +
			"To have packages tested, add the file to your branch. For example:\n\n```json\n" + Example + "```\n\n" +
			"`pkg_dir` is a package's folder. In that folder Loktar runs `make ci`, and then `make clean` whatever happened: its `Makefile` needs both targets. " +
			"A change to `awesome_lib` tests `pet_api` too, because it depends on it.\n",
	}
}

// problemsVerdict tells what is wrong in loktar.json. That of a fork is the
// base's: its lines are not those of the pull request's file.
func problemsVerdict(problems []checks.Problem, fork bool) checks.Verdict {
	problems = slices.Clone(problems)
	slices.SortStableFunc(problems, func(a, b checks.Problem) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	v := checks.Verdict{
		Conclusion: checks.ConclusionFailure,
		Title:      checks.ManifestFile + " has " + markdown.Count(len(problems), "problem"),
	}
	var b strings.Builder
	if fork {
		b.WriteString("This pull request comes from a fork, so `loktar.json` of the base branch counts. Nothing was run, because that file cannot be used with the files of this pull request.\n\n")
	} else {
		b.WriteString("Nothing was run, because `loktar.json` cannot be used as it is.\n\n")
	}
	for i, p := range problems {
		if i == maxListed {
			fmt.Fprintf(&b, "- and %s\n", markdown.Count(len(problems)-i, "more problem"))
			break
		}
		line, column := max(p.Line, 1), max(p.Column, 1)
		fmt.Fprintf(&b, "- `%s:%d:%d` ", checks.ManifestFile, line, column)
		if p.Path != "" {
			b.WriteString(markdown.Code(markdown.Plain(p.Path, maxPath)) + ": ")
		}
		message := markdown.Plain(p.Message, maxMessage)
		b.WriteString(markdown.Text(message) + "\n")
		if i < maxAnnotations && !fork {
			v.Annotations = append(v.Annotations, checks.Annotation{
				Path: checks.ManifestFile, StartLine: line, EndLine: line, StartColumn: column, EndColumn: column,
				Level: "failure", Title: markdown.Plain(p.Path, 200), Message: message,
			})
		}
	}
	switch {
	case fork:
		b.WriteString("\n**For a maintainer:** correct the file in the base branch, then press Re-run. When the pull request means to change the file, push its branch to this repository and open a pull request from there.\n")
	case len(problems) > maxAnnotations:
		fmt.Fprintf(&b, "\nThe first %d are also shown at their lines.\n", maxAnnotations)
		fallthrough
	default:
		b.WriteString("\nCorrect the file and push. `loktar lint` shows the same list on your machine.\n")
	}
	v.Summary = markdown.Clip(b.String(), markdown.MaxText)
	return v
}

func unaffectedVerdict(p checks.Plan, ch checks.Change, fork bool) checks.Verdict {
	var b strings.Builder
	switch {
	case len(ch.Manifest.Packages) == 0:
		b.WriteString("`loktar.json` lists no package, so nothing was run.\n")
	case len(ch.Files) == 0:
		b.WriteString("This change touches no file, so nothing was run.\n")
	default:
		fmt.Fprintf(&b, "This change touches %s and affects no package that `loktar.json` lists (%d in all), so nothing was run.\n",
			markdown.Count(len(ch.Files), "file"), len(ch.Manifest.Packages))
	}
	if slices.Contains(ch.Files, checks.ManifestFile) && !fork {
		b.WriteString("\n`loktar.json` changed, but every package's entry still means the same.\n")
	}
	if p.UnownedCount > 0 {
		fmt.Fprintf(&b, "\n%s that no package owns or names in `inputs`:\n\n", markdown.Count(p.UnownedCount, "changed file"))
		list(&b, p.Unowned, p.UnownedCount)
	}
	if p.Ignored > 0 {
		fmt.Fprintf(&b, "\n`ignore` in `loktar.json` leaves out %s.\n", markdown.Count(p.Ignored, "changed file"))
	}
	if len(p.Warnings) > 0 {
		b.WriteString("\nPlease look at:\n\n")
		for _, w := range p.Warnings {
			b.WriteString("- " + markdown.Text(w) + "\n")
		}
	}
	return checks.Verdict{
		Conclusion: checks.ConclusionSuccess,
		Title:      "No package is affected",
		Summary:    markdown.Clip(b.String(), markdown.MaxText),
	}
}

// list writes paths as a list, of which there are total in all.
func list(b *strings.Builder, paths []string, total int) {
	shown := min(len(paths), maxListed)
	for _, p := range paths[:shown] {
		b.WriteString("- " + markdown.Code(shorten(p)) + "\n")
	}
	if total > shown {
		fmt.Fprintf(b, "- and %s\n", markdown.Count(total-shown, "more file"))
	}
}

// shorten leaves the middle out of a long path.
func shorten(p string) string {
	r := []rune(p)
	if len(r) <= maxPath {
		return p
	}
	return string(r[:maxPath/2]) + "…" + string(r[len(r)-maxPath/2:])
}
