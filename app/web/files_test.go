package web_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/dudesons/loktar/app/web"
	"github.com/dudesons/loktar/checks"
)

// direct asks for a page and follows no redirect.
func (s *site) direct(path string) (*http.Response, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res, string(body)
}

func TestFilesOnPages(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	left := checks.Result{Outcome: checks.OutcomeFailed, Artifacts: []checks.Artifact{
		{Name: "reports/a b.xml", Kind: checks.KindReport, SHA256: sum, Size: 2048},
		{Name: `"><img src=x>&#x/é%2f.png`, Kind: checks.KindArtifact, SHA256: sum},
	}}
	s := newSite(t, func(o *web.Options) {
		o.FileURL = func(repo int64, a checks.Artifact) string {
			if repo != 7 || a.SHA256 != sum {
				t.Errorf("asked for %+v of %d", a, repo)
			}
			return "files/signed?name=" + string(a.Kind)
		}
	})
	s.job("lib / publish", checks.StateDone)
	s.store.finish("awesome_lib", left)
	s.store.finish("lib / publish", checks.Result{Outcome: checks.OutcomePassed, Version: "1.2", Items: []checks.PublishedItem{
		{Name: "a.whl", URL: "https://pypi.example.com/a.whl", SHA256: sum, Size: 1}, {Name: "<i>", URL: "javascript:alert(1)", Digest: "sha256:cdefcdefcdef"},
	}})
	_, page := s.direct("/runs/" + runID + "/awesome_lib")
	for _, want := range []string{
		`<h2>Reports</h2>`, `<h2>Artifacts</h2>`, `title="` + sum + `">abababab<`, `>2.0 KB<`, `>0 bytes<`,
		`<a href="../../runs/` + runID + `/awesome_lib/files/reports/a%20b.xml"><bdi>reports/a b.xml</bdi></a>`,
		`/awesome_lib/files/%22%3E%3Cimg%20src=x%3E&amp;%23x/%C3%A9%252f.png"><bdi>&#34;&gt;&lt;img src=x&gt;&amp;#x/é%2f.png</bdi></a>`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s in\n%s", want, page)
		}
	}
	_, page = s.direct("/runs/" + runID + "/lib%20%2F%20publish")
	for _, want := range []string{
		`<h2>Published</h2>`, `<dt>Version</dt><dd class="mono">1.2</dd>`, `<a href="https://pypi.example.com/a.whl" rel="noopener noreferrer"><bdi>a.whl</bdi></a>`,
		`<bdi>&lt;i&gt;</bdi></td><td class="mono"><span title="sha256:cdefcdefcdef">cdefcdef</span>`, `href="../../assets/`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s in\n%s", want, page)
		}
	}
	for path, want := range map[string]string{
		"/awesome_lib/files/reports/a%20b.xml":                                 "../../../../../files/signed?name=report",
		"/awesome_lib/files/%22%3E%3Cimg%20src=x%3E&%23x/%C3%A9%252f.png":      "../../../../../files/signed?name=artifact",
		"/awesome_lib/files/reports/none":                                      "",
		"/awesome_lib/files/":                                                  "",
		"/none/files/reports/a%20b.xml":                                        "",
		"/lib%20%2F%20publish/files/a.whl":                                     "",
		"/awesome_lib/files/%2e%2e/%2e%2e/awesome_lib/files/reports/a%20b.xml": "",
	} {
		res, body := s.direct("/runs/" + runID + path)
		switch {
		case want == "" && (res.StatusCode == 302 || !strings.Contains(body, "Not found") && res.StatusCode != 301 && res.StatusCode != 307):
			t.Errorf("%s: %d %q", path, res.StatusCode, body)
		case want != "" && (res.StatusCode != 302 || res.Header.Get("Location") != want || res.Header.Get("Cache-Control") != "no-store"):
			t.Errorf("%s: %d %q, want %s", path, res.StatusCode, res.Header, want)
		}
	}
}

// TestFilesThatCannotBeHad are listed all the same.
func TestFilesThatCannotBeHad(t *testing.T) {
	s := newSite(t)
	s.store.finish("awesome_lib", checks.Result{Outcome: checks.OutcomePassed, Artifacts: []checks.Artifact{{Name: "a.txt", Kind: checks.KindReport, SHA256: strings.Repeat("ab", 32)}}})
	if _, page := s.direct("/runs/" + runID + "/awesome_lib"); !strings.Contains(page, "<bdi>a.txt</bdi>") || strings.Contains(page, "/files/") {
		t.Errorf("%s", page)
	}
	if res, _ := s.direct("/runs/" + runID + "/awesome_lib/files/a.txt"); res.StatusCode != 404 {
		t.Errorf("%d", res.StatusCode)
	}
}
