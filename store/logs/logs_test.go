package logs_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/dudesons/loktar/store/logs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type failing interface {
	Helper()
	Fatal(...any)
}

func put(t failing, dir logs.Dir, name string, content []byte) {
	t.Helper()
	path := filepath.Join(string(dir), name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, content, 0o600)); err != nil {
		t.Fatal(err)
	}
}

func get(t failing, r io.Reader) []byte {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func open(t failing, dir logs.Dir, pkg string) io.ReadSeekCloser {
	t.Helper()
	f, err := dir.Open("run1", pkg)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// output is a log of about so many bytes, some of which compress.
func output(seed uint64, size int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	var b bytes.Buffer
	for b.Len() < size {
		b.WriteString("2026-11-22T16:00:00.000000000Z a line of output, and ")
		for range r.IntN(40) {
			b.WriteByte(byte(r.IntN(256)))
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// A compressed log is the log, from any place on.
func TestPackIsTheSame(t *testing.T) {
	all := output(1, 3<<20)
	dir := logs.Dir(t.TempDir())
	rapid.Check(t, func(rt *rapid.T) {
		content := all[:rapid.SampledFrom([]int{4 << 10, 100 << 10, 512 << 10, 512<<10 + 1, 1200 << 10}).Draw(rt, "size")]
		put(rt, dir, "run1/a%20%2F%20publish.log", content)
		if err := (logs.Keeper{Dir: dir}).Pack(t.Context(), "run1"); err != nil {
			rt.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(string(dir), "run1/a%20%2F%20publish.log")); !errors.Is(err, fs.ErrNotExist) {
			rt.Fatalf("the log is still there: %v", err)
		}
		f := open(rt, dir, "a / publish")
		defer f.Close()
		if end, err := f.Seek(0, io.SeekEnd); err != nil || end != int64(len(content)) {
			rt.Fatalf("its end is %d, %v; want %d", end, err, len(content))
		}
		for range 5 {
			at := rapid.IntRange(0, len(content)).Draw(rt, "at")
			n := rapid.IntRange(0, len(content)-at).Draw(rt, "n")
			if _, err := f.Seek(int64(at), io.SeekStart); err != nil {
				rt.Fatal(err)
			}
			if got := get(rt, io.LimitReader(f, int64(n))); !bytes.Equal(got, content[at:at+n]) {
				rt.Fatalf("%d bytes at %d are others", n, at)
			}
		}
	})
}

func TestPack(t *testing.T) {
	dir := logs.Dir(t.TempDir())
	long, old := output(1, 2<<20), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	put(t, dir, "run1/lib.log", long)
	put(t, dir, "run1/lib/db.log", long) // a service's
	put(t, dir, "run1/small.log", []byte("short"))
	put(t, dir, "run1/lib.zst.tmp", []byte("of a process that died"))
	put(t, dir, "run1/lib.log.zst", []byte("likewise"))
	put(t, dir, "run1/other.txt", long)
	name := filepath.Join(string(dir), "run1/lib.log")
	if err := os.Chtimes(name, old, old); err != nil {
		t.Fatal(err)
	}
	before := open(t, dir, "lib") // and goes on
	defer before.Close()
	for range 2 {
		if err := (logs.Keeper{Dir: dir}).Pack(t.Context(), "run1"); err != nil {
			t.Fatal(err)
		}
	}
	if got := get(t, before); !bytes.Equal(got, long) {
		t.Error("who had it open reads something else")
	}
	if f := open(t, dir, "small"); string(get(t, f)) != "short" || f.Close() != nil {
		t.Error("a small log is another")
	}
	var left []string
	err := filepath.WalkDir(string(dir), func(path string, d fs.DirEntry, err error) error {
		if !d.IsDir() {
			left = append(left, strings.TrimPrefix(path, string(dir)))
		}
		return err
	})
	if got := strings.Join(left, " "); err != nil || got != "/run1/lib/db.log.zst /run1/lib.log.zst /run1/other.txt /run1/small.log" {
		t.Errorf("left: %s, %v", got, err)
	}
	f := open(t, dir, "lib")
	defer f.Close()
	info, err := f.(interface{ Stat() (fs.FileInfo, error) }).Stat()
	if err != nil || !info.ModTime().Equal(old) {
		t.Errorf("written %v, %v", info.ModTime(), err)
	}

	// As a page serves it, in ranges.
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/log", nil)
	r.Header.Set("Range", "bytes=1000000-1000099")
	http.ServeContent(w, r, "lib.log", info.ModTime(), f)
	if w.Code != http.StatusPartialContent || !bytes.Equal(w.Body.Bytes(), long[1_000_000:1_000_100]) {
		t.Errorf("a range is %d, %d bytes", w.Code, w.Body.Len())
	}
	if err := (logs.Keeper{Dir: dir}).Pack(t.Context(), "none"); err != nil {
		t.Errorf("of a run without logs: %v", err)
	}
	for _, pkg := range []string{"none", "..", "../run1/lib"} {
		if _, err := dir.Open("run1", pkg); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", pkg, err)
		}
	}
}

// TestSweep: logs go with their time, and none of a run that goes on.
func TestSweep(t *testing.T) {
	dir := logs.Dir(t.TempDir())
	now := time.Now()
	long := output(1, 64<<10)
	for _, run := range []string{"old", "new", "live", "unknown", "stray", "away"} {
		put(t, dir, run+"/lib.log", long)
	}
	past := now.AddDate(0, 0, -40)
	if err := os.Chtimes(filepath.Join(string(dir), "stray"), past, past); err != nil {
		t.Fatal(err)
	}
	away := errors.New("the store is away")
	done, err := logs.Keeper{Dir: dir}.Sweep(t.Context(), now.AddDate(0, 0, -30), func(run string) (time.Time, bool, error) {
		switch run {
		case "old":
			return past, true, nil
		case "new":
			return now, true, nil
		case "live":
			return time.Time{}, false, nil
		case "away":
			return time.Time{}, false, away
		}
		return time.Time{}, false, fs.ErrNotExist
	})
	if !errors.Is(err, away) || done.Removed != 2 {
		t.Errorf("%+v, %v", done, err)
	}
	for run, want := range map[string]string{"old": "", "new": "lib.log.zst", "live": "lib.log", "unknown": "lib.log", "stray": "", "away": "lib.log"} {
		entries, err := os.ReadDir(filepath.Join(string(dir), run))
		switch {
		case want == "" && !errors.Is(err, fs.ErrNotExist):
			t.Errorf("%s is still there: %v", run, err)
		case want != "" && (len(entries) != 1 || entries[0].Name() != want):
			t.Errorf("%s: %v, %v", run, entries, err)
		}
	}
	if _, err := (logs.Keeper{Dir: logs.Dir(filepath.Join(string(dir), "none"))}).Sweep(t.Context(), now, nil); err != nil {
		t.Errorf("of no folder: %v", err)
	}
}
