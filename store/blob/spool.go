package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sync"

	"github.com/dudesons/loktar/checks"
)

// content is what is to be stored, its digest known.
type content struct {
	in   *intake
	sum  Digest
	size int64 // -1: not known
	io.Closer
}

var castagnoli = sync.OnceValue(func() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) })

// inMemory is how much measure keeps without a file.
const inMemory = 1 << 20

// measure learns the digest of r, unless it is given: by reading r twice when
// it can seek, else by way of memory or a temporary file in dir. More than
// limit bytes are ErrTooLarge; 0 is no limit.
func measure(ctx context.Context, r io.Reader, sum Digest, dir string, limit int64) (content, error) {
	if sum != "" {
		return content{newIntake(ctx, r, sum), sum, -1, io.NopCloser(nil)}, nil
	}
	in := newIntake(ctx, r, "")
	own := func(r io.Reader) *intake { return &intake{ctx: ctx.Err, r: r, h: noHash{}} }
	if s, ok := r.(io.ReadSeeker); ok {
		if at, err := s.Seek(0, io.SeekCurrent); err == nil {
			// That the second reading gives the same is held by a sum that
			// costs next to nothing.
			first := crc32.New(castagnoli())
			if err := drain(first, in, limit); err != nil {
				return content{}, err
			}
			_, err := s.Seek(at, io.SeekStart)
			second := &intake{ctx: ctx.Err, r: s, h: crc32.New(castagnoli()), want: digestOf(first)}
			return content{second, in.sum, in.n, io.NopCloser(nil)}, err
		}
	}
	var head bytes.Buffer
	if _, err := io.CopyN(&head, in, inMemory); errors.Is(err, io.EOF) {
		if limit > 0 && in.n > limit {
			return content{}, tooLarge(limit)
		}
		return content{own(&head), in.sum, in.n, io.NopCloser(nil)}, nil
	} else if err != nil {
		return content{}, err
	}
	f, err := spool(dir)
	if err != nil {
		return content{}, err
	}
	if _, err = head.WriteTo(f); err == nil {
		err = drain(f, in, limit)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return content{}, spoolError(in, err)
	}
	return content{own(f), in.sum, in.n, f}, nil
}

// drain reads all of in, which may already have been read in part.
func drain(w io.Writer, in *intake, limit int64) error {
	var r io.Reader = in
	if limit > 0 {
		r = io.LimitReader(in, limit-in.n+1)
	}
	if _, err := io.CopyBuffer(struct{ io.Writer }{w}, r, make([]byte, copyBuffer)); err != nil {
		return err
	}
	if limit > 0 && in.n > limit {
		return tooLarge(limit)
	}
	return nil
}

func tooLarge(limit int64) error {
	return checks.Errorf(checks.KindRefused, ErrTooLarge, "the content has more than %d bytes, which is the limit", limit)
}

// spool makes a temporary file without a name: whatever dies, it is gone when
// it is closed.
func spool(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "loktar-blob-")
	if err == nil {
		if err = os.Remove(f.Name()); err == nil {
			return f, nil
		}
		f.Close()
	}
	return nil, spoolFault(err)
}

// spoolError tells faults of the disk from those of the reader.
func spoolError(in *intake, err error) error {
	if in.err != nil || checks.KindOf(err) != checks.KindInternal {
		return err
	}
	return spoolFault(err)
}

func spoolFault(err error) error {
	return checks.Errorf(checks.KindConfig, fmt.Errorf("spool content: %w", err),
		"a temporary file cannot be written; make room in the server's folder for temporary files, or let it write there")
}
