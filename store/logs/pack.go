package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	seekable "github.com/SaveTheRbtz/zstd-seekable-format-go/pkg"
	"github.com/klauspost/compress/zstd"
)

// small is the size below which compressing a log frees no block of a disk.
const small = 4 << 10

// Keeper compresses logs and removes them. It is safe for concurrent use with
// readers of its Dir, but one at a time.
type Keeper struct {
	Dir Dir
	// At, when set, is told of each of Steps that was taken, so that tests can
	// have the process die there.
	At func(step string)
}

// Steps are what the logs of a run come by, in order: those of a log that is
// compressed, then those of a run whose time is over.
var Steps = []string{
	"temporary file made", "first frame written", "all frames written", "compressed file named", "log removed",
	"run's time over", "run removed",
}

func (k Keeper) at(step int) {
	if k.At != nil {
		k.At(Steps[step])
	}
}

// Pack compresses the logs of a run that is done, those beside the jobs' too.
// It may be called again, also after it was cut short at any place: each log is
// there the whole time.
func (k Keeper) Pack(ctx context.Context, run string) error {
	return k.packAll(ctx, filepath.Join(string(k.Dir), url.PathEscape(run)))
}

func (k Keeper) packAll(ctx context.Context, dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list logs: %w", err)
	}
	var failed error
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		switch {
		case ctx.Err() != nil:
			return errors.Join(failed, ctx.Err())
		case e.IsDir(): // as of a job's services
			err = k.packAll(ctx, name)
		case strings.HasSuffix(e.Name(), unfinished):
			if err = os.Remove(name); errors.Is(err, fs.ErrNotExist) {
				err = nil // it was written to meanwhile, to its end
			}
		case strings.HasSuffix(e.Name(), plain) && e.Type().IsRegular():
			err = k.pack(ctx, name)
		default:
			err = nil
		}
		failed = errors.Join(failed, err)
	}
	return failed
}

// pack puts a compressed file in the place of a log.
func (k Keeper) pack(ctx context.Context, name string) (err error) {
	base := strings.TrimSuffix(name, plain)
	in, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("compress log: %w", err)
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return fmt.Errorf("compress log: %w", err)
	}
	if info.Size() < small {
		return nil
	}
	temp := base + unfinished
	out, err := os.OpenFile(temp, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err == nil {
		k.at(0)
		err = k.compress(ctx, out, in)
		if err == nil {
			err = out.Sync()
		}
		err = errors.Join(err, out.Close())
	}
	if err == nil {
		// Pages and browsers tell by it whether they have the same log.
		err = os.Chtimes(temp, info.ModTime(), info.ModTime())
	}
	if err == nil {
		err = os.Rename(temp, base+packed)
	}
	if err == nil {
		err = syncDir(filepath.Dir(name))
	}
	if err == nil {
		k.at(3)
		err = os.Remove(name)
	}
	if err != nil {
		_ = os.Remove(temp)
		return fmt.Errorf("compress log: %w", err)
	}
	k.at(4)
	return nil
}

func (k Keeper) compress(ctx context.Context, to io.Writer, from io.Reader) error {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(frame))
	if err != nil {
		return err
	}
	defer encoder.Close()
	w, err := seekable.NewWriter(to, encoder)
	if err != nil {
		return err
	}
	buf := make([]byte, frame)
	for first := true; ; first = false {
		n, err := io.ReadFull(from, buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return errors.Join(err, w.Close())
			}
			if first {
				k.at(1)
			}
		}
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			err := w.Close()
			k.at(2)
			return err
		case err != nil || ctx.Err() != nil:
			return errors.Join(err, ctx.Err(), w.Close())
		}
	}
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Swept is what Sweep did.
type Swept struct {
	Removed int // runs whose logs were removed
}

// Sweep removes the logs of runs that were done before that time, and of those
// that nobody knows and nobody wrote to since, and compresses the logs of the
// others that are done. It goes on after an error, and returns all.
func (k Keeper) Sweep(ctx context.Context, before time.Time, finished Finished) (done Swept, failed error) {
	entries, err := os.ReadDir(string(k.Dir))
	if errors.Is(err, fs.ErrNotExist) {
		return done, nil
	}
	if err != nil {
		return done, fmt.Errorf("list logs: %w", err)
	}
	for _, e := range entries {
		if ctx.Err() != nil {
			return done, errors.Join(failed, ctx.Err())
		}
		run, err := url.PathUnescape(e.Name())
		if err != nil || !e.IsDir() {
			continue
		}
		at, over, err := finished(run)
		if errors.Is(err, fs.ErrNotExist) {
			var info fs.FileInfo
			if info, err = e.Info(); err == nil {
				at, over = info.ModTime(), info.ModTime().Before(before)
			}
		}
		switch {
		case err != nil || !over:
		case at.Before(before):
			k.at(5)
			if err = os.RemoveAll(filepath.Join(string(k.Dir), e.Name())); err == nil {
				done.Removed++
				k.at(6)
			}
		default:
			err = k.Pack(ctx, run)
		}
		failed = errors.Join(failed, err)
	}
	return done, failed
}
