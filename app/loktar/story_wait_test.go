package main

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/dudesons/loktar/app/minihub"
)

// waits NAME TITLE [SUMMARY]: the newest check run NAME is not concluded, and
// comes to have a title and a summary that match the regular expressions.
func (w *world) waits(ts *testscript.TestScript, _ bool, args []string) {
	title, summary := regexp.MustCompile(args[1]), regexp.MustCompile("")
	if len(args) > 2 {
		summary = regexp.MustCompile(args[2])
	}
	w.hub.Await(fmt.Sprintf("check %s to wait", args[0]), func(v *minihub.View) bool {
		c, ok := v.CheckRun(w.name, w.head, args[0])
		return ok && !slices.Contains(w.past, c.ID) && c.Conclusion == "" && title.MatchString(c.Title) && summary.MatchString(c.Summary)
	})
}

// corner is a repository with what is looked at in it.
type corner struct {
	repos      *minihub.Repo
	name, head string
	number     int
	past       []int64
}

// swap looks at what was set aside, and sets aside what was looked at: the
// first time that is nothing.
func (w *world) swap(*testscript.TestScript, bool, []string) {
	now := corner{w.repos, w.name, w.head, w.number, w.past}
	w.repos, w.name, w.head, w.number, w.past = w.aside.repos, w.aside.name, w.aside.head, w.aside.number, w.aside.past
	w.aside = now
}
