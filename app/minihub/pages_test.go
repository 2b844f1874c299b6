package minihub_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
)

const hostile = `<script>alert(1)</script><img src=x onerror=alert(2)>`

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if csp := resp.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") {
		t.Errorf("%s: Content-Security-Policy is %q", url, csp)
	}
	return resp.StatusCode, string(b)
}

func post(t *testing.T, address, origin string, form url.Values) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", origin)
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// pageFixture is a pull request with one check of each conclusion.
func pageFixture(t *testing.T, conclusions ...string) (*minihubtest.Hub, []minihub.CheckRun) {
	h := minihubtest.Start(t)
	repo := h.Repo("acme", "mono", map[string]string{"a": "1"})
	sha := h.Commit(repo, minihub.Commit{Branch: "topic", From: "main", Files: map[string]string{"a": "2"}, Message: "Subject " + hostile})
	h.Open(repo, minihub.NewPull{Head: "topic", Title: "Title " + hostile, Body: hostile})
	c, start := h.Client("acme"), time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	for _, conclusion := range conclusions {
		o := github.CreateCheckRunOptions{Name: "check-" + conclusion, HeadSHA: sha, StartedAt: &github.Timestamp{Time: start},
			DetailsURL: github.String("http://127.0.0.1/log/" + conclusion),
			Output: &github.CheckRunOutput{Title: github.String("It is " + conclusion), Summary: github.String("| a | b |\n| --- | --- |\n| **bold** | [x](javascript:alert(3)) |\n\n" + hostile),
				Annotations: []*github.CheckRunAnnotation{{Path: github.String("a"), StartLine: github.Int(1), EndLine: github.Int(2),
					AnnotationLevel: github.String("warning"), Message: github.String(hostile), RawDetails: github.String("raw")}}},
			Actions: []*github.CheckRunAction{{Label: "Fix", Description: "Fix it", Identifier: "fix"}}}
		switch conclusion {
		case "queued", "in_progress":
			o.Status = &conclusion
		default:
			o.Conclusion, o.CompletedAt = &conclusion, &github.Timestamp{Time: start.Add(65 * time.Second)}
		}
		if _, _, err := c.Checks.CreateCheckRun(t.Context(), "acme", "mono", o); err != nil {
			t.Fatal(err)
		}
	}
	return h, h.CheckRuns("acme/mono", sha)
}

func clean(t *testing.T, page string) {
	t.Helper()
	for _, bad := range []string{"<script>alert", "<img src=x", "javascript:alert"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
}

func TestPullPage(t *testing.T) {
	for _, c := range []struct {
		name        string
		conclusions string
		want        []string
	}{
		{"none", "", []string{"No checks yet"}},
		{"passed", "success neutral skipped", []string{"All checks have passed", "1 neutral, 1 skipped, 1 successful checks", "Successful in 1m 5s", "Re-run all checks"}},
		{"failed", "success failure timed_out cancelled", []string{"Some checks were not successful", "2 failing, 1 cancelled, 1 successful checks", "Failing after 1m 5s",
			"Timed out after", "It is failure", `href="http://127.0.0.1/log/failure"`}},
		{"all failed", "failure", []string{"All checks have failed", "1 failing check<"}},
		{"running", "success queued in_progress", []string{"Some checks haven&#39;t completed yet|Some checks haven't completed yet", "1 in progress, 1 queued, 1 successful checks"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, _ := pageFixture(t, strings.Fields(c.conclusions)...)
			status, page := get(t, h.URL()+"/acme/mono/pull/1")
			if status != 200 {
				t.Fatalf("status %d", status)
			}
			clean(t, page)
			for _, want := range c.want {
				found := false
				for alt := range strings.SplitSeq(want, "|") {
					found = found || strings.Contains(page, alt)
				}
				if !found {
					t.Errorf("the page does not say %q", want)
				}
			}
		})
	}
}

func TestOtherPages(t *testing.T) {
	h, runs := pageFixture(t, "failure")
	run := runURL(h, runs[0])
	for path, want := range map[string]string{
		h.URL() + "/":                    "acme/mono",
		h.URL() + "/acme/mono":           "git clone " + h.URL() + "/acme/mono.git",
		run:                              "<td><strong>bold</strong></td>",
		h.URL() + "/-/style.css":         "prefers-color-scheme: dark",
		h.URL() + "/-/page.js":           "EventSource",
		h.URL() + "/-/avatar/%3Cb%3E":    "&lt;</text>",
		h.URL() + "/acme/mono/pull/1":    "Re-run",
		h.URL() + "/ACME/Mono/pull/1":    "Details",
		h.URL() + "/acme/mono/runs/1":    "404",
		h.URL() + "/acme/mono/pull/2":    "404",
		h.URL() + "/acme/nothing":        "404",
		h.URL() + "/acme/nothing/pull/1": "404",
	} {
		status, page := get(t, path)
		clean(t, page)
		if (want == "404") != (status == 404) || !strings.Contains(page, want) {
			t.Errorf("%s: %d without %q", path, status, want)
		}
	}
	_, page := get(t, run)
	for _, want := range []string{"lines 1 to 2", "&lt;script&gt;alert(1)", "Raw output", "View more details on loktar", ">Fix</button>"} {
		if !strings.Contains(page, want) {
			t.Errorf("the run's page does not say %q", want)
		}
	}
}

func runURL(h *minihubtest.Hub, c minihub.CheckRun) string {
	return h.URL() + "/acme/mono/runs/" + strconv.FormatInt(c.ID, 10)
}

// TestRerunButtons presses the buttons and sees the events that GitHub sends.
func TestRerunButtons(t *testing.T) {
	h, runs := pageFixture(t, "failure")
	listen(t, h)
	run := runURL(h, runs[0])
	if status := post(t, run+"/rerun", "http://evil.example", nil); status != http.StatusForbidden {
		t.Errorf("another site's form: %d", status)
	}
	if status := post(t, run+"/rerun", h.URL(), nil); status != http.StatusSeeOther {
		t.Errorf("re-run: %d", status)
	}
	p := decode(t, delivered(t, h, "check_run", "rerequested", 1)[0].Payload)
	if at(p, "check_run", "id") != float64(runs[0].ID) || at(p, "sender", "login") != "acme" || at(p, "check_run", "status") != "completed" ||
		at(p, "check_run", "check_suite", "status") != "queued" {
		t.Errorf("rerequested: %v by %v", at(p, "check_run", "id"), at(p, "sender", "login"))
	}
	if status := post(t, h.URL()+"/acme/mono/pull/1/rerun", h.URL(), nil); status != http.StatusSeeOther {
		t.Errorf("re-run all: %d", status)
	}
	if p := decode(t, delivered(t, h, "check_suite", "rerequested", 1)[0].Payload); at(p, "check_suite", "head_sha") != runs[0].HeadSHA {
		t.Errorf("suite rerequested: %v", at(p, "check_suite", "head_sha"))
	}
	if status := post(t, run+"/action", h.URL(), url.Values{"identifier": {"fix"}}); status != http.StatusSeeOther {
		t.Errorf("action: %d", status)
	}
	if p := decode(t, delivered(t, h, "check_run", "requested_action", 1)[0].Payload); at(p, "requested_action", "identifier") != "fix" {
		t.Errorf("action: %v", at(p, "requested_action"))
	}
	if status := post(t, run+"/action", h.URL(), url.Values{"identifier": {"other"}}); status != http.StatusConflict {
		t.Errorf("an unknown action: %d", status)
	}
}

// TestPullPageIsLive reads the page's event stream while a check changes.
func TestPullPageIsLive(t *testing.T) {
	h, runs := pageFixture(t, "in_progress")
	ctx, cancel := context.WithTimeout(t.Context(), minihubtest.Patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.URL()+"/acme/mono/pull/1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	until := func(want string) {
		t.Helper()
		for lines.Scan() {
			clean(t, lines.Text())
			if strings.Contains(lines.Text(), want) {
				return
			}
		}
		t.Fatalf("the stream ended without %q: %v", want, lines.Err())
	}
	until("1 in progress check")
	if _, _, err := h.Client("acme").Checks.UpdateCheckRun(t.Context(), "acme", "mono", runs[0].ID,
		github.UpdateCheckRunOptions{Name: "lib", Conclusion: github.String("success")}); err != nil {
		t.Fatal(err)
	}
	until("All checks have passed")
}
