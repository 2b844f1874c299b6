package main

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
	"github.com/dudesons/loktar/checks/markdown"
)

// up [STATUS]: wait until /readyz answers STATUS (200).
func (w *world) up(ts *testscript.TestScript, _ bool, args []string) {
	want := "200"
	if len(args) > 0 {
		want = args[0]
	}
	w.until(ts, "/readyz to answer "+want, func() bool {
		status, _, err := w.fetch("/readyz")
		return err == nil && strconv.Itoa(status) == want
	})
}

func (w *world) fetch(path string) (int, string, error) {
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.url+path, nil)
	if err != nil {
		return 0, "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, string(b), err
}

// until polls what has no event to wait for.
func (w *world) until(ts *testscript.TestScript, what string, cond func() bool) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(minihubtest.Patience); !cond(); {
		select {
		case <-tick.C:
		case <-deadline:
			ts.Fatalf("%s: not within %s", what, minihubtest.Patience)
		}
	}
}

// find waits until the newest check run NAME of the head is concluded, or is
// in the status that want names.
func (w *world) find(name, want string) (run minihub.CheckRun) {
	w.hub.Await(fmt.Sprintf("check %s to be %s", name, want), func(v *minihub.View) bool {
		c, ok := v.CheckRun(w.name, w.head, name)
		run = c
		return ok && !slices.Contains(w.past, c.ID) && (c.Conclusion != "" || c.Status == want)
	})
	return run
}

// check NAME CONCLUSION [TITLE]: the newest check run NAME concludes so, with
// a title that matches the regular expression.
func (w *world) check(ts *testscript.TestScript, _ bool, args []string) {
	c := w.find(args[0], args[1])
	if got := c.Conclusion + c.Status; !strings.HasPrefix(got, args[1]) && c.Status != args[1] {
		ts.Fatalf("%s is %s %s (%s), want %s\n%s", args[0], c.Status, c.Conclusion, c.Title, args[1], c.Summary)
	}
	if len(args) > 2 && !regexp.MustCompile(args[2]).MatchString(c.Title) {
		ts.Fatalf("%s has the title %q, want %q", args[0], c.Title, args[2])
	}
}

// summary NAME REGEXP: what the concluded check's summary says.
func (w *world) summary(ts *testscript.TestScript, neg bool, args []string) {
	c := w.find(args[0], "completed")
	if regexp.MustCompile(args[1]).MatchString(c.Summary) == neg {
		ts.Fatalf("the summary of %s (match of %q is %v):\n%s", args[0], args[1], !neg, c.Summary)
	}
}

// annotation NAME PATH:LINE REGEXP: a remark on a line.
func (w *world) annotation(ts *testscript.TestScript, _ bool, args []string) {
	c := w.find(args[0], "completed")
	for _, a := range c.Annotations {
		if fmt.Sprintf("%s:%d", a.Path, a.StartLine) == args[1] && regexp.MustCompile(args[2]).MatchString(a.Message) {
			return
		}
	}
	ts.Fatalf("no such annotation: %+v", c.Annotations)
}

// annotations NAME N: the concluded check comes to have so many.
func (w *world) annotations(_ *testscript.TestScript, _ bool, args []string) {
	id := w.find(args[0], "completed").ID
	w.hub.Await(args[1]+" annotations of "+args[0], func(v *minihub.View) bool {
		c, ok := v.CheckRun(w.name, w.head, args[0])
		return ok && c.ID == id && strconv.Itoa(len(c.Annotations)) == args[1]
	})
}

// text NAME REGEXP: what the concluded check's text says, below its summary.
func (w *world) text(ts *testscript.TestScript, neg bool, args []string) {
	c := w.find(args[0], "completed")
	if regexp.MustCompile(args[1]).MatchString(c.Text) == neg {
		ts.Fatalf("the text of %s (match of %q is %v):\n%s", args[0], args[1], !neg, c.Text)
	}
}

// nocheck NAME...: the run is concluded and has no such check.
func (w *world) nocheck(ts *testscript.TestScript, _ bool, args []string) {
	w.find("loktar", "completed")
	for _, c := range w.hub.CheckRuns(w.name, w.head) {
		if slices.Contains(args, c.Name) {
			ts.Fatalf("there is a check %s: %s", c.Name, c.Title)
		}
	}
}

// track BRANCH: its tip is what the next commands look at.
func (w *world) track(ts *testscript.TestScript, _ bool, args []string) {
	head, err := w.repos.Tip(w.t.Context(), args[0])
	ts.Check(err)
	w.head = head
}

// affected NAME...: the run is of these packages and no others, and each of
// them has a check.
func (w *world) affected(ts *testscript.TestScript, _ bool, args []string) {
	c := w.find("loktar", "completed")
	if want := "^" + markdown.Count(len(args), "package") + " passed"; !regexp.MustCompile(want).MatchString(c.Title) {
		ts.Fatalf("loktar is %s, %q; want %q of %v\n%s", c.Conclusion, c.Title, want, args, c.Summary)
	}
	w.owned(ts, false, args)
}

// owned NAME...: the run has a check of each of these packages.
func (w *world) owned(_ *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		w.find(name, "completed")
	}
}

// count NAME N: the head comes to have N check runs of that name.
func (w *world) count(_ *testscript.TestScript, _ bool, args []string) {
	w.hub.Await(args[1]+" check runs "+args[0], func(v *minihub.View) bool {
		n := 0
		for _, c := range v.CheckRuns(w.name, w.head) {
			if c.Name == args[0] {
				n++
			}
		}
		return strconv.Itoa(n) == args[1]
	})
}

// get PATH STATUS [REGEXP]: a page of the server. PATH may be @NAME: the
// details_url of the check run NAME; @NAME/log is its log.
func (w *world) get(ts *testscript.TestScript, neg bool, args []string) {
	path := args[0]
	if name, ok := strings.CutPrefix(path, "@"); ok {
		name, log := strings.CutSuffix(name, "/log")
		name, service, ofService := strings.Cut(name, "/services/")
		c := w.find(name, "completed")
		path = strings.TrimPrefix(c.DetailsURL, w.url)
		if ofService {
			path += "/services/" + service
		}
		if log {
			path += "/log"
		}
	}
	status, body, err := w.fetch(path)
	ts.Check(err)
	if strconv.Itoa(status) != args[1] {
		ts.Fatalf("GET %s: %d, want %s\n%s", path, status, args[1], body)
	}
	if len(args) > 2 && regexp.MustCompile(args[2]).MatchString(body) == neg {
		ts.Fatalf("GET %s (match of %q is %v):\n%s", path, args[2], !neg, body)
	}
}

// deliver FILE STATUS [HEADER=VALUE...]: POST a body to /webhook as it is.
func (w *world) deliver(ts *testscript.TestScript, _ bool, args []string) {
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.url+"/webhook", strings.NewReader(ts.ReadFile(args[0])))
	ts.Check(err)
	req.Header.Set("Content-Type", "application/json")
	for _, h := range args[2:] {
		k, v, _ := strings.Cut(h, "=")
		req.Header.Set(k, v)
	}
	res, err := http.DefaultClient.Do(req)
	ts.Check(err)
	res.Body.Close()
	if strconv.Itoa(res.StatusCode) != args[1] {
		ts.Fatalf("POST /webhook: %d, want %s", res.StatusCode, args[1])
	}
}

// hub down|up: GitHub's REST API answers 502, or as always.
func (w *world) outage(ts *testscript.TestScript, _ bool, args []string) {
	switch args[0] {
	case "down":
		w.dark.Store(true)
	case "up":
		w.dark.Store(false)
	default:
		ts.Fatalf("usage: hub down|up")
	}
}

func (w *world) intercept(rw http.ResponseWriter, r *http.Request) bool {
	if !w.dark.Load() || !strings.HasPrefix(r.URL.Path, "/api/") {
		return false
	}
	rw.WriteHeader(http.StatusBadGateway)
	return true
}

// delivered EVENT.ACTION: the server answered such a delivery with 2xx.
func (w *world) delivered(ts *testscript.TestScript, _ bool, args []string) {
	w.hub.Await("delivery "+args[0], func(v *minihub.View) bool {
		for _, d := range v.Deliveries() {
			if d.Event+"."+d.Action == args[0] && d.Status == "OK" {
				return true
			}
		}
		return false
	})
}

// newest is the newest check run NAME of the head.
func (w *world) newest(name string) (run minihub.CheckRun, ok bool) {
	w.hub.Read(func(v *minihub.View) { run, ok = v.CheckRun(w.name, w.head, name) })
	return run, ok
}

// buttons [ACTION...]: the newest aggregate check comes to have exactly these
// buttons.
func (w *world) buttons(_ *testscript.TestScript, _ bool, args []string) {
	w.hub.Await(fmt.Sprintf("the buttons %q", args), func(v *minihub.View) bool {
		c, ok := v.CheckRun(w.name, w.head, "loktar")
		if !ok || slices.Contains(w.past, c.ID) || len(c.Actions) != len(args) {
			return false
		}
		for i, a := range c.Actions {
			if a.Identifier != args[i] {
				return false
			}
		}
		return true
	})
}

// answered REACTION REGEXP: the last comment got this reaction from us and,
// after it, one comment that matches.
func (w *world) answered(ts *testscript.TestScript, _ bool, args []string) {
	var after []minihub.Comment
	w.hub.Await("an answer", func(v *minihub.View) bool {
		reacted := false
		after = nil
		for _, c := range v.Comments(w.name, w.number) {
			if c.ID == w.said {
				reacted = len(c.Reactions[args[0]]) == 1
			}
			if c.ID > w.said {
				after = append(after, c)
			}
		}
		return reacted && len(after) > 0
	})
	if len(after) != 1 || after[0].Author != "loktar[bot]" || !regexp.MustCompile(args[1]).MatchString(after[0].Body) {
		ts.Fatalf("answers: %+v; want one that matches %q", after, args[1])
	}
}

// refused REACTION: the last comment got this reaction from us, and no words.
func (w *world) refused(ts *testscript.TestScript, _ bool, args []string) {
	w.hub.Await("a reaction", func(v *minihub.View) bool {
		for _, c := range v.Comments(w.name, w.number) {
			if c.ID == w.said {
				return len(c.Reactions[args[0]]) == 1
			}
		}
		return false
	})
	for _, c := range w.hub.Comments(w.name, w.number) {
		if c.ID > w.said {
			ts.Fatalf("it was answered with %+v", c)
		}
	}
}

// comments N: the pull request has N comments.
func (w *world) comments(ts *testscript.TestScript, _ bool, args []string) {
	if n := len(w.hub.Comments(w.name, w.number)); strconv.Itoa(n) != args[0] {
		ts.Fatalf("%d comments: %+v", n, w.hub.Comments(w.name, w.number))
	}
}

// blocked [REGEXP...]: what keeps the pull request from being merged comes to
// be exactly this.
func (w *world) blocked(ts *testscript.TestScript, _ bool, args []string) {
	w.until(ts, fmt.Sprintf("the blockers %q", args), func() bool {
		got := w.repos.MergeBlockers(w.number)
		if len(got) != len(args) {
			return false
		}
		for i, b := range got {
			if !regexp.MustCompile(args[i]).MatchString(b) {
				return false
			}
		}
		return true
	})
}

// nothing: the head has no check run of ours.
func (w *world) nothing(ts *testscript.TestScript, _ bool, _ []string) {
	if runs := w.hub.CheckRuns(w.name, w.head); len(runs) > 0 {
		ts.Fatalf("there are check runs: %+v", runs)
	}
}

// neutral NAME: an older check run NAME of the head became neutral, and none
// is skipped.
func (w *world) neutral(_ *testscript.TestScript, _ bool, args []string) {
	w.hub.Await("neutral "+args[0], func(v *minihub.View) bool {
		found := false
		for _, c := range v.CheckRuns(w.name, w.head) {
			if c.Name == args[0] && c.Conclusion == "skipped" {
				return false
			}
			found = found || c.Name == args[0] && c.Conclusion == "neutral"
		}
		return found
	})
}
