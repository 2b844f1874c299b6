package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/dudesons/loktar/checks"
)

// Metadata of our objects.
const (
	metaSHA256 = "sha256"
	metaPut    = "loktar-put" // of one Put, so that it knows its own work again
)

// resumes is how often a body that breaks off is taken up again without
// having brought a byte more.
const resumes = 3

// Stat implements Bucket.
func (b *S3) Stat(ctx context.Context, key string) (Info, error) {
	info, _, err := b.head(ctx, key)
	return info, err
}

func (b *S3) head(ctx context.Context, key string) (Info, map[string]string, error) {
	if err := CheckKey(key); err != nil {
		return Info{}, nil, err
	}
	out, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.o.Bucket, Key: b.name(key)})
	if err != nil {
		return Info{}, nil, b.fail("look at", key, err)
	}
	return Info{
		Key: key, Size: aws.ToInt64(out.ContentLength), SHA256: metaDigest(out.Metadata),
		ContentType: aws.ToString(out.ContentType), Modified: aws.ToTime(out.LastModified), ETag: etag(out.ETag),
	}, out.Metadata, nil
}

func metaDigest(meta map[string]string) Digest {
	if d := Digest(meta[metaSHA256]); d.valid() {
		return d
	}
	return ""
}

func etag(s *string) string { return strings.Trim(aws.ToString(s), `"`) }

// Get implements Bucket. A body that breaks off is taken up again.
func (b *S3) Get(ctx context.Context, key string, o GetOptions) (io.ReadCloser, Info, error) {
	if err := CheckKey(key); err != nil {
		return nil, Info{}, err
	}
	if _, _, err := o.span(key, max(o.Offset, 0)); err != nil {
		return nil, Info{}, err
	}
	in := &s3.GetObjectInput{Bucket: &b.o.Bucket, Key: b.name(key)}
	if o.Length > 0 {
		in.Range = aws.String(fmt.Sprintf("bytes=%d-%d", o.Offset, o.Offset+o.Length-1))
	} else if o.Offset > 0 {
		in.Range = aws.String(fmt.Sprintf("bytes=%d-", o.Offset))
	}
	out, err := b.client.GetObject(ctx, in)
	if statusOf(err) == http.StatusRequestedRangeNotSatisfiable {
		return b.atEnd(ctx, key, o)
	}
	if err != nil {
		return nil, Info{}, b.fail("get", key, err)
	}
	info := Info{
		Key: key, Size: aws.ToInt64(out.ContentLength), SHA256: metaDigest(out.Metadata),
		ContentType: aws.ToString(out.ContentType), Modified: aws.ToTime(out.LastModified), ETag: etag(out.ETag),
	}
	offset := int64(0)
	if out.ContentRange != nil {
		if info.Size, err = totalOf(*out.ContentRange); err != nil {
			out.Body.Close()
			return nil, Info{}, b.fail("get", key, err)
		}
		offset = o.Offset
	} else if o.Offset > 0 || o.Length > 0 && info.Size > o.Length {
		out.Body.Close()
		return nil, Info{}, checks.Errorf(checks.KindConfig, nil, "the S3 server gives no parts of objects; the storage needs one that knows ranges")
	}
	_, length, err := o.span(key, info.Size)
	if err != nil {
		out.Body.Close()
		return nil, Info{}, err
	}
	body := &resumed{rc: out.Body, left: length, again: b.again(ctx, key, out.ETag, offset+length), fail: func(err error) error { return b.fail("get", key, err) }}
	if length == info.Size {
		return verify(body, info), info, nil
	}
	return body, info, nil
}

// atEnd answers for a part that S3 calls unsatisfiable: that at the end, which
// is empty, or one outside.
func (b *S3) atEnd(ctx context.Context, key string, o GetOptions) (io.ReadCloser, Info, error) {
	info, err := b.Stat(ctx, key)
	if err != nil {
		return nil, Info{}, err
	}
	_, length, err := o.span(key, info.Size)
	if err != nil {
		return nil, Info{}, err
	}
	if length > 0 {
		return nil, Info{}, checks.Errorf(checks.KindUnavailable, nil, "object %q was changed while it was opened", key)
	}
	return io.NopCloser(strings.NewReader("")), info, nil
}

// totalOf reads the size from "bytes 0-9/100".
func totalOf(contentRange string) (int64, error) {
	_, total, _ := strings.Cut(contentRange, "/")
	n, err := strconv.ParseInt(total, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("the answer's Content-Range is %.80q", contentRange)
	}
	return n, nil
}

// again opens the last left bytes before end of the same object.
func (b *S3) again(ctx context.Context, key string, tag *string, end int64) func(left int64) (io.ReadCloser, error) {
	return func(left int64) (io.ReadCloser, error) {
		out, err := b.client.GetObject(ctx, &s3.GetObjectInput{
			Bucket: &b.o.Bucket, Key: b.name(key), IfMatch: tag,
			Range: aws.String(fmt.Sprintf("bytes=%d-%d", end-left, end-1)),
		})
		if err != nil {
			return nil, err
		}
		if out.ContentRange == nil || aws.ToInt64(out.ContentLength) != left {
			out.Body.Close()
			return nil, errors.New("the answer has other bytes than those asked for")
		}
		return out.Body, nil
	}
}

// resumed is a body of left bytes that is opened again where it breaks off.
type resumed struct {
	rc    io.ReadCloser
	left  int64
	again func(left int64) (io.ReadCloser, error)
	fail  func(error) error
	tries int
	err   error
}

func (r *resumed) Read(p []byte) (int, error) {
	for r.err == nil {
		if r.left == 0 {
			return 0, io.EOF
		}
		n, err := r.rc.Read(p[:min(int64(len(p)), r.left)])
		r.left -= int64(n)
		if n > 0 {
			r.tries = 0
			return n, nil
		}
		if err == nil {
			return 0, nil
		}
		r.resume(err)
	}
	return 0, r.err
}

func (r *resumed) resume(broken error) {
	if errors.Is(broken, io.EOF) {
		broken = io.ErrUnexpectedEOF
	}
	if r.tries++; r.tries > resumes || errors.Is(broken, context.Canceled) || errors.Is(broken, context.DeadlineExceeded) {
		r.err = r.fail(broken)
		return
	}
	r.rc.Close()
	rc, err := r.again(r.left)
	if err != nil {
		r.err = r.fail(fmt.Errorf("%w, after %w", err, broken))
		return
	}
	r.rc = rc
}

func (r *resumed) Close() error { return r.rc.Close() }
