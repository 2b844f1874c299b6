package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dudesons/loktar/app"
)

// question are the flags of the commands that look at a local repository.
type question struct{ app.LocalOptions }

const aboutBase = `Without --base it is compared with where the head left the default branch, as
origin has it (origin/HEAD, origin/main, origin/master; without a remote main or
master). In GitHub Actions it is the base of the pull request or merge group, or
what the branch was at before the push. Work that is not committed counts only
with --uncommitted.`

func (q *question) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&q.Base, "base", "", "compare with where the head left `REF`")
	f.StringVar(&q.Head, "head", "", "look at the commit `REF` (default HEAD)")
	f.BoolVar(&q.Uncommitted, "uncommitted", false, "count what is in the working tree and not committed too")
	f.BoolVar(&q.Merge, "merge", false, "merge the head into the base first, as the server tests a pull request")
	for _, name := range []string{"base", "head"} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions)
	}
	// A script whose variable is empty does not mean the default.
	cmd.PreRunE = func(*cobra.Command, []string) error {
		for name, value := range map[string]string{"base": q.Base, "head": q.Head} {
			if value == "" && f.Changed(name) {
				return misused("--%s is empty; name a branch, a tag or a commit, or leave it away", name)
			}
		}
		return nil
	}
}

// options are what the flags say.
func (q *question) options() (app.LocalOptions, error) {
	o := q.LocalOptions
	switch {
	case o.Uncommitted && o.Head != "":
		return o, misused("--uncommitted looks at the working tree, --head at a commit; leave one of them away")
	case o.Uncommitted && o.Merge:
		return o, misused("--merge merges commits, and --uncommitted is none; leave one of them away")
	}
	o.Getenv = os.Getenv
	// Without a folder for it nothing is kept.
	o.CacheDir, _ = os.UserCacheDir()
	return o, nil
}

// format is a flag that takes one of some words.
func format(cmd *cobra.Command, into *string, words ...string) {
	cmd.Flags().StringVarP(into, "format", "f", words[0], "the `FORMAT`: "+either(words))
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
	before := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !slices.Contains(words, *into) {
			return misused("%q is no format; write %s", *into, either(words))
		}
		return before(cmd, args)
	}
}

// either is "a, b or c".
func either(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// printJSON prints a value, indented.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// remark tells the person something that is not part of the answer.
func remark(format string, args ...any) {
	fmt.Fprintln(os.Stderr, printable(fmt.Sprintf(format, args...)))
}

// remarks are what is to be said of every comparison.
func remarks(notice, everything string) {
	if notice != "" {
		remark("%s", notice)
	}
	if everything != "" {
		remark("It is not known what changed, so everything counts as affected: %s.", everything)
	}
}

func short(sha string) string { return sha[:min(len(sha), 12)] }

// noArguments completes nothing.
func noArguments(cmd *cobra.Command) {
	cmd.Args, cmd.ValidArgsFunction = cobra.NoArgs, cobra.NoFileCompletions
}
