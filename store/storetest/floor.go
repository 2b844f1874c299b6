package storetest

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// BareSyncs is how many times a second the disk beneath dir takes one page
// by write and fdatasync: the floor of everything that is durable.
func BareSyncs(b testing.TB, dir string) float64 {
	b.Helper()
	f, err := os.Create(filepath.Join(dir, "floor"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := f.Close(); err != nil {
			b.Error(err)
		}
	}()
	page := make([]byte, 4096)
	start, n := time.Now(), 0
	for ; time.Since(start) < 300*time.Millisecond; n++ {
		if _, err := f.WriteAt(page, 0); err != nil {
			b.Fatal(err)
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			b.Fatal(err)
		}
	}
	return float64(n) / time.Since(start).Seconds()
}
