// Package blobtest holds what every blob.Bucket has to do, and the real S3
// server to hold it against.
package blobtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/store/blob"
)

// Store is an implementation under test.
type Store struct {
	// New makes a place without objects and names it.
	New func(t testing.TB) string
	// Open opens the place at, also in another process than the one of New.
	Open func(t testing.TB, at string) blob.Bucket
	// Writers is how many may overwrite one object at once: the test server
	// answers 409 to one of two (its linkat finds the other's file), S3 and
	// folders take any number.
	Writers int
}

// Run holds an implementation against the contract of blob.Bucket. The test
// has to be a top-level test: the crash test starts it again in a process of
// its own.
func Run(t *testing.T, s Store) {
	if crashChild(t, s) {
		return
	}
	bucket := s.Open(t, s.New(t))
	for _, tt := range []struct {
		name string
		test func(*testing.T, blob.Bucket)
	}{
		{"PutGet", testPutGet},
		{"Ranges", testRanges},
		{"HostileKeys", testHostileKeys},
		{"StrangeKeys", testStrangeKeys},
		{"Refusals", testRefusals},
		{"NothingByHalf", testNothingByHalf},
		{"FolderOfAnother", testFolderOfAnother},
		{"List", testList},
		{"OneOfManyWins", testOneOfManyWins},
		{"ReadersAndWriters", func(t *testing.T, b blob.Bucket) { testReadersAndWriters(t, b, s.Writers) }},
		{"Content", testContent},
		{"Model", testModel},
	} {
		t.Run(tt.name, func(t *testing.T) {
			part, err := blob.Sub(bucket, tt.name)
			must(t, err)
			tt.test(t, part)
		})
	}
	t.Run("Crash", func(t *testing.T) { testCrash(t, s) })
}

// Bytes are n bytes that look random and are the same for the same seed.
func Bytes(seed uint64, n int) []byte {
	var key [32]byte
	key[0], key[1], key[2] = byte(seed), byte(seed>>8), byte(seed>>16)
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(key).Read(b)
	return b
}

// Digest is the SHA-256 of b.
func Digest(b []byte) blob.Digest {
	sum := sha256.Sum256(b)
	return blob.Digest(hex.EncodeToString(sum[:]))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// stream hides that a reader can seek.
func stream(b []byte) io.Reader { return struct{ io.Reader }{bytes.NewReader(b)} }

func put(t testing.TB, b blob.Bucket, key string, content []byte) blob.Info {
	t.Helper()
	info, err := b.Put(context.Background(), key, stream(content), blob.PutOptions{})
	must(t, err)
	return info
}

// read is the whole object.
func read(t testing.TB, b blob.Bucket, key string) []byte {
	t.Helper()
	return part(t, b, key, blob.GetOptions{})
}

func part(t testing.TB, b blob.Bucket, key string, o blob.GetOptions) []byte {
	t.Helper()
	r, _, err := b.Get(context.Background(), key, o)
	must(t, err)
	defer r.Close()
	got, err := io.ReadAll(r)
	must(t, err)
	return got
}

func wantKind(t testing.TB, what string, err error, want checks.Kind) {
	t.Helper()
	if err == nil || checks.KindOf(err) != want {
		t.Errorf("%s: %v of kind %v, want one of kind %v", what, err, checks.KindOf(err), want)
	}
}

func wantAbsent(t testing.TB, b blob.Bucket, key string) {
	t.Helper()
	_, err := b.Stat(context.Background(), key)
	wantKind(t, "stat "+key, err, checks.KindNotFound)
	r, _, err := b.Get(context.Background(), key, blob.GetOptions{})
	wantKind(t, "get "+key, err, checks.KindNotFound)
	if err == nil {
		r.Close()
	}
}

func wantIs(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) || checks.KindOf(err) != checks.KindRefused {
		t.Errorf("%s: %v of kind %v, want %v, refused", what, err, checks.KindOf(err), want)
	}
}
