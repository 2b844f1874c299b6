package store

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	bolt "go.etcd.io/bbolt"
)

// maxBatch bounds what one transaction takes, and so how long the first
// request in it waits for the last.
const maxBatch = 512

// request is one write. apply may be called more than once, each time in a
// fresh transaction, and only the last call counts.
type request struct {
	apply func(*bolt.Tx) error
	// taken is set by whoever decides the request's fate: the writer when it
	// puts it into a transaction, the caller when it gives up waiting.
	taken atomic.Bool
	done  chan error
}

// writer owns all writing. One goroutine takes every request that waits and
// commits them in one transaction; what comes meanwhile is the next batch.
type writer struct {
	db   *bolt.DB
	tidy func(tx *bolt.Tx, n int) error // runs at the end of each transaction of n requests
	room provider
	// failing: a transaction could not be written, see Writable.
	failing atomic.Bool

	wake chan struct{} // holds one token when queue or closed changed
	idle chan struct{} // closed when the goroutine has ended

	mu     sync.Mutex
	queue  []*request
	closed bool
}

func startWriter(db *bolt.DB, room provider, tidy func(*bolt.Tx, int) error) *writer {
	w := &writer{db: db, room: room, tidy: tidy, wake: make(chan struct{}, 1), idle: make(chan struct{})}
	go w.loop()
	return w
}

// do has apply run in a transaction and returns when that is on the disk. It
// returns ctx's error, and apply was not run, when ctx ends before the
// request's turn; after that it waits for the outcome whatever ctx does.
// An error of apply ends this request alone.
func (w *writer) do(ctx context.Context, apply func(*bolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r := &request{apply: apply, done: make(chan error, 1)}
	if !w.enqueue(r) {
		return ErrClosed
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		if r.taken.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		return <-r.done
	}
}

func (w *writer) enqueue(r *request) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	w.queue = append(w.queue, r)
	w.signal()
	return true
}

// stop ends the goroutine after what is queued is written.
func (w *writer) stop() {
	w.mu.Lock()
	w.closed = true
	w.signal()
	w.mu.Unlock()
	<-w.idle
}

func (w *writer) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *writer) loop() {
	defer close(w.idle)
	for range w.wake {
		for {
			batch, more, closed := w.take()
			if !more && closed {
				return
			}
			if !more {
				break
			}
			w.commit(batch)
		}
	}
}

// take removes the next batch from the queue, without the requests whose
// callers gave up; more is false when there was nothing to remove.
func (w *writer) take() (batch []*request, more, closed bool) {
	w.mu.Lock()
	n := min(len(w.queue), maxBatch)
	batch = slices.Clone(w.queue[:n])
	w.queue = slices.Delete(w.queue, 0, n)
	closed = w.closed
	w.mu.Unlock()
	batch = slices.DeleteFunc(batch, func(r *request) bool {
		return !r.taken.CompareAndSwap(false, true)
	})
	return batch, n > 0, closed
}

// commit writes batch in one transaction. A request that fails is taken out
// and answered, and the others are tried again without it.
func (w *writer) commit(batch []*request) {
	for len(batch) > 0 {
		bad, used := -1, int64(0)
		err := w.db.Update(func(tx *bolt.Tx) error {
			for i, r := range batch {
				if err := r.apply(tx); err != nil {
					bad = i
					return err
				}
			}
			used = tx.Size()
			return w.tidy(tx, len(batch))
		})
		if bad >= 0 {
			batch[bad].done <- err
			batch = slices.Delete(batch, bad, bad+1)
			continue
		}
		if err != nil {
			w.failing.Store(true)
			err = diskError(err)
		}
		for _, r := range batch {
			r.done <- err
		}
		w.room.provide(used)
		return
	}
}
