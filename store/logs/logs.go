// Package logs keeps the logs of jobs once their run is done: compressed, and
// removed after a while. Whoever reads a log does not notice.
//
// A log is a file NAME.log in the folder of its run, or NAME.log.zst in its
// place: Zstandard frames and a table to find an offset by, which any zstd
// reads too.
package logs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"sync"
	"time"

	seekable "github.com/SaveTheRbtz/zstd-seekable-format-go/pkg"
	"github.com/klauspost/compress/zstd"
)

const (
	plain  = ".log"
	packed = ".log.zst"
	// unfinished ends the name of a file that is being compressed to.
	unfinished = ".zst.tmp"
)

// frame is how many bytes of a log are compressed together: what has to be
// read to show any part of it.
const frame = 512 << 10

// Dir is a folder of logs, one folder in it a run. It is safe for concurrent
// use.
type Dir string

// Open opens the log of the package pkg in run, compressed or not. One that is
// not there is an error that is fs.ErrNotExist. Offsets are those of the log as
// it was written. The log may be compressed meanwhile; not so while it grows.
func (d Dir) Open(run, pkg string) (io.ReadSeekCloser, error) {
	name := path.Join(url.PathEscape(run), url.PathEscape(pkg))
	// It may be compressed between the first two looks, and never grows then.
	for _, suffix := range []string{plain, packed, plain} {
		f, err := open(string(d), name+suffix)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil || suffix == plain:
			return f, wrap(err)
		}
		r, err := unpack(f)
		return r, wrap(err)
	}
	return nil, wrap(fs.ErrNotExist)
}

func wrap(err error) error {
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	return nil
}

// open opens a regular file beneath dir, whatever links lead out of it.
func open(dir, name string) (*os.File, error) {
	f, err := os.OpenInRoot(dir, name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(fs.ErrNotExist, err, f.Close())
	}
	return f, nil
}

// decoder is shared by all readers.
var decoder = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(4*frame), zstd.WithDecoderConcurrency(0))
	if err != nil {
		panic(err) // the options are valid
	}
	return d
})

// unpacked is a compressed log that is read.
type unpacked struct {
	*seekable.Reader
	file *os.File
}

func unpack(f *os.File) (*unpacked, error) {
	r, err := seekable.NewReader(f, decoder())
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &unpacked{Reader: r, file: f}, nil
}

func (u *unpacked) Close() error { return errors.Join(u.Reader.Close(), u.file.Close()) }

// Stat tells when the log was written last.
func (u *unpacked) Stat() (fs.FileInfo, error) { return u.file.Stat() }

// Finished tells of a run whether it is done, and when. A run that is not known
// is an error that is fs.ErrNotExist.
type Finished func(run string) (at time.Time, done bool, err error)
