package blob_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/store/blob"
	"github.com/dudesons/loktar/store/blob/blobtest"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func put(t testing.TB, b blob.Bucket, key, content string) {
	t.Helper()
	_, err := b.Put(t.Context(), key, strings.NewReader(content), blob.PutOptions{ContentType: "text/plain"})
	must(t, err)
}

func get(t testing.TB, b blob.Bucket, key string) (string, error) {
	t.Helper()
	r, _, err := b.Get(t.Context(), key, blob.GetOptions{})
	if err != nil {
		return "", err
	}
	defer r.Close()
	content, err := io.ReadAll(r)
	return string(content), err
}

// TestDirStaysInside: links in the folder that lead out of it lead nowhere.
func TestDirStaysInside(t *testing.T) {
	outside, inside := t.TempDir(), t.TempDir()
	secret := filepath.Join(outside, "secret")
	must(t, os.WriteFile(secret, []byte("secret"), 0o600))
	d := openDir(t, inside)
	objects := filepath.Join(inside, "objects")
	must(t, os.Symlink(outside, filepath.Join(objects, "folder")))
	must(t, os.Symlink(secret, filepath.Join(objects, "file")))
	must(t, os.Symlink("../../"+filepath.Base(outside), filepath.Join(objects, "relative")))
	must(t, os.Symlink("loop", filepath.Join(objects, "loop")))
	must(t, syscall.Mkfifo(filepath.Join(objects, "pipe"), 0o600))

	for _, key := range []string{"folder/secret", "file", "relative/secret", "loop"} {
		if got, err := get(t, d, key); err == nil || checks.KindOf(err) != checks.KindConfig {
			t.Errorf("%s gives %q, %v; want an error of kind configuration", key, got, err)
		}
	}
	if _, err := get(t, d, "pipe"); checks.KindOf(err) != checks.KindNotFound {
		t.Errorf("a pipe gives %v", err)
	}
	for _, key := range []string{"folder/new", "relative/new"} {
		if _, err := d.Put(t.Context(), key, strings.NewReader("x"), blob.PutOptions{}); checks.KindOf(err) != checks.KindConfig {
			t.Errorf("Put through a link: %v", err)
		}
		if err := d.Delete(t.Context(), strings.Replace(key, "new", "secret", 1)); err == nil {
			t.Errorf("Delete through a link succeeds")
		}
	}
	if found, err := d.List(t.Context(), "", "", 0); err != nil || len(found) > 0 {
		t.Errorf("List tells of %v, %v", found, err)
	}
	// In place of a link comes the object, and the link's end stays.
	put(t, d, "file", "mine")
	if got, err := get(t, d, "file"); got != "mine" || err != nil {
		t.Errorf("in place of the link is %q, %v", got, err)
	}
	must(t, d.Delete(t.Context(), "folder"))
	entries, err := os.ReadDir(outside)
	must(t, err)
	content, err := os.ReadFile(secret)
	must(t, err)
	if len(entries) != 1 || string(content) != "secret" {
		t.Errorf("outside is now %v with %q", entries, content)
	}
}

// TestDirFindsDamage: whatever is changed in an object's file, a whole read
// does not end well.
func TestDirFindsDamage(t *testing.T) {
	at := t.TempDir()
	d := openDir(t, at)
	put(t, d, "a/b", "the content of this object")
	name := filepath.Join(at, "objects", "a", "b")
	whole, err := os.ReadFile(name)
	must(t, err)
	if !strings.HasPrefix(string(whole), "the content of this object{") {
		t.Errorf("the file starts with %.40q and not with the content as it is", whole)
	}
	damaged := map[string][]byte{
		"empty": {}, "longer": append(append([]byte{}, whole...), 'x'), "shorter at its start": whole[1:],
		"another": []byte("a file that no Put made"),
	}
	for i := range whole {
		flipped := append([]byte{}, whole...)
		flipped[i] ^= 0x20
		damaged[fmt.Sprint("bit of byte ", i)] = flipped
		damaged[fmt.Sprint("only ", i)] = whole[:i]
	}
	for what, content := range damaged {
		must(t, os.WriteFile(name, content, 0o600))
		if got, err := get(t, d, "a/b"); !errors.Is(err, blob.ErrCorrupt) || checks.KindOf(err) != checks.KindInternal {
			t.Errorf("%s: read %q, %v", what, got, err)
		}
	}
	// It can be seen, and put anew.
	if found, err := d.List(t.Context(), "", "", 0); err != nil || len(found) != 1 {
		t.Errorf("List tells of %v, %v", found, err)
	}
	put(t, d, "a/b", "anew")
	if got, err := get(t, d, "a/b"); got != "anew" || err != nil {
		t.Errorf("put anew it is %q, %v", got, err)
	}
}

// TestDirCleansUp: what a killed process left is removed by the next that
// opens the folder, but not while somebody else has it open.
func TestDirCleansUp(t *testing.T) {
	at := t.TempDir()
	d, err := blob.OpenDir(at)
	must(t, err)
	left := filepath.Join(at, "tmp", "left")
	must(t, os.WriteFile(left, []byte("half"), 0o600))
	other, err := blob.OpenDir(at)
	must(t, err)
	if _, err := os.Stat(left); err != nil {
		t.Errorf("what another may be writing was removed: %v", err)
	}
	must(t, other.Close())
	must(t, d.Close())
	d = openDir(t, at)
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was left is still there (%v)", err)
	}

	put(t, d, "a/b/c", "x")
	_, err = d.Put(t.Context(), "a/b/d", strings.NewReader("x"), blob.PutOptions{IfAbsent: true})
	must(t, err)
	for name, want := range map[string]fs.FileMode{"": 0o700, "tmp": 0o700, "objects/a": 0o700, "objects/a/b/c": 0o600, "objects/a/b/d": 0o600} {
		fi, err := os.Stat(filepath.Join(at, name))
		must(t, err)
		if name != "" && fi.Mode().Perm() != want {
			t.Errorf("%q has mode %v, want %v", name, fi.Mode().Perm(), want)
		}
	}
	must(t, d.Delete(t.Context(), "a/b/c"))
	must(t, d.Delete(t.Context(), "a/b/d"))
	for dir, want := range map[string]int{"tmp": 0, "objects": 0} {
		if entries, err := os.ReadDir(filepath.Join(at, dir)); err != nil || len(entries) != want {
			t.Errorf("%s holds %v after all was deleted (%v)", dir, entries, err)
		}
	}
}

// TestDirFoldersComeAndGo: a Put beside Deletes that empty its folder
// succeeds.
func TestDirFoldersComeAndGo(t *testing.T) {
	d := openDir(t, t.TempDir())
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			key := fmt.Sprint("x/y/z/", i)
			for n := range 60 {
				if _, err := d.Put(t.Context(), key, strings.NewReader("x"), blob.PutOptions{IfAbsent: n%2 == 0}); err != nil {
					t.Errorf("put: %v", err)
				}
				if err := d.Delete(t.Context(), key); err != nil {
					t.Errorf("delete: %v", err)
				}
			}
		})
	}
	wg.Wait()
}

func TestOpenDirRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	for _, at := range []string{file, filepath.Join(file, "below"), "/proc/none"} {
		if _, err := blob.OpenDir(at); checks.KindOf(err) != checks.KindConfig {
			t.Errorf("OpenDir(%q): %v, want an error of kind configuration", at, err)
		}
	}
}

// TestDirReaders: a reader gives nothing after Close, and all after a Delete.
func TestDirReaders(t *testing.T) {
	d := openDir(t, t.TempDir())
	content := blobtest.Bytes(1, 1<<20)
	_, err := d.Put(t.Context(), "k", strings.NewReader(string(content)), blob.PutOptions{SHA256: blobtest.Digest(content)})
	must(t, err)
	r, _, err := d.Get(t.Context(), "k", blob.GetOptions{})
	must(t, err)
	must(t, r.Close())
	if _, err := r.Read(make([]byte, 1)); err == nil {
		t.Error("a closed reader reads")
	}
	r, _, err = d.Get(t.Context(), "k", blob.GetOptions{})
	must(t, err)
	defer r.Close()
	must(t, d.Delete(t.Context(), "k"))
	got, err := io.ReadAll(r)
	if err != nil || blobtest.Digest(got) != blobtest.Digest(content) {
		t.Errorf("a reader that was open before a Delete gives %d bytes, %v", len(got), err)
	}
}
