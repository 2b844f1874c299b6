package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/store/blob"
)

// puts counts the calls of Put.
type puts struct {
	blob.Bucket
	n atomic.Int64
}

func (p *puts) Put(ctx context.Context, key string, r io.Reader, o blob.PutOptions) (blob.Info, error) {
	p.n.Add(1)
	return p.Bucket.Put(ctx, key, r, o)
}

// modelKeys: none is a folder of another, and their order is not that of
// their folders.
var modelKeys = []string{"a", "b/c", "b/d", "b.x", "b-x/y", "b0", "ü/1", "ü/2/3", "sp ace/+%", "z"}

// testModel does the same to a bucket and a map, and compares.
func testModel(t *testing.T, whole blob.Bucket) {
	rounds := 0
	rapid.Check(t, func(rt *rapid.T) {
		rounds++
		b, err := blob.Sub(whole, fmt.Sprint("round-", rounds))
		if err != nil {
			rt.Fatal(err)
		}
		m := model{b: b, objects: map[string][]byte{}, types: map[string]string{}}
		rt.Repeat(map[string]func(*rapid.T){"put": m.put, "get": m.get, "delete": m.delete, "list": m.list})
	})
}

type model struct {
	b       blob.Bucket
	objects map[string][]byte
	types   map[string]string
}

func (m *model) put(t *rapid.T) {
	key := rapid.SampledFrom(modelKeys).Draw(t, "key")
	content := Bytes(rapid.Uint64Range(0, 1000).Draw(t, "seed"), rapid.IntRange(0, 5000).Draw(t, "size"))
	o := blob.PutOptions{ContentType: rapid.SampledFrom([]string{"text/plain", "image/png"}).Draw(t, "type"), IfAbsent: rapid.Bool().Draw(t, "if absent")}
	sum := rapid.IntRange(0, 2).Draw(t, "digest")
	switch sum {
	case 1:
		o.SHA256 = Digest(content)
	case 2:
		o.SHA256 = Digest([]byte("other"))
	}
	_, there := m.objects[key]
	info, err := m.b.Put(context.Background(), key, stream(content), o)
	switch {
	case o.IfAbsent && there:
		if !errors.Is(err, blob.ErrExists) {
			t.Fatalf("Put over %q, if absent: %v", key, err)
		}
	case sum == 2:
		if !errors.Is(err, blob.ErrMismatch) {
			t.Fatalf("Put of other content: %v", err)
		}
	case err != nil || info.SHA256 != Digest(content) || info.Size != int64(len(content)):
		t.Fatalf("Put: %+v, %v", info, err)
	default:
		m.objects[key], m.types[key] = content, o.ContentType
	}
}

func (m *model) get(t *rapid.T) {
	key := rapid.SampledFrom(modelKeys).Draw(t, "key")
	o := blob.GetOptions{Offset: rapid.Int64Range(0, 5001).Draw(t, "offset") * rapid.Int64Range(0, 1).Draw(t, "at"), Length: rapid.Int64Range(0, 6000).Draw(t, "length")}
	content, there := m.objects[key]
	r, info, err := m.b.Get(context.Background(), key, o)
	switch {
	case !there:
		if err == nil || checks.KindOf(err) != checks.KindNotFound {
			t.Fatalf("Get of %q, which is not there: %v", key, err)
		}
		return
	case o.Offset > int64(len(content)):
		if err == nil || checks.KindOf(err) != checks.KindRefused {
			t.Fatalf("Get past the end: %v", err)
		}
		return
	case err != nil:
		t.Fatalf("Get: %v", err)
	}
	defer r.Close()
	want := content[o.Offset:]
	if o.Length > 0 && o.Length < int64(len(want)) {
		want = want[:o.Length]
	}
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("Get of %d+%d of %d bytes gives %d: %v", o.Offset, o.Length, len(content), len(got), err)
	}
	stat, err := m.b.Stat(context.Background(), key)
	if err != nil || !stat.Modified.Equal(info.Modified) {
		t.Fatalf("Stat: %+v, %v; Get: %+v", stat, err, info)
	}
	stat.Modified, info.Modified = info.Modified, stat.Modified
	if stat != info || info.SHA256 != Digest(content) || info.Size != int64(len(content)) || info.ContentType != m.types[key] || info.Key != key {
		t.Fatalf("Get tells of %+v, Stat of %+v; the object has %d bytes of %s", info, stat, len(content), m.types[key])
	}
}

func (m *model) delete(t *rapid.T) {
	key := rapid.SampledFrom(modelKeys).Draw(t, "key")
	if err := m.b.Delete(context.Background(), key); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	delete(m.objects, key)
}

func (m *model) list(t *rapid.T) {
	prefix := rapid.SampledFrom([]string{"", "b", "b/", "b/c", "ü", "q"}).Draw(t, "prefix")
	after := rapid.SampledFrom(append([]string{"", "b", "b/"}, modelKeys...)).Draw(t, "after")
	limit := rapid.IntRange(0, 4).Draw(t, "limit")
	var want []string
	for _, key := range slices.Sorted(maps.Keys(m.objects)) {
		if strings.HasPrefix(key, prefix) && key > after && (limit == 0 || len(want) < limit) {
			want = append(want, key)
		}
	}
	found, err := m.b.List(context.Background(), prefix, after, limit)
	if err != nil {
		t.Fatalf("List: %v", err)
	}
	var got []string
	for _, info := range found {
		got = append(got, info.Key)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("List(%q, %q, %d) is %q, want %q", prefix, after, limit, got, want)
	}
}
