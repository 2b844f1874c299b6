package blob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/dudesons/loktar/checks"
)

// copyBuffer is large enough that a hash and a system call a chunk cost
// little beside the bytes.
const copyBuffer = 256 << 10

func digestOf(h hash.Hash) Digest { return Digest(hex.EncodeToString(h.Sum(nil))) }

// intake reads what is to be stored: it counts and hashes, ends with ctx, and
// gives ErrMismatch in place of io.EOF when the digest is not the wanted one.
type intake struct {
	ctx  func() error // a context is not kept, but its word is
	r    io.Reader
	h    hash.Hash
	n    int64
	want Digest // in terms of h
	sum  Digest // set once all is read
	err  error  // why it ended early
}

func newIntake(ctx context.Context, r io.Reader, want Digest) *intake {
	return &intake{ctx: ctx.Err, r: r, h: sha256.New(), want: want}
}

// noHash is of content that nobody else can change.
type noHash struct{ hash.Hash }

func (noHash) Write(p []byte) (int, error) { return len(p), nil }
func (noHash) Sum([]byte) []byte           { return nil }

func (i *intake) Read(p []byte) (int, error) {
	if i.err != nil {
		return 0, i.err
	}
	if i.err = i.ctx(); i.err != nil {
		return 0, i.err
	}
	n, err := i.r.Read(p)
	i.h.Write(p[:n])
	i.n += int64(n)
	switch {
	case err == io.EOF:
		i.sum = digestOf(i.h)
		if i.want != "" && i.sum != i.want {
			i.err = fmt.Errorf("%w: %s in place of %s", ErrMismatch, i.sum, i.want)
			err = i.err
		}
	case err != nil:
		i.err = err
	}
	return n, err
}

// failed is what Put says when the reader, not the store, is at fault.
func (i *intake) failed(key string) error {
	if i.want != "" && i.sum != "" {
		return refused(key, i.err)
	}
	return fmt.Errorf("read the content of object %q: %w", key, i.err)
}

// verified is a reader of a whole object. It keeps the last bytes back until
// all of them are known to be right, so that who counts bytes is not deceived.
type verified struct {
	io.ReadCloser
	h    hash.Hash
	left int64
	want Digest
	key  string
	err  error
}

// verify wraps r, which is to give size bytes. With no digest to want it
// holds the size alone.
func verify(r io.ReadCloser, info Info) io.ReadCloser {
	return &verified{ReadCloser: r, h: sha256.New(), left: info.Size, want: info.SHA256, key: info.Key}
}

func (v *verified) Read(p []byte) (int, error) {
	if v.err != nil || len(p) == 0 {
		return 0, v.err
	}
	if v.left == 0 {
		v.err = v.end()
		return 0, v.err
	}
	n, err := v.ReadCloser.Read(p)
	if v.want != "" {
		v.h.Write(p[:n])
	}
	v.left -= int64(n)
	switch {
	case v.left < 0:
		v.err = corrupt(v.key, "there is more than was stored")
	case v.left == 0:
		// The end is told by the next Read.
		if v.err = v.end(); errors.Is(v.err, io.EOF) {
			return n, nil
		}
	case err == io.EOF:
		v.err = corrupt(v.key, "%d bytes are missing", v.left)
	case err != nil:
		v.err = err
		return n, err
	default:
		return n, nil
	}
	return 0, v.err
}

// end is io.EOF when all that was read is right.
func (v *verified) end() error {
	if v.want != "" {
		if sum := digestOf(v.h); sum != v.want {
			return corrupt(v.key, "its SHA-256 is %s, %s was stored", sum, v.want)
		}
	}
	return io.EOF
}

func corrupt(key, format string, args ...any) error {
	return checks.Errorf(checks.KindInternal, fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...)),
		"object %q is damaged; remove it and have it made again", key)
}

// limited is the part of a file that a reader gives, with the file to close.
type limited struct {
	io.Reader
	io.Closer
}

// guarded ends with an error when the context does.
type guarded struct {
	r   io.Reader
	ctx func() error
}

func (g guarded) Read(p []byte) (int, error) {
	if err := g.ctx(); err != nil {
		return 0, err
	}
	return g.r.Read(p)
}
