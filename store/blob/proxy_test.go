package blob_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/store/blob"
	"github.com/dudesons/loktar/store/blob/blobtest"
)

var noon = time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)

func newSigner(t testing.TB, key byte, older ...[]byte) *blob.Signer {
	t.Helper()
	s, err := blob.NewSigner(bytes.Repeat([]byte{key}, 32), older...)
	must(t, err)
	return s
}

// serve starts a proxy for b at noon; repository N has the folder repos/N.
func serve(t testing.TB, b blob.Bucket, s *blob.Signer) string {
	t.Helper()
	server := httptest.NewServer(http.StripPrefix("/files", blob.Handler(blob.ProxyOptions{
		Bucket: b, Signer: s, MaxAge: time.Hour, Now: func() time.Time { return noon },
		Prefix: func(repo int64) string {
			if repo == 0 {
				return ""
			}
			return fmt.Sprint("repos/", repo)
		},
	})))
	t.Cleanup(server.Close)
	return server.URL + "/files"
}

// ask makes a request; headers are pairs.
func ask(t testing.TB, method, link string, headers ...string) (*http.Response, string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, link, nil)
	must(t, err)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res, string(body), err
}

func TestProxyPermission(t *testing.T) {
	d, s := openDir(t, t.TempDir()), newSigner(t, 'k', bytes.Repeat([]byte{'o'}, 32))
	for _, key := range []string{"repos/1/a b+%2F?.txt", "repos/11/a", "repos/2/a", "elsewhere", "repos/1x"} {
		put(t, d, key, "content of "+key)
	}
	base, later := serve(t, d, s), noon.Add(time.Minute)
	good := s.Link(base, blob.Grant{Key: "repos/1/a b+%2F?.txt", Repo: 1, Expires: later})
	for _, tt := range []struct {
		name, link string
		status     int
		words      string
	}{
		{"a good link", good, 200, "content of repos/1/a b"},
		{"of an older key", newSigner(t, 'o').Link(base, blob.Grant{Key: "repos/2/a", Repo: 2, Expires: later}), 200, "content of repos/2/a"},
		{"of a foreign key", newSigner(t, 'x').Link(base, blob.Grant{Key: "repos/2/a", Repo: 2, Expires: later}), 403, "not made by this server"},
		{"no signature", base + "/repos/2/a", 403, "not made by this server"},
		{"an empty signature", base + "/repos/2/a?repo=2&expires=" + fmt.Sprint(later.Unix()) + "&sig=", 403, "not made by this server"},
		{"another key", strings.Replace(s.Link(base, blob.Grant{Key: "repos/2/a", Repo: 2, Expires: later}), "/repos/2/a", "/repos/11/a", 1), 403, "was changed"},
		{"another repository", strings.Replace(s.Link(base, blob.Grant{Key: "repos/2/a", Repo: 2, Expires: later}), "repo=2", "repo=11", 1), 403, "was changed"},
		{"another end", strings.Replace(s.Link(base, blob.Grant{Key: "repos/2/a", Repo: 2, Expires: later}), fmt.Sprint(later.Unix()), fmt.Sprint(later.Unix()+1), 1), 403, "was changed"},
		{"ended", s.Link(base, blob.Grant{Key: "repos/2/a", Repo: 2, Expires: noon}), 410, "ended at Wed, 02 Jan 2030 12:00:00 UTC"},
		{"ended, and forged", newSigner(t, 'x').Link(base, blob.Grant{Key: "repos/2/a", Repo: 2, Expires: noon}), 403, "not made by this server"},
		{"of another's folder", s.Link(base, blob.Grant{Key: "repos/2/a", Repo: 1, Expires: later}), 403, "not of the repository"},
		{"of a folder whose name goes on", s.Link(base, blob.Grant{Key: "repos/11/a", Repo: 1, Expires: later}), 403, "not of the repository"},
		{"of a file beside the folder", s.Link(base, blob.Grant{Key: "repos/1x", Repo: 1, Expires: later}), 403, "not of the repository"},
		{"of no folder", s.Link(base, blob.Grant{Key: "elsewhere", Repo: 0, Expires: later}), 403, "not of the repository"},
		{"out of the folder", s.Link(base, blob.Grant{Key: "repos/1/../2/a", Repo: 1, Expires: later}), 403, "not of the repository"},
		{"of what is gone", s.Link(base, blob.Grant{Key: "repos/1/gone", Repo: 1, Expires: later}), 404, "not there any more"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res, body, err := ask(t, "GET", tt.link)
			must(t, err)
			if res.StatusCode != tt.status || !strings.Contains(body, tt.words) {
				t.Errorf("%d %q, want %d with %q", res.StatusCode, body, tt.status, tt.words)
			}
			if cached := res.Header.Get("Cache-Control"); (tt.status == 200) != (cached == "private, max-age=60") || tt.status != 200 && cached != "no-store" {
				t.Errorf("%d has Cache-Control %q", res.StatusCode, cached)
			}
		})
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
		if res, _, err := ask(t, method, good); err != nil || res.StatusCode != 405 || res.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %+v, %v", method, res, err)
		}
	}
	if _, err := blob.NewSigner(make([]byte, 31)); checks.KindOf(err) != checks.KindConfig {
		t.Errorf("a short key: %v", err)
	}
}

// TestProxyHeaders: nothing that an object says makes it run.
func TestProxyHeaders(t *testing.T) {
	d, s := openDir(t, t.TempDir()), newSigner(t, 'k')
	base := serve(t, d, s)
	for _, tt := range []struct{ name, kind, wantKind, wantDisposition string }{
		{"a.txt", "text/plain; charset=utf-8", "text/plain; charset=utf-8", "inline; filename=a.txt"},
		{"a.html", "text/html", "text/html", "attachment; filename=a.html"},
		{"a.svg", "image/svg+xml", "image/svg+xml", "attachment; filename=a.svg"},
		{"a.js", "TEXT/JavaScript", "text/javascript", "attachment; filename=a.js"},
		{"a.png", "image/png", "image/png", "inline; filename=a.png"},
		{`a"; filename=evil.exe`, "", "application/octet-stream", `attachment; filename="a\"; filename=evil.exe"`},
		{"é", "", "application/octet-stream", "attachment; filename*=utf-8''%C3%A9"},
	} {
		_, err := d.Put(t.Context(), "repos/1/"+tt.name, strings.NewReader("<script>alert(1)</script>"), blob.PutOptions{ContentType: tt.kind})
		must(t, err)
		for _, method := range []string{"GET", "HEAD"} {
			res, body, err := ask(t, method, s.Link(base, blob.Grant{Key: "repos/1/" + tt.name, Repo: 1, Expires: noon.Add(time.Hour)}))
			must(t, err)
			for header, want := range map[string]string{
				"Content-Type": tt.wantKind, "Content-Disposition": tt.wantDisposition, "X-Content-Type-Options": "nosniff",
				"Content-Security-Policy": "default-src 'none'; sandbox", "Referrer-Policy": "no-referrer", "Content-Length": "25", "Accept-Ranges": "bytes",
				"Etag": `"` + string(blobtest.Digest([]byte("<script>alert(1)</script>"))) + `"`,
			} {
				if got := res.Header.Get(header); got != want {
					t.Errorf("%s %s: %s is %q, want %q", method, tt.name, header, got, want)
				}
			}
			if res.StatusCode != 200 || (method == "HEAD") != (body == "") {
				t.Errorf("%s %s: %d, %q", method, tt.name, res.StatusCode, body)
			}
		}
	}
}

// TestProxyServesAsTheStandardLibrary: whatever is asked for, the answer is
// that of http.ServeContent for the same bytes.
func TestProxyServesAsTheStandardLibrary(t *testing.T) {
	content := blobtest.Bytes(1, 10_000)
	d := openDir(t, t.TempDir())
	s3 := openS3(t, blobtest.StartS3(t).MakeBucket(t, "proxy"))
	for name, b := range map[string]blob.Bucket{"Dir": d, "S3": s3} {
		t.Run(name, func(t *testing.T) {
			info, err := b.Put(t.Context(), "repos/1/a.bin", bytes.NewReader(content), blob.PutOptions{})
			must(t, err)
			info, err = b.Stat(t.Context(), info.Key)
			must(t, err)
			s := newSigner(t, 'k')
			link := s.Link(serve(t, b, s), blob.Grant{Key: info.Key, Repo: 1, Expires: noon.Add(time.Hour)})
			tag := `"` + string(info.SHA256) + `"`
			model := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("ETag", tag)
				w.Header().Set("Content-Type", "application/octet-stream")
				http.ServeContent(w, r, "", info.Modified, bytes.NewReader(content))
			}))
			defer model.Close()
			rapid.Check(t, func(rt *rapid.T) {
				headers := []string{}
				for header, gen := range map[string]*rapid.Generator[string]{
					"Range": rapid.OneOf(
						rapid.Custom(func(rt *rapid.T) string {
							from := rapid.IntRange(0, 11_000).Draw(rt, "from")
							return fmt.Sprintf("bytes=%d-%d", from, from+rapid.IntRange(-2, 3000).Draw(rt, "length"))
						}),
						rapid.SampledFrom([]string{"", "bytes=5-", "bytes=-7", "bytes=-0", "bytes=9999-", "bytes=10000-", "bytes=0-0", "bytes=x-y", "lines=1-2", "bytes=0-999999", "bytes=99999999999999999999-", "bytes= 3 - 9"}),
					),
					"If-None-Match":     rapid.SampledFrom([]string{"", "", "", tag, `"other"`, "*", "W/" + tag, `"a", ` + tag}),
					"If-Match":          rapid.SampledFrom([]string{"", "", "", tag, `"other"`, "*"}),
					"If-Range":          rapid.SampledFrom([]string{"", "", tag, `"other"`, info.Modified.UTC().Format(http.TimeFormat)}),
					"If-Modified-Since": rapid.SampledFrom([]string{"", "", info.Modified.UTC().Format(http.TimeFormat), "Mon, 02 Jan 2006 15:04:05 GMT"}),
				} {
					if v := gen.Draw(rt, header); v != "" {
						headers = append(headers, header, v)
					}
				}
				method := rapid.SampledFrom([]string{"GET", "GET", "HEAD"}).Draw(rt, "method")
				got, body, err := ask(t, method, link, headers...)
				want, wantBody, wantErr := ask(t, method, model.URL, headers...)
				if err != nil || wantErr != nil {
					rt.Fatalf("%v: %v, %v", headers, err, wantErr)
				}
				if got.StatusCode != want.StatusCode || body != wantBody {
					rt.Fatalf("%s %q: %d with %d bytes, want %d with %d", method, headers, got.StatusCode, len(body), want.StatusCode, len(wantBody))
				}
				for _, h := range []string{"Content-Range", "Content-Length", "Content-Type", "Etag", "Last-Modified", "Accept-Ranges"} {
					if got.Header.Get(h) != want.Header.Get(h) {
						rt.Fatalf("%s %q: %s is %q, want %q", method, headers, h, got.Header.Get(h), want.Header.Get(h))
					}
				}
			})
			// Several ranges have a boundary that is chosen at random.
			res, body, err := ask(t, "GET", link, "Range", "bytes=0-9,5000-5004,-3")
			must(t, err)
			for _, part := range [][]byte{content[:10], content[5000:5005], content[9997:]} {
				if res.StatusCode != 206 || !strings.HasPrefix(res.Header.Get("Content-Type"), "multipart/byteranges") || !strings.Contains(body, string(part)) {
					t.Errorf("three ranges: %d %s, %d bytes", res.StatusCode, res.Header.Get("Content-Type"), len(body))
				}
			}
		})
	}
}

// TestProxyBreaksOff: who downloads a damaged object does not take it for
// whole, and a fault of the storage is told without its insides.
func TestProxyBreaksOff(t *testing.T) {
	at := t.TempDir()
	d, s := openDir(t, at), newSigner(t, 'k')
	for _, size := range []int{10, 1 << 20} {
		content := blobtest.Bytes(1, size)
		_, err := d.Put(t.Context(), "repos/1/damaged", bytes.NewReader(content), blob.PutOptions{})
		must(t, err)
		f, err := os.OpenFile(filepath.Join(at, "objects", "repos", "1", "damaged"), os.O_RDWR, 0)
		must(t, err)
		_, err = f.WriteAt([]byte{content[5] ^ 1}, 5)
		must(t, errors.Join(err, f.Close()))
		res, body, err := ask(t, "GET", s.Link(serve(t, d, s), blob.Grant{Key: "repos/1/damaged", Repo: 1, Expires: noon.Add(time.Hour)}))
		if err == nil {
			t.Errorf("%d of %d damaged bytes came with %d, as if they were whole", len(body), size, res.StatusCode)
		}
	}
	for want, err := range map[int]error{
		503: checks.Errorf(checks.KindUnavailable, errors.New("10.0.0.7:9000: refused"), "no answer from 10.0.0.7"),
		500: checks.Errorf(checks.KindConfig, errors.New("the secret is wrong"), "keys at /etc/loktar"),
	} {
		res, body, e := ask(t, "GET", s.Link(serve(t, faulty{d, err}, s), blob.Grant{Key: "repos/1/a", Repo: 1, Expires: noon.Add(time.Hour)}))
		must(t, e)
		if res.StatusCode != want || strings.Contains(body, "10.0.0.7") || strings.Contains(body, "secret") || strings.Contains(body, "/etc") || res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%d %q, want %d without the insides", res.StatusCode, body, want)
		}
	}
}

type faulty struct {
	blob.Bucket
	err error
}

func (f faulty) Stat(context.Context, string) (blob.Info, error) { return blob.Info{}, f.err }

// TestProxyNames: a link that names its file has that name signed, and the
// name alone says what the file is.
func TestProxyNames(t *testing.T) {
	d, s := openDir(t, t.TempDir()), newSigner(t, 'k')
	base := serve(t, d, s)
	_, err := d.Put(t.Context(), "repos/1/abc", strings.NewReader("<script>alert(1)</script>"), blob.PutOptions{ContentType: "text/html"})
	must(t, err)
	for name, want := range map[string][2]string{
		"junit.xml":          {"text/plain; charset=utf-8", "inline; filename=junit.xml"},
		"a/b/report.JSON":    {"application/json", "inline; filename=report.JSON"},
		"index.html":         {"application/octet-stream", "attachment; filename=index.html"},
		"x.svg":              {"application/octet-stream", "attachment; filename=x.svg"},
		"x.js":               {"application/octet-stream", "attachment; filename=x.js"},
		"x.pdf":              {"application/pdf", "attachment; filename=x.pdf"},
		"x.html.png":         {"image/png", "inline; filename=x.html.png"},
		`"; x=y.exe`:         {"application/octet-stream", `attachment; filename="\"; x=y.exe"`},
		"\u00e9.txt":         {"text/plain; charset=utf-8", "inline; filename*=utf-8''%C3%A9.txt"},
		"none":               {"application/octet-stream", "attachment; filename=none"},
		"a&b=c?d#e+f g.html": {"application/octet-stream", `attachment; filename="a&b=c?d#e+f g.html"`},
	} {
		link := s.Link(base, blob.Grant{Key: "repos/1/abc", Repo: 1, Name: name, Expires: noon.Add(time.Hour)})
		res, _, err := ask(t, "GET", link)
		must(t, err)
		h := res.Header
		if res.StatusCode != 200 || h.Get("Content-Type") != want[0] || h.Get("Content-Disposition") != want[1] || h.Get("Content-Security-Policy") != "default-src 'none'; sandbox" {
			t.Errorf("%q: %d %q", name, res.StatusCode, h)
		}
		for _, other := range []string{link + "x", strings.Replace(link, "name=", "name=a", 1), strings.Replace(link, "name=", "nam=", 1)} {
			if res, _, err := ask(t, "GET", other); err != nil || res.StatusCode != 403 {
				t.Errorf("%s: %v, %v", other, res, err)
			}
		}
	}
	unnamed := s.Link(base, blob.Grant{Key: "repos/1/abc", Repo: 1, Expires: noon.Add(time.Hour)})
	if res, _, err := ask(t, "GET", unnamed+"&name=x.png"); err != nil || res.StatusCode != 403 {
		t.Errorf("a name that was not signed: %v, %v", res, err)
	}
}

// TestProxyWaits: who reads slowly gets all of it, however long a server lets
// other answers take, and who reads nothing is let go.
func TestProxyWaits(t *testing.T) {
	d, s := openDir(t, t.TempDir()), newSigner(t, 'k')
	content := blobtest.Bytes(1, 8<<20)
	_, err := d.Put(t.Context(), "repos/1/a", bytes.NewReader(content), blob.PutOptions{})
	must(t, err)
	ended := make(chan error, 1)
	files := blob.Handler(blob.ProxyOptions{
		Bucket: d, Signer: s, Now: func() time.Time { return noon }, Stall: 2 * time.Second, Prefix: func(int64) string { return "repos/1" },
	})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			left := recover()
			ended <- nil
			if left != nil {
				panic(left)
			}
		}()
		files.ServeHTTP(w, r)
	}))
	server.Config.ReadTimeout = 100 * time.Millisecond
	server.Config.WriteTimeout = 100 * time.Millisecond
	server.Start()
	t.Cleanup(server.Close)
	link := s.Link(server.URL, blob.Grant{Key: "repos/1/a", Repo: 1, Expires: noon.Add(time.Hour)})
	res, err := http.Get(link)
	must(t, err)
	var got bytes.Buffer
	for tick := time.NewTicker(10 * time.Millisecond); ; {
		if _, err := io.CopyN(&got, res.Body, 256<<10); err != nil {
			tick.Stop()
			if !errors.Is(err, io.EOF) {
				t.Fatalf("after %d bytes: %v", got.Len(), err)
			}
			break
		}
		<-tick.C
	}
	res.Body.Close()
	if !bytes.Equal(got.Bytes(), content) {
		t.Error("other bytes came")
	}
	<-ended
	res, err = http.Get(link)
	must(t, err)
	defer res.Body.Close()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Error("a reader that reads nothing holds its connection")
	}
}
