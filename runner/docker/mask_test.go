package docker

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dudesons/loktar/runner/rmtree"
)

func TestMaskIsWhiteouts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mask")
	odd := "\xff\n $(x)"
	hidden := []string{"a", "b/c/d", "b/c/e", "b/f", odd + "/" + odd, "z"}
	if err := makeMask(dir, hidden); err != nil {
		t.Fatal(err)
	}
	var got []string
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(file, &st); err != nil {
			return err
		}
		if st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Rdev != 0 || st.Nlink != uint64(len(hidden)) {
			t.Errorf("%q has mode %o, device %d and %d names", file, st.Mode, st.Rdev, st.Nlink)
		}
		name, err := filepath.Rel(dir, file)
		got = append(got, name)
		return err
	})
	slices.Sort(got)
	slices.Sort(hidden)
	if err != nil || !slices.Equal(got, hidden) {
		t.Errorf("%q, %v; want %q", got, err, hidden)
	}
}

// A path that leads out of the mask, or is not one, hides nothing anywhere.
func TestMaskStaysInside(t *testing.T) {
	for _, p := range []string{"../x", "/x", ".", "", "..", "a/../../x", "a/..", "./a", "link/x"} {
		top := t.TempDir()
		dir := filepath.Join(top, "mask")
		if err := makeMask(dir, []string{"ok", p}); err == nil && p != "link/x" {
			t.Errorf("%q was hidden", p)
		}
		if entries, err := os.ReadDir(top); err != nil || len(entries) != 1 {
			t.Errorf("%q: %v, %v", p, entries, err)
		}
	}
}

// More whiteouts than a file may have names on ext4 are several files.
func TestMaskOfMany(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mask")
	var hidden []string
	for i := range 65_100 {
		hidden = append(hidden, fmt.Sprintf("d%d/f%d", i/10_000, i))
	}
	if err := makeMask(dir, hidden); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{hidden[0], hidden[64_999], hidden[65_099]} {
		if info, err := os.Lstat(filepath.Join(dir, p)); err != nil || info.Mode()&fs.ModeCharDevice == 0 {
			t.Errorf("%s: %v, %v", p, info, err)
		}
	}
}

// BenchmarkMask hides all but one of 5,000 packages in one folder, of 20 files
// each, and in the same run makes as many whiteouts by a bare mknod each. ratio
// is the first by the second; removed-ratio is that of removing them.
func BenchmarkMask(b *testing.B) {
	const packages = 5000
	top := b.TempDir()
	var hidden []string
	for i := range packages {
		if i > 0 {
			hidden = append(hidden, fmt.Sprintf("services/pkg%04d", i))
		}
	}
	var ours, bare, removed, bareRemoved time.Duration
	round := 0
	for b.Loop() {
		round++
		mask, floor := filepath.Join(top, fmt.Sprint("mask", round)), filepath.Join(top, fmt.Sprint("bare", round))
		t0 := time.Now()
		if err := makeMask(mask, hidden); err != nil {
			b.Fatal(err)
		}
		t1 := time.Now()
		if err := os.MkdirAll(filepath.Join(floor, "services"), 0o755); err != nil {
			b.Fatal(err)
		}
		for _, p := range hidden {
			if err := unix.Mknod(floor+"/"+p, unix.S_IFCHR, 0); err != nil {
				b.Fatal(err)
			}
		}
		t2 := time.Now()
		err := rmtree.Remove(mask)
		t3 := time.Now()
		err = errors.Join(err, rmtree.Remove(floor))
		t4 := time.Now()
		if err != nil {
			b.Fatal(err)
		}
		ours, bare, removed, bareRemoved = ours+t1.Sub(t0), bare+t2.Sub(t1), removed+t3.Sub(t2), bareRemoved+t4.Sub(t3)
	}
	b.ReportMetric(float64(ours.Nanoseconds())/float64(b.N)/1e6, "mask-ms")
	b.ReportMetric(float64(bare.Nanoseconds())/float64(b.N)/1e6, "mknod-ms")
	b.ReportMetric(float64(ours)/float64(bare), "ratio")
	b.ReportMetric(float64(removed)/float64(bareRemoved), "removed-ratio")
}

func TestLayers(t *testing.T) {
	j := &job{dir: "/work/x"}
	j.task.Tree = "/tree"
	if got := strings.Join(j.layers(), ":"); got != "/work/x/upper:/tree" {
		t.Error(got)
	}
	j.mask = "/work/x/mask"
	if got := strings.Join(j.layers(), ":"); got != "/work/x/upper:/work/x/mask:/tree" {
		t.Error(got)
	}
}

// Where whiteouts cannot be made, the job gets a copy.
func TestHideWithoutWhiteouts(t *testing.T) {
	dir := t.TempDir()
	if words, err := exec.CommandContext(t.Context(), "chattr", "+i", dir).CombinedOutput(); err != nil {
		t.Skipf("a folder cannot be made immutable here: %v: %s", err, words)
	}
	t.Cleanup(func() {
		if words, err := exec.Command("chattr", "-i", dir).CombinedOutput(); err != nil { //nolint:noctx // it has to be done
			t.Errorf("%v: %s", err, words)
		}
	})
	j := &job{dir: dir}
	s := &Sandbox{}
	if err := s.hide(t.Context(), j); err != nil || j.copies {
		t.Errorf("nothing to hide: %v, copies %v", err, j.copies)
	}
	j.task.Hidden = []string{"a"}
	if err := s.hide(t.Context(), j); err != nil || !j.copies || j.mask != "" {
		t.Errorf("%v, copies %v, mask %q", err, j.copies, j.mask)
	}
	j = &job{dir: filepath.Join(dir, "gone")}
	j.task.Hidden = []string{"a"}
	if err := s.hide(t.Context(), j); err == nil || j.copies {
		t.Errorf("no folder: %v, copies %v", err, j.copies)
	}
}
