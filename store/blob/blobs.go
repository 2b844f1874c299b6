package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Blobs keeps content under its own SHA-256, in a Bucket. All methods may be
// called concurrently.
type Blobs struct {
	Bucket Bucket
	// Limit is the most bytes that Add takes; 0 is no limit.
	Limit int64
	// Spool is the folder of Add's temporary files; the system's when empty.
	Spool string
}

// Key is where the content with digest d is: sha256/ab/abcdef...
func (d Digest) Key() string { return fmt.Sprintf("sha256/%.2s/%s", string(d), string(d)) }

// Add stores what r gives and tells its digest and size. Content that is
// there already is read, but not written again. What cannot be read twice
// goes through a temporary file. More than Limit bytes are ErrTooLarge; other
// errors are those of Bucket.Put.
func (b Blobs) Add(ctx context.Context, r io.Reader) (Digest, int64, error) {
	known, err := measure(ctx, r, "", b.Spool, b.Limit)
	if err != nil {
		return "", 0, fmt.Errorf("read content: %w", err)
	}
	defer known.Close()
	return known.sum, known.size, b.put(ctx, known.sum, known.size, known.in)
}

// AddKnown stores content whose digest is known, and does not read r when it
// is there. Other content is ErrMismatch; of a reader with more than Limit
// bytes nothing is stored.
func (b Blobs) AddKnown(ctx context.Context, d Digest, r io.Reader) error {
	if _, err := ParseDigest(string(d)); err != nil {
		return err
	}
	if b.Limit > 0 {
		r = &capped{r: r, left: b.Limit, limit: b.Limit}
	}
	return b.put(ctx, d, -1, r)
}

// put stores r under d unless it is there. What is there with another size or
// digest than it should is replaced.
func (b Blobs) put(ctx context.Context, d Digest, size int64, r io.Reader) error {
	o := PutOptions{SHA256: d, IfAbsent: true}
	there, err := b.Bucket.Stat(ctx, d.Key())
	switch {
	case errors.Is(err, ErrCorrupt),
		err == nil && (there.SHA256 != d || size >= 0 && there.Size != size):
		o.IfAbsent = false
	case err == nil:
		return nil
	}
	if _, err = b.Bucket.Put(ctx, d.Key(), r, o); errors.Is(err, ErrExists) {
		return nil
	}
	return err
}

// Open opens the content with digest d. Its reader ends with ErrCorrupt in
// place of the last bytes when the content is another.
func (b Blobs) Open(ctx context.Context, d Digest) (io.ReadCloser, Info, error) {
	if _, err := ParseDigest(string(d)); err != nil {
		return nil, Info{}, err
	}
	r, info, err := b.Bucket.Get(ctx, d.Key(), GetOptions{})
	if err != nil {
		return nil, Info{}, err
	}
	if info.SHA256 != d {
		// The bucket held it against another digest, or against none.
		info.SHA256 = d
		r = verify(r, info)
	}
	return r, info, nil
}

// Has reports whether the content with digest d is there.
func (b Blobs) Has(ctx context.Context, d Digest) (bool, error) {
	if _, err := ParseDigest(string(d)); err != nil {
		return false, err
	}
	_, err := b.Bucket.Stat(ctx, d.Key())
	if isNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// capped ends with ErrTooLarge after limit bytes.
type capped struct {
	r           io.Reader
	left, limit int64
}

func (c *capped) Read(p []byte) (int, error) {
	n, err := c.r.Read(p[:min(int64(len(p)), c.left+1)])
	if c.left -= int64(n); c.left < 0 {
		return 0, tooLarge(c.limit)
	}
	return n, err
}
