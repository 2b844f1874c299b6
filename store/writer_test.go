package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/dudesons/loktar/checks"
)

// blocked is a writer whose goroutine is inside a transaction until release
// is called.
type blocked struct {
	*writer
	db      *bolt.DB
	release func()
}

// newBlocked runs inside a synctest bubble.
func newBlocked(t *testing.T) *blocked {
	t.Helper()
	db, err := bolt.Open(filepath.Join(t.TempDir(), "db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucket([]byte("b"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	w := startWriter(db, provider{}, func(*bolt.Tx, int) error { return nil })
	t.Cleanup(func() {
		w.stop()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	gate := make(chan struct{})
	go func() {
		if err := w.do(context.Background(), func(*bolt.Tx) error { <-gate; return nil }); err != nil {
			t.Error(err)
		}
	}()
	synctest.Wait()
	return &blocked{w, db, func() { close(gate); synctest.Wait() }}
}

// write starts a write of key and returns the channel of its outcome.
func (b *blocked) write(ctx context.Context, key string, fail error) <-chan error {
	done := make(chan error, 1)
	go func() {
		done <- b.do(ctx, func(tx *bolt.Tx) error {
			if err := tx.Bucket([]byte("b")).Put([]byte(key), nil); err != nil {
				return err
			}
			return fail
		})
	}()
	synctest.Wait()
	return done
}

func (b *blocked) keys(t *testing.T) (keys []string, txs int) {
	t.Helper()
	err := b.db.View(func(tx *bolt.Tx) error {
		txs = tx.ID()
		return tx.Bucket([]byte("b")).ForEach(func(k, _ []byte) error {
			keys = append(keys, string(k))
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys, txs
}

func TestWriterGathersWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBlocked(t)
		_, before := b.keys(t)
		var outcomes []<-chan error
		for i := range 100 {
			outcomes = append(outcomes, b.write(t.Context(), fmt.Sprint(i), nil))
		}
		b.release()
		for _, o := range outcomes {
			if err := <-o; err != nil {
				t.Error(err)
			}
		}
		keys, after := b.keys(t)
		if len(keys) != 100 {
			t.Errorf("%d keys are written, want 100", len(keys))
		}
		// One transaction was under way; the 100 took one more.
		if after-before != 2 {
			t.Errorf("%d transactions, want 2", after-before)
		}
	})
}

func TestWriterFailureIsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBlocked(t)
		bad := errors.New("bad")
		one := b.write(t.Context(), "1", nil)
		two := b.write(t.Context(), "2", bad)
		three := b.write(t.Context(), "3", nil)
		b.release()
		if err := <-one; err != nil {
			t.Error(err)
		}
		if err := <-two; !errors.Is(err, bad) {
			t.Errorf("the failing request got %v", err)
		}
		if err := <-three; err != nil {
			t.Error(err)
		}
		if keys, _ := b.keys(t); fmt.Sprint(keys) != "[1 3]" {
			t.Errorf("keys %v, want 1 and 3", keys)
		}
	})
}

func TestWriterContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBlocked(t)
		ctx, cancel := context.WithCancel(t.Context())
		gaveUp := b.write(ctx, "gave up", nil)
		stays := b.write(t.Context(), "stays", nil)
		cancel()
		// The writer is still busy: the answer does not wait for it.
		if err := <-gaveUp; !errors.Is(err, context.Canceled) {
			t.Errorf("a request that gave up got %v", err)
		}
		b.release()
		if err := <-stays; err != nil {
			t.Error(err)
		}
		if keys, _ := b.keys(t); fmt.Sprint(keys) != "[stays]" {
			t.Errorf("keys %v, want only the one that stayed", keys)
		}
	})
}

func TestWriterContextEndsTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBlocked(t)
		b.release()
		ctx, cancel := context.WithCancel(t.Context())
		gate, done := make(chan struct{}), make(chan error, 1)
		go func() {
			done <- b.do(ctx, func(tx *bolt.Tx) error {
				<-gate
				return tx.Bucket([]byte("b")).Put([]byte("k"), nil)
			})
		}()
		synctest.Wait()
		cancel()
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("the caller left with %v while its transaction was under way", err)
		default:
		}
		close(gate)
		if err := <-done; err != nil {
			t.Error(err)
		}
		if keys, _ := b.keys(t); len(keys) != 1 {
			t.Errorf("keys %v, want one", keys)
		}
	})
}

func TestWriterStopWritesWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBlocked(t)
		waits := b.write(t.Context(), "waits", nil)
		stopped := make(chan struct{})
		go func() { b.stop(); close(stopped) }()
		synctest.Wait()
		if err := <-b.write(t.Context(), "late", nil); !errors.Is(err, ErrClosed) {
			t.Errorf("a request after stop got %v", err)
		}
		b.release()
		if err := <-waits; err != nil {
			t.Error(err)
		}
		<-stopped
		if keys, _ := b.keys(t); fmt.Sprint(keys) != "[waits]" {
			t.Errorf("keys %v, want the one that waited", keys)
		}
	})
}

// TestWriterEndsEachRequest hands in more than a batch takes, with the whole
// first batch given up.
func TestWriterEndsEachRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBlocked(t)
		ctx, cancel := context.WithCancel(t.Context())
		for range maxBatch {
			b.write(ctx, "gave up", nil)
		}
		last := b.write(t.Context(), "last", nil)
		cancel()
		synctest.Wait()
		b.release()
		if err := <-last; err != nil {
			t.Error(err)
		}
		if keys, _ := b.keys(t); fmt.Sprint(keys) != "[last]" {
			t.Errorf("keys %v, want only the last", keys)
		}
	})
}

// TestWriterDiskFull has a file that cannot grow: who does not fit is told
// what to look at, nothing of the batch counts, and what fits later is taken.
func TestWriterDiskFull(t *testing.T) {
	db, err := bolt.Open(filepath.Join(t.TempDir(), "db"), 0o600, &bolt.Options{MaxSize: 256 << 10})
	if err != nil {
		t.Fatal(err)
	}
	w := startWriter(db, provider{}, func(*bolt.Tx, int) error { return nil })
	defer func() {
		w.stop()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	put := func(key string, size int) error {
		return w.do(t.Context(), func(tx *bolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists([]byte("b"))
			if err != nil {
				return err
			}
			return b.Put([]byte(key), make([]byte, size))
		})
	}
	if err := put("fits", 10); err != nil {
		t.Fatal(err)
	}
	if err := put("too large", 1<<20); checks.KindOf(err) != checks.KindConfig || !errors.Is(err, bolterrors.ErrMaxSizeReached) {
		t.Errorf("a write that does not fit got %v", err)
	}
	if err := put("fits again", 10); err != nil {
		t.Error(err)
	}
	err = db.View(func(tx *bolt.Tx) error {
		if b := tx.Bucket([]byte("b")); b.Get([]byte("too large")) != nil || b.Get([]byte("fits again")) == nil {
			t.Error("the file does not hold what was answered")
		}
		for err := range tx.Check() {
			t.Error(err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
