package dockertest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// Disk mounts a small disk of its own, with an ext4 file system of that many
// bytes, and returns where; how has more words for mkfs. It is gone with the
// test, which is skipped where that cannot be had.
func Disk(t testing.TB, size int64, how ...string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("to mount a disk takes root")
	}
	dir := t.TempDir()
	file, at := filepath.Join(dir, "disk.img"), filepath.Join(dir, "disk")
	if err := os.Mkdir(at, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"truncate", "-s", strconv.FormatInt(size, 10), file},
		slices.Concat([]string{"mkfs.ext4", "-q", "-F", "-m", "5"}, how, []string{file}),
		{"mount", "-o", "loop", file, at},
	} {
		if out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Skipf("no disk can be had here: %v: %v\n%s", args, err, out)
		}
	}
	t.Cleanup(func() {
		if err := unix.Unmount(at, 0); err != nil {
			t.Errorf("unmount the disk: %v", err)
			_ = unix.Unmount(at, unix.MNT_DETACH)
		}
	})
	return at
}

// Fill fills the disk that the folder is on, also what it keeps for root, and
// returns what makes the room again.
func Fill(t testing.TB, dir string) (free func()) {
	t.Helper()
	file := filepath.Join(dir, ".filled")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		t.Fatal(err)
	}
	// Some of it may be needed to note where the rest is.
	for off, size := int64(0), int64(fs.Bfree)*fs.Bsize; size >= fs.Bsize; {
		if err := unix.Fallocate(int(f.Fd()), 0, off, size); err != nil {
			size /= 2
			continue
		}
		off += size
	}
	return func() {
		if err := os.Remove(file); err != nil {
			t.Error(err)
		}
	}
}

// FillInodes makes files on the disk that the folder is on until it takes no
// more, and returns what removes them.
func FillInodes(t testing.TB, dir string) (free func()) {
	t.Helper()
	all, err := os.MkdirTemp(dir, ".filled-")
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; ; i++ {
		err := os.Symlink("nothing", filepath.Join(all, strconv.Itoa(i))) // takes an inode and no block
		if errors.Is(err, unix.ENOSPC) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		if err := os.RemoveAll(all); err != nil {
			t.Error(err)
		}
	}
}
