package blob_test

import (
	"runtime/metrics"
	"sync"
	"testing"
	"time"
)

// peakHeap watches the heap until the function it gives is called, which
// tells by how much it was above its start at most.
func peakHeap(t testing.TB) func() uint64 {
	t.Helper()
	live := func() uint64 {
		s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(s)
		return s[0].Value.Uint64()
	}
	start := live()
	peak := start
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				peak = max(peak, live())
			}
		}
	}()
	end := sync.OnceFunc(func() { close(stop); <-stopped })
	t.Cleanup(end)
	return func() uint64 { end(); return peak - min(start, peak) }
}
