package docker

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOrphansOfAProcess(t *testing.T) {
	const size = 4 << 20
	count := func() int64 {
		o := orphanCounter{seen: make(map[orphan]struct{})}
		o.process(t.Context(), os.Getpid())
		return o.size
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Fallocate(int(f.Fd()), 0, 0, size); err != nil {
		t.Skipf("the disk reserves no room: %v", err)
	}
	before := count()
	want := func(state string, want int64) {
		t.Helper()
		if got := count() - before; got != want {
			t.Errorf("%s: %d bytes more, want %d", state, got, want)
		}
	}
	if err := os.Remove(f.Name()); err != nil {
		t.Fatal(err)
	}
	want("removed", size)
	again, err := unix.Dup(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	want("open twice", size)
	memory, err := unix.Mmap(again, 0, size, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	unix.Close(again)
	if os.Geteuid() == 0 { // others may not see what is mapped
		want("mapped", size)
	}
	if err := unix.Munmap(memory); err != nil {
		t.Fatal(err)
	}
	want("gone", 0)
	inMemory, err := unix.MemfdCreate("test", 0)
	if err != nil {
		t.Skip(err)
	}
	defer unix.Close(inMemory)
	if err := unix.Fallocate(inMemory, 0, 0, size); err != nil {
		t.Fatal(err)
	}
	want("in memory", 0)
}
