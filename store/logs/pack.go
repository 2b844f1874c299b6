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

// Pack compresses the logs of a run that is done, those beside the jobs' too.
// It may be called again, also after it was cut short at any place: each log is
// there the whole time.
func (d Dir) Pack(ctx context.Context, run string) error {
	dir := filepath.Join(string(d), url.PathEscape(run))
	return packAll(ctx, dir)
}

func packAll(ctx context.Context, dir string) error {
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
			err = packAll(ctx, name)
		case strings.HasSuffix(e.Name(), unfinished):
			if err = os.Remove(name); errors.Is(err, fs.ErrNotExist) {
				err = nil // it was written to meanwhile, to its end
			}
		case strings.HasSuffix(e.Name(), plain) && e.Type().IsRegular():
			err = pack(ctx, name)
		default:
			err = nil
		}
		failed = errors.Join(failed, err)
	}
	return failed
}

// pack puts a compressed file in the place of a log.
func pack(ctx context.Context, name string) (err error) {
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
		err = compress(ctx, out, in)
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
		err = os.Remove(name)
	}
	if err != nil {
		_ = os.Remove(temp)
		return fmt.Errorf("compress log: %w", err)
	}
	return nil
}

func compress(ctx context.Context, to io.Writer, from io.Reader) error {
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
	for {
		n, err := io.ReadFull(from, buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return errors.Join(err, w.Close())
			}
		}
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			return w.Close()
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
func (d Dir) Sweep(ctx context.Context, before time.Time, finished Finished) (done Swept, failed error) {
	entries, err := os.ReadDir(string(d))
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
			if err = os.RemoveAll(filepath.Join(string(d), e.Name())); err == nil {
				done.Removed++
			}
		default:
			err = d.Pack(ctx, run)
		}
		failed = errors.Join(failed, err)
	}
	return done, failed
}
