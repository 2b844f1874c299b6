package main

import (
	"html"
	"os"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// log NAME REGEXP: what the log of the concluded check NAME says.
func (w *world) log(ts *testscript.TestScript, neg bool, args []string) {
	c := w.find(args[0], "completed")
	status, text, err := w.fetch(strings.TrimPrefix(c.DetailsURL, w.url) + "/log")
	ts.Check(err)
	if status != 200 || regexp.MustCompile(args[1]).MatchString(text) == neg {
		ts.Fatalf("the log of %s (%d, match of %q is %v):\n%s", args[0], status, args[1], !neg, text)
	}
}

var filesOnPage = regexp.MustCompile(`href="[./]*(/runs/[^"]*/files/[^"]*)"`)

// download NAME FILE OUT: the page of the check run NAME links to FILE, as its
// summary does; what comes from there is put into OUT. With "!", the page has
// no such file, nor is there one at its address.
func (w *world) download(ts *testscript.TestScript, neg bool, args []string) {
	c := w.find(args[0], "completed")
	status, page, err := w.fetch(strings.TrimPrefix(c.DetailsURL, w.url))
	ts.Check(err)
	link := ""
	for _, m := range filesOnPage.FindAllStringSubmatch(strings.ReplaceAll(page, `href="../../`, `href="/`), -1) {
		if to := html.UnescapeString(m[1]); strings.HasSuffix(to, "/files/"+args[1]) {
			link = to
		}
	}
	switch {
	case neg && link == "":
		status, body, err := w.fetch(strings.TrimPrefix(c.DetailsURL, w.url) + "/files/" + args[1])
		ts.Check(err)
		if status != 404 {
			ts.Fatalf("%s is there: %d\n%s", args[1], status, body)
		}
		return
	case neg || link == "" || !strings.Contains(c.Summary, w.url+link+")"):
		ts.Fatalf("the page of %s (%d) links to %q; the summary is\n%s\n%s", args[0], status, link, c.Summary, page)
	}
	status, body, err := w.fetch(link)
	ts.Check(err)
	if status != 200 {
		ts.Fatalf("GET %s: %d\n%s", link, status, body)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(body), 0o600))
}
