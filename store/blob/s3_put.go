package blob

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	tmtypes "github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/dudesons/loktar/checks"
)

// Put implements Bucket. Its memory is bounded whatever the size.
func (b *S3) Put(ctx context.Context, key string, r io.Reader, o PutOptions) (Info, error) {
	if err := o.check(key); err != nil {
		return Info{}, err
	}
	if o.IfAbsent {
		// It spares an upload; what counts is S3's own answer to that.
		if _, err := b.Stat(ctx, key); err == nil {
			return Info{}, refused(key, ErrExists)
		}
	}
	known, err := measure(ctx, r, o.SHA256, b.o.Spool, 0)
	if err != nil {
		return Info{}, fmt.Errorf("read the content of object %q: %w", key, err)
	}
	defer known.Close()
	in, nonce := known.in, rand.Text()
	up := &transfermanager.UploadObjectInput{
		Bucket: &b.o.Bucket, Key: b.name(key), Body: in,
		ContentType: &o.ContentType,
		Metadata:    map[string]string{metaSHA256: string(known.sum), metaPut: nonce},
	}
	if known.size > 0 {
		up.ContentLength = aws.Int64(known.size)
	}
	if o.IfAbsent {
		up.IfNoneMatch = aws.String("*")
	}
	if b.o.SSE != "" {
		up.ServerSideEncryption = tmtypes.ServerSideEncryption(b.o.SSE)
	}
	if b.o.KMSKeyID != "" {
		up.SSEKMSKeyID = &b.o.KMSKeyID
	}
	client := &completer{Client: b.client}
	out, err := transfermanager.New(client, b.transfer).UploadObject(ctx, up)
	if client.err != nil {
		err = client.err
	}
	info := Info{Key: key, Size: in.n, SHA256: known.sum, ContentType: o.ContentType}
	if err == nil {
		info.ETag = etag(out.ETag)
		return info, nil
	}
	if in.err != nil {
		return Info{}, in.failed(key)
	}
	return b.settle(ctx, info, nonce, b.fail("put", key, err))
}

// settle looks what became of an upload whose answer was err: when an answer
// is lost, S3 does as it was told, and the SDK's next attempt finds its own
// object in the way, or no upload in parts any more.
func (b *S3) settle(ctx context.Context, info Info, nonce string, err error) (Info, error) {
	if ctx.Err() != nil {
		return Info{}, err
	}
	there, meta, lost := b.head(ctx, info.Key)
	switch {
	case lost != nil:
		if checks.KindOf(err) == checks.KindNotFound || errors.Is(err, ErrExists) {
			// The object that was in the way, or the upload, is gone.
			return Info{}, checks.Errorf(checks.KindUnavailable, err, "object %q was changed by another in the meantime", info.Key)
		}
	case meta[metaPut] == nonce:
		there.ContentType = info.ContentType
		return there, nil
	}
	return Info{}, err
}

// completer ends an upload in parts in place of the SDK's manager, which
// writes a failure to the standard log and, when it cannot abort then, keeps
// no more than the text of the error.
type completer struct {
	*s3.Client
	err error
}

// CompleteMultipartUpload keeps its error and gives none.
func (c *completer) CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput, o ...func(*s3.Options)) (*s3.CompleteMultipartUploadOutput, error) {
	out, err := c.Client.CompleteMultipartUpload(ctx, in, o...)
	if err == nil {
		return out, nil
	}
	c.err = err
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	// What cannot be aborted now is for Sweep; the error that counts is the first.
	_, _ = c.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: in.Bucket, Key: in.Key, UploadId: in.UploadId})
	return &s3.CompleteMultipartUploadOutput{}, nil
}
