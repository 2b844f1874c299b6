package blob

import (
	"net/url"
	"path"
	"strings"
	"testing"
	"time"
)

// FuzzCheckKey: a key is a clean, relative path and stays one.
func FuzzCheckKey(f *testing.F) {
	for _, seed := range []string{"a", "a/b", "../a", "a//b", "/", "a\x00", `a\b`, "...", "ü"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, key string) {
		if CheckKey(key) != nil {
			return
		}
		if path.Clean("/"+key) != "/"+key || path.IsAbs(key) || strings.ContainsAny(key, "\x00\n\r\\") || len(key) > keyMax {
			t.Errorf("%q is a key", key)
		}
		if got, err := url.PathUnescape((&url.URL{Path: "/" + key}).EscapedPath()); err != nil || got != "/"+key {
			t.Errorf("%q comes back from a link as %q (%v)", key, got, err)
		}
	})
}

// FuzzTrailer: no end of a file makes it more than it is.
func FuzzTrailer(f *testing.F) {
	whole := trailer(Info{Size: 5, SHA256: Digest(strings.Repeat("a", 64)), ContentType: "text/plain"})
	f.Add(append([]byte("12345"), whole...))
	f.Add(whole)
	f.Add([]byte(magic))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, file []byte) {
		tail := file[max(0, len(file)-trailerMax):]
		got, ok := parseTrailer(tail, int64(len(file)))
		if ok && (got.Size < 0 || got.Size > int64(len(file)-foot) || !got.SHA256.valid()) {
			t.Errorf("a file of %d bytes has content of %d with %q", len(file), got.Size, got.SHA256)
		}
	})
}

// FuzzSigner: no query grants anything but what was signed.
func FuzzSigner(f *testing.F) {
	s, err := NewSigner([]byte(strings.Repeat("k", 32)))
	if err != nil {
		f.Fatal(err)
	}
	at := time.Unix(2_000_000_000, 0)
	good := s.Sign(Grant{Key: "repos/1/a", Repo: 1, Name: "a/b.txt", Expires: at})
	f.Add("repos/1/a", good.Encode())
	f.Add("repos/1/b", good.Encode())
	f.Add("repos/1/a", strings.Replace(good.Encode(), "repo=1", "repo=2", 1))
	f.Add("repos/1/a", strings.Replace(good.Encode(), "2000000000", "2000000001", 1))
	f.Add("repos/1/a", strings.Replace(good.Encode(), "name=a%2Fb.txt", "name=a%2Fb.html", 1))
	f.Add("repos/1/aa", strings.Replace(good.Encode(), "name=a%2Fb.txt", "name=%2Fb.txt", 1))
	f.Add("1\nrepos/1/a", "repo=1&expires=2000000000&sig=")
	f.Fuzz(func(t *testing.T, key, query string) {
		q, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		g, ok := s.verify(key, q)
		if ok && (g.Key != "repos/1/a" || g.Repo != 1 || g.Name != "a/b.txt" || !g.Expires.Equal(at)) {
			t.Errorf("%q grants %+v", query, g)
		}
	})
}
