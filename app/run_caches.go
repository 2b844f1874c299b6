package app

import (
	"context"
	"os"
	"slices"
	"sync"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
	"github.com/dudesons/loktar/runner/caches"
)

// localCaches are what packages keep between local runs. All of it is the
// user's own: there are no levels.
type localCaches struct {
	*caches.Store
	settle sync.Once
}

// Lease implements runner.Caches. Jobs begin when nothing of an earlier run is
// left, so the first of them settles the store.
func (c *localCaches) Lease(ctx context.Context, want runner.CacheWant) (runner.CacheView, error) {
	var err error
	c.settle.Do(func() { _, err = c.Settle(ctx) })
	if err != nil {
		return runner.CacheView{}, err
	}
	want.Reads, want.Write = []checks.CacheLevel{checks.CacheLocal}, checks.CacheLocal
	return c.Store.Lease(ctx, want)
}

// LocalCaches reports whether what packages have as cache can be kept between
// local runs.
func LocalCaches() bool { return os.Geteuid() == 0 }

// openCaches opens the room's caches where a package has some. Without them jobs
// run too.
func (r *localRun) openCaches(ctx context.Context, packages []checks.Package) runner.Caches {
	if r.Dry || !LocalCaches() || !slices.ContainsFunc(packages, func(p checks.Package) bool { return len(p.Cache) > 0 }) {
		return nil
	}
	store, err := caches.Open(r.Log.WithContext(ctx), r.room.path("caches"), caches.Options{})
	if err != nil {
		r.Log.Warn().Err(err).Msg("packages run without their caches")
		return nil
	}
	r.caches = store
	return &localCaches{Store: store}
}

func (r *localRun) closeCaches() (err error) {
	if r.caches != nil {
		err = r.caches.Close()
		r.caches = nil
	}
	return err
}
