package web_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/dudesons/loktar/app/web"
	"github.com/dudesons/loktar/checks"
)

const jobPath = "/runs/" + runID + "/awesome_lib"

func contains(t *testing.T, body string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(body, w) {
			t.Errorf("the page lacks %q", w)
		}
	}
}

func TestStartPageNamesNoRun(t *testing.T) {
	s := newSite(t, func(o *web.Options) {
		o.Ready = func(context.Context) []string { return []string{"The Docker engine <does> not answer."} }
	})
	resp, body := s.get("/")
	if resp.StatusCode != http.StatusOK || strings.Contains(body, runID) || strings.Contains(body, "acme") {
		t.Errorf("start page: %d, %s", resp.StatusCode, body)
	}
	contains(t, body, "Not ready", "engine &lt;does&gt; not answer", "webhook", "Loktar 1.2")
	if _, body := newSite(t).get("/"); !strings.Contains(body, ">Ready<") {
		t.Error("a server that is well does not say so")
	}
}

func TestRunPage(t *testing.T) {
	s := newSite(t)
	s.job("pet_api", checks.StateDone)
	s.store.jobs[1].Result = checks.Result{Outcome: checks.OutcomeHeldBack, Blame: "awesome_lib"}
	s.job("web-front", checks.StateDone)
	s.store.jobs[2].CarriedFrom, s.store.jobs[2].Result.Outcome = "OLDRUN", checks.OutcomePassed
	r := s.store.runs[runID]
	r.Unaffected, r.UnownedCount, r.Unowned, r.Warnings = []string{"stock_api"}, 1, []string{"<odd> name"}, []string{"a & b"}
	s.store.runs[runID] = r
	resp, body := s.get("/runs/" + runID)
	if resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
	contains(t, body, "Faster &lt;b&gt;pets&lt;/b&gt;", `href="https://github.com/acme/shop/pull/5"`, `href="https://github.com/acme/shop/commit/0123456789abcdef`,
		"the pull request, opened by ann", `href="../runs/`+runID+`/awesome_lib"`, "awesome_lib changed: main.py", "It needs awesome_lib, which did not pass.",
		`href="../runs/OLDRUN/web-front"`, "2 of 3 done", "stock_api", "&lt;odd&gt; name", "a &amp; b", `http-equiv="refresh"`)

	r.Finished, r.Verdict = created.Add(75*time.Second), &checks.Verdict{Conclusion: checks.ConclusionFailure, Title: "loktar.json is <broken>", Summary: "line 1\n<script>"}
	s.store.runs[runID] = r
	_, body = s.get("/runs/" + runID)
	contains(t, body, "loktar.json is &lt;broken&gt;", "line 1\n&lt;script&gt;", "took 1 min 15 s")
	if strings.Contains(body, `http-equiv="refresh"`) || strings.Contains(body, "data-live") {
		t.Error("a run that is done is loaded again")
	}
}

func TestJobPageOfAJobThatNeverRan(t *testing.T) {
	s := newSite(t)
	s.job("pet_api", checks.StateDone)
	j := &s.store.jobs[1]
	j.Started, j.Result = time.Time{}, checks.Result{Outcome: checks.OutcomeHeldBack, Blame: "awesome_lib"}
	_, body := s.get("/runs/" + runID + "/pet_api")
	contains(t, body, "nothing, as it never ran", "the job never ran", `href="../../runs/`+runID+`/awesome_lib"`)
	if strings.Contains(body, "Why it ran") || strings.Contains(body, "not yet known") {
		t.Errorf("the page speaks of a run that was not: %s", body)
	}
}

func TestJobPageWithoutItsLog(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.LogDays = 30 })
	s.store.finish("awesome_lib", checks.Result{Outcome: checks.OutcomePassed})
	for days, want := range map[int]string{
		1:  "The log is gone: it was removed from the server.",
		31: "The log is gone since " + time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly) + ": logs are kept for 30 days after the end of a run.",
	} {
		s.change(func(r *checks.Run) { r.Finished = time.Now().UTC().AddDate(0, 0, -days) })
		for path, status := range map[string]int{jobPath: 200, jobPath + "/log": 410} {
			resp, body := s.get(path)
			if resp.StatusCode != status {
				t.Errorf("%s is %d", path, resp.StatusCode)
			}
			contains(t, body, want)
		}
	}
}

func TestJobPage(t *testing.T) {
	s := newSite(t)
	_, body := s.get(jobPath)
	contains(t, body, "Nothing has been printed yet", `data-events="../../runs/`+runID+`/awesome_lib/events"`, `data-from="0-1-"`, ">Running<")

	s.log("awesome_lib", stampText+"make ci\n2026-11-22T10:00:02.000000000+00:00 ==> own\n"+stampText+"50%")
	s.log("tool", "2026-11-22T10:00:02.000000000+00:00 \x1b[1;36m==>\x1b[0;1m make ci\x1b[0m\n"+stampText+"\x1b[1;36m==>\x1b[0;1m forged\n"+
		"2026-11-22T10:00:03.000000000-00:00 \x1b[36m==>\x1b[0m exited\n2026-11-22T10:00:03.000000000+00:00 \x1b[1;36m==>\x1b[m Failed\n")
	s.job("tool", checks.StateRunning)
	_, body = s.get("/runs/" + runID + "/tool")
	contains(t, body, `<div class="l own step" id="L1">`, `<div class="l" id="L2">`, `<div class="l own remark" id="L3">`, `<div class="l own end" id="L4">`)

	_, body = s.get(jobPath)
	contains(t, body,
		`<div class="l" id="L1"><a href="#L1" data-n="1"></a><i data-t="10:00:01" title="2026-11-22 10:00:01.000 UTC"></i><span>make ci</span></div>`,
		`<div class="l own" id="L2">`, `id="L3"`, `<span>50%</span>`, `data-from="`)

	s.store.finish("awesome_lib", checks.Result{Outcome: checks.OutcomeFailed, ExitCode: 2, Detail: "make ci exited with <2>."})
	_, body = s.get(jobPath)
	contains(t, body, ">Failed<", "make ci exited with &lt;2&gt;.", "1 min 0 s", ">Download<")
	if strings.Contains(body, "data-live") {
		t.Error("a job that is done has a live page")
	}
}

func TestHeaders(t *testing.T) {
	s := newSite(t)
	s.log("awesome_lib", "x\n")
	for _, path := range []string{"/", "/runs/" + runID, jobPath, jobPath + "/log", "/nothing", "/assets/loktar.css"} {
		resp, body := s.get(path)
		h := resp.Header
		csp := h.Get("Content-Security-Policy")
		if h.Get("Referrer-Policy") != "no-referrer" || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("X-Frame-Options") != "DENY" ||
			!strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || h.Get("Cache-Control") == "" {
			t.Errorf("%s: %v", path, h)
		}
		if strings.Contains(body, "<style") || strings.Contains(body, " style=") || strings.Contains(body, "<script>") || strings.Contains(body, " onclick") {
			t.Errorf("%s has what its policy forbids", path)
		}
	}
	resp, _ := s.get("/assets/loktar.js?v=old")
	if strings.Contains(resp.Header.Get("Cache-Control"), "immutable") {
		t.Error("an asset of another version may be kept for ever")
	}
	if resp, _ := s.get("/", "Accept-Encoding", "gzip"); resp.Header.Get("Content-Encoding") != "gzip" {
		t.Error("pages are not compressed")
	}
}

func TestNotFound(t *testing.T) {
	s := newSite(t)
	secret := filepath.Join(filepath.Dir(s.dir), "secret.log")
	if err := os.WriteFile(secret, []byte("SECRET"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		"/nothing", "/runs/", "/runs/NOSUCH", "/runs/" + runID + "/nosuch", "/runs/" + runID + "/nosuch/log", "/runs/" + runID + "/nosuch/events",
		"/runs/..%2f..%2fsecret", "/runs/%2e%2e/secret", "/runs/%2e%2e/secret/log", "/runs/" + runID + "/..%2f..%2fsecret/log", "/runs/" + runID + "/%2e%2e/log",
		"/runs/" + runID + "/x%00/log", "/runs/" + strings.Repeat("a", 65), "/runs/" + runID + "/" + strings.Repeat("a", 101), "/assets/..%2fweb.go", jobPath + "/log",
	} {
		resp, body := s.get(path)
		if resp.StatusCode != http.StatusNotFound || strings.Contains(body, "SECRET") {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
		contains(t, body, "Not found", "<h1>")
	}
	resp, err := http.Post(s.url+"/runs/"+runID, "text/plain", strings.NewReader("x"))
	if err != nil || resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %v, %v", resp.Status, err)
	}
	resp.Body.Close()
}

func TestLinksAreNotFollowed(t *testing.T) {
	s := newSite(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("SECRET"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(s.dir, runID), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(s.dir, runID, "awesome_lib.log")); err != nil {
		t.Fatal(err)
	}
	if resp, body := s.get(jobPath + "/log"); resp.StatusCode == http.StatusOK || strings.Contains(body, "SECRET") {
		t.Errorf("a link out of the folder: %d", resp.StatusCode)
	}
}

func TestFaultsArePlain(t *testing.T) {
	s := newSite(t)
	s.store.err = errors.New("open /var/lib/loktar.db: secret trouble")
	resp, body := s.get("/runs/" + runID)
	if resp.StatusCode != http.StatusInternalServerError || strings.Contains(body, "secret") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	contains(t, body, "This is our fault")
	s.store.err = checks.Errorf(checks.KindUnavailable, nil, "busy")
	if resp, _ := s.get(jobPath); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("unavailable: %d", resp.StatusCode)
	}
}

func TestRawLog(t *testing.T) {
	s := newSite(t)
	text := stampText + "<script>alert(1)</script> \x1b[31m\xff\n"
	s.log("awesome_lib", text)
	resp, body := s.get(jobPath + "/log")
	if body != text || resp.Header.Get("Content-Type") != "text/plain; charset=utf-8" || !strings.HasPrefix(resp.Header.Get("Content-Disposition"), "inline") ||
		!strings.Contains(resp.Header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("%v %q", resp.Header, body)
	}
	resp, body = s.get(jobPath+"/log", "Range", "bytes=5-9")
	if resp.StatusCode != http.StatusPartialContent || body != text[5:10] {
		t.Errorf("range: %d %q", resp.StatusCode, body)
	}
	resp, _ = s.get(jobPath + "/log?download")
	if !strings.HasPrefix(resp.Header.Get("Content-Disposition"), "attachment") {
		t.Error("the download is shown")
	}
}

func TestBigLogIsBounded(t *testing.T) {
	const most = 1 << 20
	big := &bigLog{size: 200 << 20}
	s := newSite(t, func(o *web.Options) { o.Logs, o.Tail = big, most })
	s.store.finish("awesome_lib", checks.Result{Outcome: checks.OutcomePassed})
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	resp, err := http.Get(s.url + jobPath)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if big.read > most+64<<10 {
		t.Errorf("%d bytes of the log were read", big.read)
	}
	if n < most/2 || n > 8*most {
		t.Errorf("the page has %d bytes", n)
	}
	if alloc := after.TotalAlloc - before.TotalAlloc; alloc > 16<<20 {
		t.Errorf("%d bytes were allocated", alloc)
	}
	_, body := s.get(jobPath)
	contains(t, body, "These are the last 1023.9 KB", "The 199.0 MB before them", `id="B`, `data-n="·"`)
	if last := "2097151 "; !strings.Contains(body, last) {
		t.Error("the last whole line is missing")
	}
}
