package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dudesons/loktar/checks"
)

// trash removes folders in the background: they are renamed away at once and
// deleted one after the other.
type trash struct {
	dir  string
	next atomic.Uint64
	wg   sync.WaitGroup
	turn sync.Mutex // held while one folder is deleted

	mu  sync.Mutex
	err error
}

// openTrash takes dir for a trash and begins to remove what is in it already.
func openTrash(dir string) (*trash, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make trash: %w", err)
	}
	old, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read trash: %w", err)
	}
	t := &trash{dir: dir}
	t.next.Store(uint64(time.Now().UnixNano()))
	for _, e := range old {
		t.remove(filepath.Join(dir, e.Name()))
	}
	return t, nil
}

// discard takes path away at once; a path that is not there is fine. On a disk
// too full for another name it waits until path is deleted.
func (t *trash) discard(path string) error {
	to := filepath.Join(t.dir, strconv.FormatUint(t.next.Add(1), 36))
	if err := os.Rename(path, to); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if checks.IsDiskFull(err) {
			err = os.RemoveAll(path)
		}
		if err == nil {
			return nil
		}
		return fmt.Errorf("discard folder: %w", err)
	}
	t.remove(to)
	return nil
}

func (t *trash) remove(path string) {
	t.wg.Go(func() {
		t.turn.Lock()
		defer t.turn.Unlock()
		if err := os.RemoveAll(path); err != nil {
			t.report(fmt.Errorf("empty trash: %w", err))
		}
	})
}

// size is what is still to be removed, in bytes.
func (t *trash) size() int64 { return sizeOf(t.dir) }

// report keeps an error, if any, for who waits.
func (t *trash) report(err error) {
	if err == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.err = err
}

// wait returns when all is removed, with the last error met.
func (t *trash) wait() error {
	t.wg.Wait()
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}
