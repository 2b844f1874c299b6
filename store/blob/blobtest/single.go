package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/store/blob"
)

// sizes are around the bounds of buffers and parts.
var sizes = []int{0, 1, 4096, 256<<10 + 1, 1 << 20, 8<<20 - 1, 8 << 20, 20<<20 + 17}

func testPutGet(t *testing.T, b blob.Bucket) {
	for i, size := range sizes {
		for name, reader := range map[string]func([]byte) io.Reader{
			"stream": stream,
			"seeker": func(c []byte) io.Reader { return bytes.NewReader(c) },
		} {
			t.Run(fmt.Sprint(size, name), func(t *testing.T) {
				content, key := Bytes(uint64(i), size), fmt.Sprint("size/", size)
				o := blob.PutOptions{ContentType: "text/plain; charset=utf-8"}
				if i%2 == 1 {
					o.SHA256 = Digest(content)
				}
				put, err := b.Put(t.Context(), key, reader(content), o)
				must(t, err)
				r, got, err := b.Get(t.Context(), key, blob.GetOptions{})
				must(t, err)
				defer r.Close()
				all, err := io.ReadAll(r)
				must(t, err)
				if !bytes.Equal(all, content) {
					t.Errorf("%d bytes came back, and not those %d that were put", len(all), size)
				}
				stat, err := b.Stat(t.Context(), key)
				must(t, err)
				for _, info := range []blob.Info{put, got, stat} {
					if info.Key != key || info.Size != int64(size) || info.SHA256 != Digest(content) || info.ContentType != o.ContentType || info.ETag == "" {
						t.Errorf("%+v is not what was put: %d bytes with %s", info, size, Digest(content))
					}
				}
				if got.Modified.IsZero() || !got.Modified.Equal(stat.Modified) || got.ETag != put.ETag {
					t.Errorf("Put tells of %+v, Get of %+v, Stat of %+v", put, got, stat)
				}
				must(t, b.Delete(t.Context(), key))
				wantAbsent(t, b, key)
				must(t, b.Delete(t.Context(), key))
			})
		}
	}
}

func testRanges(t *testing.T, b blob.Bucket) {
	content := Bytes(7, 10_000)
	put(t, b, "object", content)
	put(t, b, "empty", nil)
	for _, tt := range []struct {
		key            string
		offset, length int64
		want           []byte // nil: refused
	}{
		{"object", 0, 0, content},
		{"object", 0, 1, content[:1]},
		{"object", 0, 10_000, content},
		{"object", 0, 1 << 40, content},
		{"object", 1, 0, content[1:]},
		{"object", 5000, 100, content[5000:5100]},
		{"object", 9999, 1, content[9999:]},
		{"object", 9999, 50, content[9999:]},
		{"object", 10_000, 0, []byte{}},
		{"object", 10_000, 5, []byte{}},
		{"object", 10_001, 0, nil},
		{"object", 1 << 40, 1, nil},
		{"object", -1, 0, nil},
		{"object", 0, -1, nil},
		{"empty", 0, 0, []byte{}},
		{"empty", 0, 5, []byte{}},
		{"empty", 1, 0, nil},
	} {
		t.Run(fmt.Sprint(tt.key, tt.offset, "+", tt.length), func(t *testing.T) {
			r, info, err := b.Get(t.Context(), tt.key, blob.GetOptions{Offset: tt.offset, Length: tt.length})
			if tt.want == nil {
				wantKind(t, "a part outside", err, checks.KindRefused)
				return
			}
			must(t, err)
			defer r.Close()
			got, err := io.ReadAll(r)
			must(t, err)
			if !bytes.Equal(got, tt.want) {
				t.Errorf("%d bytes came, want %d", len(got), len(tt.want))
			}
			if whole := map[string]int64{"object": 10_000}[tt.key]; info.Size != whole {
				t.Errorf("size %d, want that of the whole, %d", info.Size, whole)
			}
		})
	}
}

// hostileKeys are refused by every method.
var hostileKeys = []string{
	"", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/..", "a/./b", "./a",
	"a\x00b", "a\nb", "a\x7f", "a\u0085", `a\b`, "a\xffb",
	strings.Repeat("x", 256), strings.Repeat("x/", 450) + "x",
}

func testHostileKeys(t *testing.T, b blob.Bucket) {
	for _, key := range hostileKeys {
		_, err := b.Put(t.Context(), key, strings.NewReader("x"), blob.PutOptions{})
		wantKind(t, fmt.Sprintf("put %q", key), err, checks.KindRefused)
		_, _, err = b.Get(t.Context(), key, blob.GetOptions{})
		wantKind(t, fmt.Sprintf("get %q", key), err, checks.KindRefused)
		_, err = b.Stat(t.Context(), key)
		wantKind(t, fmt.Sprintf("stat %q", key), err, checks.KindRefused)
		wantKind(t, fmt.Sprintf("delete %q", key), b.Delete(t.Context(), key), checks.KindRefused)
	}
	for _, start := range []string{"a\x00", "a\xff", strings.Repeat("x", 1000)} {
		_, err := b.List(t.Context(), start, "", 0)
		wantKind(t, fmt.Sprintf("list %q", start), err, checks.KindRefused)
	}
	found, err := b.List(t.Context(), "", "", 0)
	must(t, err)
	if len(found) > 0 {
		t.Errorf("refused keys are there: %v", found)
	}
}

// testStrangeKeys: what is a key is one, whatever it means to others.
func testStrangeKeys(t *testing.T, b blob.Bucket) {
	for _, key := range []string{
		"sp ace", "a+b", "%2e%2e/%2F", "a?b=c&d", "a#b", "a;b", "'\"<>", "ü/日本", "-rf", "~", "a:b", "*", "...", ".hidden/..a",
		"CON", strings.Repeat("y", 255), strings.Repeat("z/", 300) + "z", "{{.}}", "$(id)",
	} {
		put(t, b, key, []byte(key))
		if got := read(t, b, key); string(got) != key {
			t.Errorf("%q holds %q", key, got)
		}
		found, err := b.List(t.Context(), key, "", 0)
		if err != nil || len(found) != 1 || found[0].Key != key {
			t.Errorf("List tells of %v (%v) for %q", found, err, key)
		}
		must(t, b.Delete(t.Context(), key))
		wantAbsent(t, b, key)
	}
}

func testRefusals(t *testing.T, b blob.Bucket) {
	put(t, b, "there", []byte("first"))
	_, err := b.Put(t.Context(), "there", stream([]byte("second")), blob.PutOptions{IfAbsent: true})
	wantIs(t, "IfAbsent over an object", err, blob.ErrExists)
	_, err = b.Put(t.Context(), "there", stream([]byte("second")), blob.PutOptions{SHA256: Digest([]byte("third"))})
	wantIs(t, "another digest over an object", err, blob.ErrMismatch)
	if got := read(t, b, "there"); string(got) != "first" {
		t.Errorf("a refused Put left %q", got)
	}
	for _, size := range []int{0, 5, 20 << 20} {
		_, err = b.Put(t.Context(), "absent", stream(Bytes(1, size)), blob.PutOptions{SHA256: Digest([]byte("third"))})
		wantIs(t, fmt.Sprint("another digest of ", size), err, blob.ErrMismatch)
		wantAbsent(t, b, "absent")
	}
	// What can be read twice has to be the same twice, whether or not the
	// bucket does.
	fickle := &fickle{first: bytes.NewReader(Bytes(1, 20<<20)), then: bytes.NewReader(Bytes(2, 20<<20))}
	info, err := b.Put(t.Context(), "absent", fickle, blob.PutOptions{})
	if err == nil {
		if got := read(t, b, "absent"); Digest(got) != info.SHA256 {
			t.Error("of content that changed while it was put, another is there than Put said")
		}
		must(t, b.Delete(t.Context(), "absent"))
	} else {
		wantIs(t, "content that changes", err, blob.ErrMismatch)
		wantAbsent(t, b, "absent")
	}
	for _, bad := range []string{"text/html\r\nX: y", "no type at all/ /", strings.Repeat("x", 300) + "/y"} {
		_, err = b.Put(t.Context(), "absent", stream(nil), blob.PutOptions{ContentType: bad})
		wantKind(t, "content type "+bad, err, checks.KindRefused)
	}
	_, err = b.Put(t.Context(), "absent", stream(nil), blob.PutOptions{SHA256: "ABC"})
	wantKind(t, "a bad digest", err, checks.KindRefused)
	_, err = b.Put(t.Context(), "absent", stream(nil), blob.PutOptions{IfAbsent: true, SHA256: Digest(nil)})
	must(t, err)
	if info, err := b.Stat(t.Context(), "absent"); err != nil || info.ContentType != "application/octet-stream" {
		t.Errorf("without a content type it is %q (%v)", info.ContentType, err)
	}
}

// fickle gives something else after it was rewound.
type fickle struct{ first, then *bytes.Reader }

func (f *fickle) Read(p []byte) (int, error) { return f.first.Read(p) }

func (f *fickle) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekStart {
		f.first = f.then
	}
	return f.first.Seek(offset, whence)
}

// testNothingByHalf: a reader that fails, or a context that ends, leaves
// nothing, and what was there stays.
func testNothingByHalf(t *testing.T, b blob.Bucket) {
	put(t, b, "old", []byte("old"))
	broken := errors.New("the reader broke")
	for _, size := range []int{0, 1000, 9 << 20, 30 << 20} {
		for _, key := range []string{"old", "new"} {
			for _, sum := range []blob.Digest{"", Digest(nil)} {
				r := io.MultiReader(bytes.NewReader(Bytes(3, size)), &hook{err: broken})
				if _, err := b.Put(t.Context(), key, r, blob.PutOptions{SHA256: sum}); !errors.Is(err, broken) {
					t.Errorf("Put of a reader that breaks after %d bytes: %v", size, err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				r = io.MultiReader(bytes.NewReader(Bytes(3, size)), &hook{do: cancel})
				if _, err := b.Put(ctx, key, r, blob.PutOptions{SHA256: sum}); !errors.Is(err, context.Canceled) {
					t.Errorf("Put with a context that ends after %d bytes: %v", size, err)
				}
				cancel()
			}
		}
	}
	wantAbsent(t, b, "new")
	if got := read(t, b, "old"); string(got) != "old" {
		t.Errorf("a Put that failed left %q", got)
	}

	put(t, b, "large", Bytes(4, 20<<20))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, _, err := b.Get(ctx, "large", blob.GetOptions{})
	must(t, err)
	defer r.Close()
	_, err = io.ReadFull(r, make([]byte, 100))
	must(t, err)
	cancel()
	if _, err := io.Copy(io.Discard, r); !errors.Is(err, context.Canceled) {
		t.Errorf("a reader whose context ended: %v", err)
	}
}

// hook is a reader that does something once, gives err when it has one, and
// a byte otherwise for ever.
type hook struct {
	do  func()
	err error
}

func (h *hook) Read(p []byte) (int, error) {
	if h.err != nil {
		return 0, h.err
	}
	if h.do != nil {
		h.do()
	}
	p[0] = 'x'
	return 1, nil
}

// testFolderOfAnother: a bucket may have a key that is the folder of another,
// or refuse it; it may not lose one of them.
func testFolderOfAnother(t *testing.T, b blob.Bucket) {
	put(t, b, "a/b", []byte("inner"))
	_, err := b.Put(t.Context(), "a", stream([]byte("outer")), blob.PutOptions{})
	if err != nil {
		wantKind(t, "a key that is a folder", err, checks.KindRefused)
		wantAbsent(t, b, "a")
	}
	put(t, b, "c", []byte("outer"))
	_, err = b.Put(t.Context(), "c/d", stream([]byte("inner")), blob.PutOptions{})
	if err != nil {
		wantKind(t, "a key in an object", err, checks.KindRefused)
		wantAbsent(t, b, "c/d")
	}
	if in, out := read(t, b, "a/b"), read(t, b, "c"); string(in) != "inner" || string(out) != "outer" {
		t.Errorf("what was there is now %q and %q", in, out)
	}
	must(t, b.Delete(t.Context(), "a"))
	if got := read(t, b, "a/b"); string(got) != "inner" {
		t.Errorf("Delete of the folder's name took what is in it")
	}
	// An empty folder is none.
	must(t, b.Delete(t.Context(), "a/b"))
	put(t, b, "a", []byte("outer"))
	must(t, b.Delete(t.Context(), "c"))
	put(t, b, "c/d", []byte("inner"))
}
