package blobtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/store/blob"
)

func testList(t *testing.T, b blob.Bucket) {
	keys := []string{"a.txt", "a/b", "a/b.c", "a/b-c/d", "a-/x", "a0", "b", "é", "z/1/2/3/4", "z/1/20"}
	for i, key := range keys {
		put(t, b, key, Bytes(1, i))
	}
	sorted := slices.Sorted(slices.Values(keys))
	for _, prefix := range []string{"", "a", "a/", "a/b", "a/b-", "z/1/2", "nothing", "é"} {
		for _, after := range append([]string{"", "a/", "a/b/", "a/b-c", "zz"}, keys...) {
			for _, limit := range []int{0, 1, 3} {
				var want []string
				for _, key := range sorted {
					if strings.HasPrefix(key, prefix) && key > after && (limit == 0 || len(want) < limit) {
						want = append(want, key)
					}
				}
				found, err := b.List(t.Context(), prefix, after, limit)
				must(t, err)
				var got []string
				for _, info := range found {
					got = append(got, info.Key)
					if info.Size != int64(slices.Index(keys, info.Key)) || info.Modified.IsZero() {
						t.Errorf("List tells of %+v", info)
					}
				}
				if !slices.Equal(got, want) {
					t.Errorf("List(%q, %q, %d) is %q, want %q", prefix, after, limit, got, want)
				}
			}
		}
	}
}

// testOneOfManyWins: of many that put under one key at once, if nothing is
// there, one does.
func testOneOfManyWins(t *testing.T, b blob.Bucket) {
	const many = 12
	for round, size := range []int{10, 300_000, 9 << 20, 10, 10, 10} {
		key := fmt.Sprint("round/", round)
		var winner atomic.Int64
		var wins, losses atomic.Int64
		var wg sync.WaitGroup
		start := make(chan struct{})
		for i := range many {
			wg.Go(func() {
				content := Bytes(uint64(i), size)
				<-start
				_, err := b.Put(t.Context(), key, stream(content), blob.PutOptions{IfAbsent: true, SHA256: Digest(content)})
				switch {
				case err == nil:
					wins.Add(1)
					winner.Store(int64(i))
				case errors.Is(err, blob.ErrExists):
					losses.Add(1)
				default:
					t.Errorf("round %d: %v", round, err)
				}
			})
		}
		close(start)
		wg.Wait()
		if wins.Load() != 1 || losses.Load() != many-1 {
			t.Errorf("of %d at once with %d bytes %d won and %d were told of another", many, size, wins.Load(), losses.Load())
		}
		if got := read(t, b, key); !bytes.Equal(got, Bytes(uint64(winner.Load()), size)) {
			t.Errorf("round %d: there is not what the winner put", round)
		}
	}
}

// testReadersAndWriters: who reads while others put and delete sees one of
// what was put, or nothing.
func testReadersAndWriters(t *testing.T, b blob.Bucket, writers int) {
	const key, rounds = "deep/er/key", 40
	versions := map[blob.Digest]bool{}
	for i := range rounds {
		versions[Digest(Bytes(uint64(i), 50_000))] = true
	}
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for i := range rounds {
				if _, err := b.Put(t.Context(), key, stream(Bytes(uint64(i), 50_000)), blob.PutOptions{}); err != nil {
					t.Errorf("put: %v", err)
				}
				if i%5 > 0 {
					continue
				}
				if err := b.Delete(t.Context(), key); err != nil {
					t.Errorf("delete: %v", err)
				}
			}
		})
	}
	for range 4 {
		wg.Go(func() {
			for range rounds {
				r, info, err := b.Get(t.Context(), key, blob.GetOptions{})
				if err != nil {
					if checks.KindOf(err) != checks.KindNotFound {
						t.Errorf("get: %v", err)
					}
					continue
				}
				content, err := io.ReadAll(r)
				r.Close()
				if err != nil || Digest(content) != info.SHA256 || !versions[info.SHA256] {
					t.Errorf("%d bytes of %s were read (%v): nobody put them", len(content), info.SHA256, err)
				}
			}
		})
	}
	wg.Wait()
}

// testContent is of blob.Blobs.
func testContent(t *testing.T, b blob.Bucket) {
	counted := &puts{Bucket: b}
	blobs := blob.Blobs{Bucket: counted, Limit: 10 << 20, Spool: t.TempDir()}
	for i, size := range []int{0, 10, 2 << 20, 10 << 20} {
		content := Bytes(uint64(i), size)
		for _, r := range []io.Reader{stream(content), bytes.NewReader(content), stream(content)} {
			d, n, err := blobs.Add(t.Context(), r)
			if err != nil || d != Digest(content) || n != int64(size) {
				t.Errorf("Add of %d bytes: %s, %d, %v", size, d, n, err)
			}
		}
		must(t, blobs.AddKnown(t.Context(), Digest(content), &hook{err: errors.New("nobody should read")}))
		if n := counted.n.Swap(0); n != 1 {
			t.Errorf("%d bytes were put %d times, want once", size, n)
		}
		r, info, err := blobs.Open(t.Context(), Digest(content))
		must(t, err)
		got, err := io.ReadAll(r)
		r.Close()
		if err != nil || !bytes.Equal(got, content) || info.Key != "sha256/"+string(Digest(content)[:2])+"/"+string(Digest(content)) {
			t.Errorf("Open gives %d of %d bytes at %s: %v", len(got), size, info.Key, err)
		}
		if has, err := blobs.Has(t.Context(), Digest(content)); !has || err != nil {
			t.Errorf("Has: %t, %v", has, err)
		}
	}
	for _, size := range []int{10<<20 + 1, 30 << 20} {
		content := Bytes(99, size)
		for _, r := range []io.Reader{stream(content), bytes.NewReader(content)} {
			_, _, err := blobs.Add(t.Context(), r)
			wantIs(t, "more than the limit", err, blob.ErrTooLarge)
		}
		wantIs(t, "more than the limit", blobs.AddKnown(t.Context(), Digest(content), stream(content)), blob.ErrTooLarge)
		if has, err := blobs.Has(t.Context(), Digest(content)); has || err != nil {
			t.Errorf("of what is too large Has says %t, %v", has, err)
		}
	}
	wantIs(t, "other content", blobs.AddKnown(t.Context(), Digest([]byte("a")), stream([]byte("b"))), blob.ErrMismatch)
	_, _, err := blobs.Open(t.Context(), Digest([]byte("a")))
	wantKind(t, "open what is not there", err, checks.KindNotFound)
	_, err = blobs.Has(t.Context(), "../../etc/passwd")
	wantKind(t, "a hostile digest", err, checks.KindRefused)

	// What lies under a digest and is not its content is found out, and
	// replaced by the next Add.
	d := Digest([]byte("right"))
	put(t, b, d.Key(), []byte("wrong"))
	r, _, err := blobs.Open(t.Context(), d)
	must(t, err)
	_, err = io.ReadAll(r)
	r.Close()
	if !errors.Is(err, blob.ErrCorrupt) {
		t.Errorf("other content under a digest: %v", err)
	}
	_, _, err = blobs.Add(t.Context(), stream([]byte("right")))
	must(t, err)
	if got := read(t, b, d.Key()); string(got) != "right" {
		t.Errorf("%q lies under the digest of right", got)
	}
}
