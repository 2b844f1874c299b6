package web_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/dudesons/loktar/app/web"
	"github.com/dudesons/loktar/checks"
)

// What somebody has to look at is above what is well.
func TestRunPageShowsRedFirst(t *testing.T) {
	s := newSite(t)
	s.store.jobs = nil
	for name, outcome := range map[string]checks.Outcome{"good": checks.OutcomePassed, "bad": checks.OutcomeFailed, "ours": checks.OutcomeErrored, "none": checks.OutcomeHeldBack} {
		s.job(name, checks.StateDone)
		s.store.jobs[len(s.store.jobs)-1].Result.Outcome = outcome
	}
	s.job("busy", checks.StateRunning)
	s.job("wait", checks.StateQueued)
	_, body := s.get("/runs/" + runID)
	last := 0
	for _, name := range []string{"bad", "ours", "busy", "wait", "none", "good"} {
		at := strings.Index(body, `/`+name+`">`+name+`</a>`)
		if at < last {
			t.Errorf("%s is at %d, after %d", name, at, last)
		}
		last = at
	}
	contains(t, body, "1 failed, 1 could not be run, 1 running, 1 waiting, 1 not run, 1 passed.", "assets/loktar-busy.svg")
}

// The page of a red job says where it failed, and how to have that again.
func TestJobPageOfARedJob(t *testing.T) {
	s := newSite(t)
	s.store.finish("awesome_lib", checks.Result{Outcome: checks.OutcomeFailed, Findings: &checks.Findings{Log: "<b>no\nend", Cut: 2}})
	_, body := s.get(jobPath)
	contains(t, body, "assets/loktar-bad.svg", `data-copy="loktar run awesome_lib"`, "2 lines before this", "&lt;b&gt;no\nend</pre>", `<details class="part" open><summary><h2>Where it failed`)

	s.store.finish("awesome_lib", checks.Result{Outcome: checks.OutcomePassed, Reused: &checks.Proof{Run: "OLDRUN", Commit: "0123456789"}})
	_, body = s.get(jobPath)
	contains(t, body, "assets/loktar-good.svg", `<a href="../../runs/OLDRUN/awesome_lib">an earlier run</a>`)
	if strings.Contains(body, "data-copy") {
		t.Error("a green job is to be run again")
	}
}

func TestIcons(t *testing.T) {
	s := newSite(t)
	seen := map[string]string{}
	for _, class := range []string{"", "-good", "-bad", "-ours", "-busy", "-none"} {
		resp, body := s.get("/assets/loktar" + class + ".svg")
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "image/svg+xml" || seen[body] != "" {
			t.Errorf("the icon %q is %d, and that of %q", class, resp.StatusCode, seen[body])
		}
		seen[body] = "another"
	}
}

// broken are logs that the disk does not give.
type broken struct{}

func (broken) Open(string, string) (io.ReadSeekCloser, error) {
	return nil, errors.New("read /var/lib/loktar/x: input/output error")
}

func TestJobPageWhoseLogCannotBeRead(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.Logs = broken{} })
	s.store.finish("awesome_lib", checks.Result{Outcome: checks.OutcomeFailed, Detail: "It failed."})
	s.change(func(r *checks.Run) { r.Finished = time.Now() })
	resp, body := s.get(jobPath)
	if resp.StatusCode != http.StatusOK || strings.Contains(body, "/var/lib") {
		t.Errorf("%d\n%s", resp.StatusCode, body)
	}
	contains(t, body, "The log cannot be read, which is our fault.", "It failed.")
	if resp, _ := s.get(jobPath + "/log"); resp.StatusCode != http.StatusInternalServerError {
		t.Errorf("raw, it is %d", resp.StatusCode)
	}
}
