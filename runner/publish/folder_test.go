package publish_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dudesons/loktar/runner/publish"
	"github.com/dudesons/loktar/store/blob"
)

// opening does something in the middle of being read.
type opening struct {
	io.Reader
	do func()
}

func (o *opening) Read(p []byte) (int, error) {
	o.do()
	return o.Reader.Read(p)
}

// TestFolderIsOpenedByManyAtOnce: who opens a folder removes what the dead
// left there, and nothing that somebody is writing.
func TestFolderIsOpenedByManyAtOnce(t *testing.T) {
	folder, dir := openFolder(t)
	left := filepath.Join(dir, ".tmp", "left-by-the-dead")
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	reads := 0
	content := strings.Repeat("x", 100_000)
	if _, err := folder.Put(t.Context(), "a/b", &opening{strings.NewReader(content), func() {
		reads++
		other, err := publish.OpenFolder(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Close(); err != nil {
			t.Error(err)
		}
	}}, blob.PutOptions{IfAbsent: true}); err != nil || reads < 2 {
		t.Fatalf("after %d reads: %v", reads, err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "a", "b")); err != nil || !bytes.Equal(got, []byte(content)) {
		t.Errorf("it holds %d bytes, %v", len(got), err)
	}
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what the dead left is there: %v", err)
	}
	if rest, err := os.ReadDir(filepath.Join(dir, ".tmp")); err != nil || len(rest) != 0 {
		t.Errorf("there are %v, %v", rest, err)
	}
}
