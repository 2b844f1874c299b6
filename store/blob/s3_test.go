package blob_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/store/blob"
	"github.com/dudesons/loktar/store/blob/blobtest"
)

// between starts a server between the bucket and the real one: meddle answers
// itself, or hands on to next.
func between(t *testing.T, o blob.S3Options, meddle func(w http.ResponseWriter, r *http.Request, next http.Handler)) *blob.S3 {
	t.Helper()
	u, err := url.Parse(o.Endpoint)
	must(t, err)
	next := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(u)
		r.Out.Host = r.In.Host // it is signed
	}, FlushInterval: -1}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { meddle(w, r, next) }))
	t.Cleanup(server.Close)
	o.Endpoint = server.URL
	return openS3(t, o)
}

// TestS3OnABadLine: what a request meets on its way is made good.
func TestS3OnABadLine(t *testing.T) {
	real := blobtest.StartS3(t).MakeBucket(t, "line")
	small, large := blobtest.Bytes(1, 1000), blobtest.Bytes(2, 18<<20)

	t.Run("a busy server is asked again", func(t *testing.T) {
		var asked atomic.Int64
		b := between(t, real, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if asked.Add(1) <= 2 {
				http.Error(w, "<Error><Code>SlowDown</Code></Error>", http.StatusServiceUnavailable)
				return
			}
			next.ServeHTTP(w, r)
		})
		_, err := b.Put(t.Context(), "busy", bytes.NewReader(small), blob.PutOptions{})
		must(t, err)
		if got, err := get(t, b, "busy"); got != string(small) || err != nil {
			t.Errorf("read %d bytes, %v", len(got), err)
		}
	})

	for name, content := range map[string][]byte{"small": small, "large": large} {
		t.Run("the answer to a Put is lost, "+name, func(t *testing.T) {
			var lost atomic.Bool
			b := between(t, real, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				last := r.Method == http.MethodPut && !r.URL.Query().Has("uploadId") || r.Method == http.MethodPost && r.URL.Query().Has("uploadId")
				if last && lost.CompareAndSwap(false, true) {
					next.ServeHTTP(httptest.NewRecorder(), r)
					panic(http.ErrAbortHandler)
				}
				next.ServeHTTP(w, r)
			})
			info, err := b.Put(t.Context(), "lost/"+name, bytes.NewReader(content), blob.PutOptions{IfAbsent: true, ContentType: "text/plain"})
			if err != nil || info.Size != int64(len(content)) || info.SHA256 != blobtest.Digest(content) || info.ContentType != "text/plain" || info.ETag == "" {
				t.Errorf("Put says %+v, %v", info, err)
			}
			if !lost.Load() {
				t.Error("no answer was lost: the test looks at the wrong requests")
			}
			if _, err = b.Put(t.Context(), "lost/"+name, bytes.NewReader(content), blob.PutOptions{IfAbsent: true}); !errors.Is(err, blob.ErrExists) {
				t.Errorf("a second Put: %v", err)
			}
		})
	}

	t.Run("a body that breaks off is taken up again", func(t *testing.T) {
		whole := openS3(t, real)
		_, err := whole.Put(t.Context(), "cut", bytes.NewReader(large), blob.PutOptions{})
		must(t, err)
		var left atomic.Int64
		b := between(t, real, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if r.Method == http.MethodGet {
				w = &cut{w, left.Load()}
			}
			next.ServeHTTP(w, r)
		})
		left.Store(5_000_000)
		for _, o := range []blob.GetOptions{{}, {Offset: 1_000_001}, {Offset: 7, Length: 12_000_000}} {
			r, _, err := b.Get(t.Context(), "cut", o)
			must(t, err)
			got, err := io.ReadAll(r)
			r.Close()
			want := large[o.Offset:]
			if o.Length > 0 {
				want = want[:o.Length]
			}
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%+v on a line that breaks: %d bytes, %v; want %d", o, len(got), err, len(want))
			}
		}
		r, _, err := b.Get(t.Context(), "cut", blob.GetOptions{})
		must(t, err)
		defer r.Close()
		left.Store(0)
		if _, err = io.Copy(io.Discard, r); checks.KindOf(err) != checks.KindUnavailable {
			t.Errorf("a body that never gets on: %v", err)
		}
	})

	t.Run("an object that changes is not mixed", func(t *testing.T) {
		for _, o := range []blob.GetOptions{{}, {Offset: 1}} {
			var first atomic.Bool
			b := between(t, real, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if r.Method == http.MethodGet && first.CompareAndSwap(false, true) {
					w = &cut{w, 5_000_000}
				}
				next.ServeHTTP(w, r)
			})
			_, err := b.Put(t.Context(), "mixed", bytes.NewReader(large), blob.PutOptions{})
			must(t, err)
			r, _, err := b.Get(t.Context(), "mixed", o)
			must(t, err)
			defer r.Close()
			_, err = b.Put(t.Context(), "mixed", bytes.NewReader(blobtest.Bytes(3, len(large))), blob.PutOptions{})
			must(t, err)
			if n, err := io.Copy(io.Discard, r); checks.KindOf(err) != checks.KindUnavailable {
				t.Errorf("%d bytes from %d on of two objects were read as one: %v", n, o.Offset, err)
			}
		}
	})
}

// cut breaks the connection off after left bytes of body.
type cut struct {
	http.ResponseWriter
	left int64
}

func (c *cut) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *cut) Write(p []byte) (int, error) {
	if c.left < int64(len(p)) {
		_, _ = c.ResponseWriter.Write(p[:c.left])
		_ = http.NewResponseController(c.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	c.left -= int64(len(p))
	return c.ResponseWriter.Write(p)
}

// TestS3FindsDamage changes the server's own file.
func TestS3FindsDamage(t *testing.T) {
	server := blobtest.StartS3(t)
	b := openS3(t, server.MakeBucket(t, "damage"))
	content := blobtest.Bytes(1, 100_000)
	_, err := b.Put(t.Context(), "a/b", bytes.NewReader(content), blob.PutOptions{})
	must(t, err)
	name := filepath.Join(server.Folder, "damage", "a", "b")
	for what, change := range map[string]func(*os.File) error{
		"a byte":  func(f *os.File) error { _, err := f.WriteAt([]byte{content[500] ^ 1}, 500); return err },
		"its end": func(f *os.File) error { return f.Truncate(99_999) },
	} {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		must(t, err)
		must(t, change(f))
		must(t, f.Close())
		if got, err := get(t, b, "a/b"); !errors.Is(err, blob.ErrCorrupt) {
			t.Errorf("%s is changed: %d bytes, %v", what, len(got), err)
		}
	}
	r, _, err := b.Get(t.Context(), "a/b", blob.GetOptions{Offset: 1000, Length: 10})
	must(t, err)
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, content[1000:1010]) {
		t.Errorf("an undamaged part: %d bytes, %v", len(got), err)
	}
}

// TestS3Sweep: uploads that nobody ended are ended, young ones are not.
func TestS3Sweep(t *testing.T) {
	server := blobtest.StartS3(t)
	real := server.MakeBucket(t, "sweep")
	real.Prefix = "mine"
	b := openS3(t, real)
	put(t, b, "old", "old")
	inner := between(t, real, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodDelete {
			http.Error(w, "", http.StatusForbidden) // the abort
			return
		}
		next.ServeHTTP(w, r)
	})
	broken := errors.New("the reader broke")
	_, err := inner.Put(t.Context(), "new", io.MultiReader(bytes.NewReader(blobtest.Bytes(1, 20<<20)), failing{broken}), blob.PutOptions{SHA256: blobtest.Digest(nil)})
	if !errors.Is(err, broken) {
		t.Errorf("Put of a broken reader: %v", err)
	}
	for _, want := range []struct {
		age time.Duration
		n   int
	}{{time.Hour, 0}, {-time.Hour, 1}, {-time.Hour, 0}} {
		if n, err := b.Sweep(t.Context(), want.age); n != want.n || err != nil {
			t.Errorf("Sweep(%v) ends %d uploads, %v; want %d", want.age, n, err, want.n)
		}
	}
	if got, err := get(t, b, "old"); got != "old" || err != nil {
		t.Errorf("after Sweep the object is %q, %v", got, err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestS3Memory: what a Put holds does not grow with the size.
func TestS3Memory(t *testing.T) {
	var got atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		got.Add(n)
		w.Header().Set("ETag", `"x"`)
		if r.Method == http.MethodPost {
			fmt.Fprint(w, `<R><UploadId>u</UploadId><ETag>"x"</ETag></R>`)
		}
	}))
	defer server.Close()
	b := openS3(t, blob.S3Options{Endpoint: server.URL, Bucket: "b", PathStyle: true, Spool: t.TempDir(), Keys: func() (blob.S3Keys, error) {
		return blob.S3Keys{Access: "a", Secret: "s"}, nil
	}})
	peak := peakHeap(t)
	const size = 400 << 20
	_, err := b.Put(context.Background(), "k", io.LimitReader(zeros{}, size), blob.PutOptions{})
	must(t, err)
	if used := peak(); used > 128<<20 || got.Load() < size {
		t.Errorf("Put of %d MB held up to %d MB and sent %d", size>>20, used>>20, got.Load()>>20)
	} else {
		t.Logf("Put of %d MB held up to %d MB", size>>20, used>>20)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// noSecret holds that what err says is not the secret.
func noSecret(t *testing.T, err error, secrets ...string) {
	t.Helper()
	for _, s := range secrets {
		if err != nil && strings.Contains(fmt.Sprintf("%v %+v %#v %s", err, err, err, checks.PublicText(err, "")), s) {
			t.Errorf("the error shows %q: %v", s, err)
		}
	}
}
