package main

import (
	"regexp"
	"slices"

	"github.com/rogpeppe/go-internal/testscript"
)

// tagged NAME: the head bears the tag; with ! there is no such tag.
func (w *world) tagged(ts *testscript.TestScript, neg bool, args []string) {
	at, err := w.repos.TagAt(w.t.Context(), args[0])
	ts.Check(err)
	if neg && at != "" || !neg && at != w.head {
		ts.Fatalf("tag %s is at %q, the head is %s", args[0], at, w.head)
	}
}

// notes TAG REGEXP: what the release of a tag says.
func (w *world) notes(ts *testscript.TestScript, neg bool, args []string) {
	for _, r := range w.hub.Releases(w.name) {
		if r.Tag == args[0] {
			if regexp.MustCompile(args[1]).MatchString(r.Body) == neg {
				ts.Fatalf("the notes of %s (match of %q is %v):\n%s", args[0], args[1], !neg, r.Body)
			}
			return
		}
	}
	ts.Fatalf("there is no release %s", args[0])
}

// released TAG...: these tags have a release each, in this order, and no other.
func (w *world) released(ts *testscript.TestScript, _ bool, args []string) {
	var got []string
	for _, r := range w.hub.Releases(w.name) {
		got = append(got, r.Tag)
		if r.Latest {
			ts.Fatalf("%s is the latest release of the whole repository", r.Tag)
		}
	}
	if !slices.Equal(got, args) {
		ts.Fatalf("the releases are of %q, want %q", got, args)
	}
}
