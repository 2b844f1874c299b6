package publish_test

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner/publish"
	"github.com/dudesons/loktar/store/blob"
)

// stalling is a bucket that takes whatever it is asked for and never ends,
// once its calls are used up.
type stalling struct {
	blob.Bucket
	calls int
}

func (s *stalling) stall(ctx context.Context) error {
	if s.calls--; s.calls >= 0 {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

func (s *stalling) Put(ctx context.Context, key string, r io.Reader, o blob.PutOptions) (blob.Info, error) {
	if err := s.stall(ctx); err != nil {
		return blob.Info{}, err
	}
	return s.Bucket.Put(ctx, key, r, o)
}

func (s *stalling) Get(ctx context.Context, key string, o blob.GetOptions) (io.ReadCloser, blob.Info, error) {
	if err := s.stall(ctx); err != nil {
		return nil, blob.Info{}, err
	}
	return s.Bucket.Get(ctx, key, o)
}

func (s *stalling) List(ctx context.Context, prefix, after string, limit int) ([]blob.Info, error) {
	if err := s.stall(ctx); err != nil {
		return nil, err
	}
	return s.Bucket.List(ctx, prefix, after, limit)
}

// TestStorageThatStalls: a storage that never answers is one that is away,
// wherever it ceases to.
func TestStorageThatStalls(t *testing.T) {
	folder := must(publish.OpenFolder(t.TempDir()))
	defer folder.Close()
	of := release("jar", "lib", "1")
	of.Files = []publish.File{fileOf("lib.jar", []byte("content"))}
	for calls := 0; ; calls++ {
		ended := false
		synctest.Test(t, func(t *testing.T) {
			bucket := &stalling{folder, calls}
			p := publish.NewFolder(bucket, "")
			began := time.Now()
			_, err := p.Highest(t.Context(), of.Package)
			if err == nil {
				_, err = p.Publish(t.Context(), of)
			}
			switch {
			case err == nil:
				ended = true
			case checks.KindOf(err) != checks.KindUnavailable || time.Since(began) > time.Hour:
				t.Errorf("after %d calls, for %s: %v", calls, time.Since(began), err)
			}
		})
		if ended {
			if calls < 4 {
				t.Errorf("published with %d calls", calls)
			}
			return
		}
	}
}
