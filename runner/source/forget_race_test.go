package source

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/checks"
)

// TestForgetRaced lets everything happen at once: what fails must say why,
// another repository goes on undisturbed, and what is lent is whole.
func TestForgetRaced(t *testing.T) {
	o, ev := pullRequest(t)
	other := ev
	other.Repo = otherRepo
	s := openSource(t, Options{URL: o.url, AllowFile: true, IdleTrees: 2})
	tree := load(t, s, ev).Change.Tree
	want := files{"a": "1", "b": "1", "loktar.json": "{}"}
	ended := func(err error) bool {
		k := checks.KindOf(err)
		return errors.Is(err, errForgotten) || k == checks.KindNotFound
	}
	var loaded, lent, forgot atomic.Int64
	once := make(chan struct{}, 1)
	work := func(ev checks.Event, may func(error) bool) {
		for range 15 {
			l, err := s.Load(t.Context(), ev)
			if err == nil {
				if ev.Repo == testRepo {
					loaded.Add(1)
					select {
					case once <- struct{}{}:
					default:
					}
				}
				if _, err := l.Tree().List("."); err != nil && !may(err) {
					t.Errorf("list: %v", err)
				}
			} else if !errors.Is(err, errForgotten) || !may(err) {
				t.Errorf("load: %v", err)
			}
			if err := l.Close(); err != nil && !may(err) {
				t.Errorf("close: %v", err)
			}
			lease, err := s.Lease(t.Context(), ev.Repo, tree)
			if err != nil {
				if !may(err) {
					t.Errorf("lease: %v", err)
				}
				continue
			}
			if ev.Repo == testRepo {
				lent.Add(1)
			}
			if diff := cmp.Diff(want, onDisk(t, lease.Dir)); diff != "" {
				t.Error(diff)
			}
			lease.Release()
		}
	}
	var workers, forgetters sync.WaitGroup
	for range 3 {
		workers.Go(func() { work(ev, ended) })
	}
	workers.Go(func() { work(other, func(error) bool { return false }) })
	workers.Go(func() {
		for range 5 {
			if err := s.Maintain(t.Context()); err != nil {
				t.Errorf("maintain: %v", err)
			}
		}
	})
	over := make(chan struct{})
	for range 2 {
		forgetters.Go(func() {
			// Something has to be there to be forgotten.
			for n := 1; ; n++ {
				select {
				case <-over:
					return
				case <-once:
				}
				if n%4 > 0 {
					continue
				}
				if err := s.Forget(t.Context(), testRepo); err != nil {
					t.Errorf("forget: %v", err)
				}
				forgot.Add(1)
			}
		})
	}
	workers.Wait()
	close(over)
	forgetters.Wait()
	if loaded.Load() == 0 || lent.Load() == 0 || forgot.Load() == 0 {
		t.Errorf("%d loads and %d leases succeeded, %d times all was forgotten", loaded.Load(), lent.Load(), forgot.Load())
	}
	t.Logf("%d loads, %d leases, %d times forgotten", loaded.Load(), lent.Load(), forgot.Load())
	if err := s.Forget(t.Context(), testRepo); err != nil {
		t.Error(err)
	}
	if left := kept(t, s, testRepo.ID); len(left) > 0 {
		t.Errorf("%q are left", left)
	}
	load(t, s, ev)
	lease(t, s, tree)
}
