package app_test

import (
	"encoding/hex"
	"fmt"
	"html"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/app"
	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/configs"
	"github.com/dudesons/loktar/runner"
	"github.com/dudesons/loktar/store/blob"
	"github.com/dudesons/loktar/store/blob/blobtest"
)

// fetch makes one request and follows no redirect; headers are pairs.
func fetch(t *testing.T, method, url string, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

// leave has a job of repository 7 that left files.
func leave(t testing.TB, s *app.Server, files map[string]string) {
	t.Helper()
	repo := checks.Repo{ID: 7, Owner: "acme", Name: "pets"}
	run := checks.Run{ID: "run1", Seq: 1, Repo: repo, HeadSHA: strings.Repeat("a", 40), Created: time.Now(), Finished: time.Now()}
	job := checks.Job{Run: run.ID, Package: checks.Package{Name: "lib"}, State: checks.StateDone, Finished: time.Now(), Result: checks.Result{Outcome: checks.OutcomeFailed}}
	for name, text := range files {
		sum, err := app.KeepOf(s)(t.Context(), runner.KeptFile{
			Repo: repo, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		job.Result.Artifacts = append(job.Result.Artifacts, checks.Artifact{Name: name, Kind: checks.KindReport, SHA256: sum, Size: int64(len(text))})
	}
	if err := app.StoreOf(s).Commit(t.Context(), checks.Commit{Runs: []checks.Run{run}, Jobs: []checks.Job{job}}); err != nil {
		t.Fatal(err)
	}
}

// TestFiles has files of tests by way of the whole server, from a folder and
// from S3.
func TestFiles(t *testing.T) {
	o := blobtest.StartS3(t).MakeBucket(t, "kept")
	keys, err := o.Keys()
	if err != nil {
		t.Fatal(err)
	}
	for where, change := range map[string]func(*configs.Config){
		"folder": func(*configs.Config) {},
		"S3": func(cfg *configs.Config) {
			t.Setenv("S3_SECRET", keys.Secret)
			file := filepath.Join(t.TempDir(), "loktar.yml")
			text := fmt.Sprintf("artifacts:\n  storage: {type: s3, endpoint: %q, bucket: kept, prefix: a/b, path_style: true, access_key: %q, secret_key_env: S3_SECRET}\n", o.Endpoint, keys.Access)
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			loaded, err := configs.Load(file, []string{"LOKTAR_GITHUB_APP_ID=1", "LOKTAR_GITHUB_PRIVATE_KEY_FILE=" + cfg.GitHub.PrivateKeyFile, "LOKTAR_GITHUB_WEBHOOK_SECRET=x", "S3_SECRET=" + keys.Secret})
			if err != nil {
				t.Fatal(err)
			}
			cfg.Artifacts = loaded.Artifacts
		},
	} {
		t.Run(where, func(t *testing.T) {
			cfg := config(t)
			change(&cfg)
			testFiles(t, cfg)
		})
	}
}

const hostile = `shots/"><script>alert(1)<?x=1&y#z>%2f é.html`

func testFiles(t *testing.T, cfg configs.Config) {
	s, stop := serve(t, cfg, zerolog.Nop(), func(*app.Server) {})
	base := "http://" + s.Addr()
	leave(t, s, map[string]string{"reports/junit.xml": "<testsuite/>0123456789", hostile: "<script>alert(1)</script>"})

	_, page := fetch(t, "GET", base+"/runs/run1/lib")
	if strings.Contains(page, "<script>alert") {
		t.Errorf("a name is not escaped:\n%s", page)
	}
	links := map[string]string{} // where the page's links lead
	for _, m := range regexp.MustCompile(`href="\.\./\.\./(runs/run1/lib/files/[^"]*)"`).FindAllStringSubmatch(page, -1) {
		res, _ := fetch(t, "GET", base+"/"+html.UnescapeString(m[1]))
		to, err := res.Request.URL.Parse(res.Header.Get("Location"))
		if err != nil || res.StatusCode != 302 || res.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%s: %d %q", m[1], res.StatusCode, res.Header)
		}
		links[to.Query().Get("name")] = to.String()
	}
	report := links["reports/junit.xml"]
	if len(links) != 2 || !strings.HasPrefix(report, base+"/files/repos/7/sha256/") {
		t.Fatalf("links %q in\n%s", links, page)
	}
	tag := ""
	for _, c := range []struct {
		method  string
		headers []string
		status  int
		body    string
	}{
		{"GET", nil, 200, "<testsuite/>0123456789"},
		{"HEAD", nil, 200, ""},
		{"GET", []string{"Range", "bytes=12-14"}, 206, "012"},
		{"GET", []string{"Range", "bytes=-2"}, 206, "89"},
		{"GET", []string{"Range", "bytes=99-"}, 416, "invalid range: failed to overlap\n"},
		{"GET", []string{"If-None-Match", "TAG"}, 304, ""},
		{"POST", nil, 405, "A link to a file can only be read.\n"},
	} {
		for i := range c.headers {
			c.headers[i] = strings.ReplaceAll(c.headers[i], "TAG", tag)
		}
		res, body := fetch(t, c.method, report, c.headers...)
		if res.StatusCode != c.status || body != c.body {
			t.Errorf("%s %q: %d %q", c.method, c.headers, res.StatusCode, body)
		}
		if tag = res.Header.Get("ETag"); c.status == 200 && (tag == "" || res.Header.Get("Content-Type") != "text/plain; charset=utf-8") {
			t.Errorf("%s: %q", c.method, res.Header)
		}
		if c.status == 206 || c.status == 416 {
			res, _ := fetch(t, "HEAD", report)
			tag = res.Header.Get("ETag")
		}
	}
	res, body := fetch(t, "GET", links[hostile])
	if res.StatusCode != 200 || body != "<script>alert(1)</script>" || res.Header.Get("Content-Type") != "application/octet-stream" ||
		!strings.HasPrefix(res.Header.Get("Content-Disposition"), "attachment") || res.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%d %q %q", res.StatusCode, body, res.Header)
	}

	// What only the server's key can make, it refuses all the same.
	signer := signerOf(t, cfg)
	later, key := time.Now().Add(time.Hour), strings.TrimPrefix(strings.SplitN(report, "?", 2)[0], base+"/files/")
	sign := func(g blob.Grant) string { return signer.Link(base+"/files", g) }
	for name, c := range map[string]struct {
		link   string
		status int
	}{
		"good":               {sign(blob.Grant{Key: key, Repo: 7, Name: "x.txt", Expires: later}), 200},
		"another name":       {strings.Replace(sign(blob.Grant{Key: key, Repo: 7, Name: "x.txt", Expires: later}), "x.txt", "x.png", 1), 403},
		"another repository": {sign(blob.Grant{Key: key, Repo: 8, Name: "x.txt", Expires: later}), 403},
		"no repository":      {sign(blob.Grant{Key: key, Name: "x.txt", Expires: later}), 403},
		"ended":              {sign(blob.Grant{Key: key, Repo: 7, Name: "x.txt", Expires: time.Now().Add(-time.Second)}), 410},
		"beside them":        {sign(blob.Grant{Key: "owner", Repo: 7, Name: "x.txt", Expires: later}), 403},
		"gone":               {sign(blob.Grant{Key: key + "0", Repo: 7, Name: "x.txt", Expires: later}), 404},
		"unsigned":           {base + "/files/" + key, 403},
		"the root":           {base + "/files/", 403},
		"no such file":       {base + "/runs/run1/lib/files/none", 404},
		"no such job":        {base + "/runs/run1/none/files/reports/junit.xml", 404},
		"no such run":        {base + "/runs/none/lib/files/reports/junit.xml", 404},
	} {
		if res, body := fetch(t, "GET", c.link); res.StatusCode != c.status {
			t.Errorf("%s: %d %q, want %d", name, res.StatusCode, body, c.status)
		}
	}

	// Links outlive the process that made them.
	stop()
	cfg.Listen = s.Addr()
	_, stop = serve(t, cfg, zerolog.Nop(), func(*app.Server) {})
	defer stop()
	if res, body := fetch(t, "GET", report); res.StatusCode != 200 || body != "<testsuite/>0123456789" {
		t.Errorf("after a restart: %d %q", res.StatusCode, body)
	}
}

// signerOf is a signer with the server's key.
func signerOf(t testing.TB, cfg configs.Config) *blob.Signer {
	t.Helper()
	file := filepath.Join(cfg.DataDir, "files.key")
	info, err := os.Stat(file)
	if err != nil || info.Mode() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := blob.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// TestDamagedKey: a server does not sign with less than a whole key.
func TestDamagedKey(t *testing.T) {
	cfg := config(t)
	for _, text := range []string{"", "abc", strings.Repeat("00", 31), strings.Repeat("zz", 32)} {
		if err := os.WriteFile(filepath.Join(cfg.DataDir, "files.key"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := app.New(t.Context(), cfg, zerolog.Nop(), "test"); checks.KindOf(err) != checks.KindConfig || !strings.Contains(err.Error(), "remove it") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
