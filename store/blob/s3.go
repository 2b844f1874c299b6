package blob

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/dudesons/loktar/checks"
)

// S3Options say which bucket to use, and how.
type S3Options struct {
	Endpoint  string // a URL; empty for AWS's own of the region
	Region    string // us-east-1 when empty
	Bucket    string
	Prefix    string // of all keys, a key itself; may be empty
	PathStyle bool   // ENDPOINT/BUCKET/KEY in place of BUCKET.ENDPOINT/KEY
	// SSE is the server-side encryption: empty for the bucket's own, AES256,
	// or aws:kms, for which KMSKeyID names the key (the account's own when
	// empty).
	SSE, KMSKeyID string
	// Keys gives the credentials. It is asked for every request, so that new
	// ones count at once, and may be called concurrently. Nil stands for AWS's
	// default chain: environment, shared files, role of the machine.
	Keys func() (S3Keys, error)
	// Retries is how often a request is repeated that failed for a passing
	// reason, with growing pauses; 4 when 0, none when negative.
	Retries int
	// Plain leaves out the CRC-32 that goes with uploads over HTTPS, for
	// servers that do not know checksums in trailers.
	Plain bool
	// Spool is the folder of temporary files for content of unknown SHA-256;
	// the system's when empty.
	Spool string
}

// S3Keys are credentials; Session is for temporary ones.
type S3Keys struct {
	Access, Secret, Session string
}

// Memory of one Put: parts on their way and one that is read.
const (
	partSize     = 8 << 20
	partsAtOnce  = 4
	abortTimeout = 15 * time.Second
)

// S3 is a Bucket in a bucket of S3 or of a server that speaks its protocol.
// The SHA-256 is kept as metadata of the object.
//
// Content of unknown SHA-256 that cannot be read twice goes through a
// temporary file. What a killed process was uploading in parts is under no
// key, but takes space until Sweep or a lifecycle rule
// (AbortIncompleteMultipartUpload) ends it. Streams of unknown size may have
// 80 GB.
type S3 struct {
	o        S3Options
	client   *s3.Client
	transfer func(*transfermanager.Options)
}

var _ Bucket = (*S3)(nil)

// OpenS3 makes no request of the bucket; Check does. Errors have kind Config.
func OpenS3(ctx context.Context, o S3Options) (*S3, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	cfg := aws.Config{Region: o.Region, HTTPClient: httpClient(), Credentials: provider(o.Keys)}
	if o.Keys == nil {
		var err error
		if cfg, err = config.LoadDefaultConfig(ctx, config.WithRegion(o.Region), config.WithHTTPClient(httpClient())); err != nil {
			return nil, checks.Errorf(checks.KindConfig, err, "the S3 settings of the server's environment cannot be read; mend them or set the keys of the storage")
		}
	}
	attempts := 1 + max(o.Retries, 0)
	if o.Retries == 0 {
		attempts = 5
	}
	checksum := aws.RequestChecksumCalculationWhenSupported
	if o.Plain {
		checksum = aws.RequestChecksumCalculationWhenRequired
	}
	b := &S3{o: o}
	b.client = s3.NewFromConfig(cfg, func(s *s3.Options) {
		s.UsePathStyle = o.PathStyle
		if o.Endpoint != "" {
			s.BaseEndpoint = aws.String(o.Endpoint)
		}
		s.Retryer = retry.NewStandard(func(r *retry.StandardOptions) { r.MaxAttempts = attempts })
		s.HTTPSignerV4 = &signer{}
		s.RequestChecksumCalculation = checksum
		// Whole reads are verified by their SHA-256.
		s.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	})
	b.transfer = func(t *transfermanager.Options) {
		t.PartSizeBytes, t.MultipartUploadThreshold = partSize, partSize
		t.Concurrency = partsAtOnce
		t.FailTimeout = abortTimeout
		t.RequestChecksumCalculation = checksum
	}
	return b, nil
}

// check refuses what cannot work and fills in defaults. What it says holds
// nothing of the endpoint, in which somebody may have put a password.
func (o *S3Options) check() error {
	if o.Region == "" {
		o.Region = "us-east-1"
	}
	bad := ""
	u, err := url.Parse(o.Endpoint)
	switch {
	case o.Bucket == "" || strings.ContainsAny(o.Bucket, "/?# \\"):
		bad = fmt.Sprintf("%q is no name of a bucket", o.Bucket)
	case o.Endpoint != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https"):
		bad = "the endpoint is no http or https URL"
	case o.Endpoint != "" && (u.User != nil || u.RawQuery != ""):
		bad = "the endpoint has more than a host and a path; keys are set apart"
	case o.Prefix != "" && CheckKey(o.Prefix) != nil || len(o.Prefix) > 100:
		bad = fmt.Sprintf("the prefix %.80q is no key of at most 100 bytes", o.Prefix)
	case o.SSE != "" && o.SSE != string(types.ServerSideEncryptionAes256) && o.SSE != string(types.ServerSideEncryptionAwsKms):
		bad = fmt.Sprintf("the encryption %q is none of AES256 and aws:kms", o.SSE)
	case o.KMSKeyID != "" && o.SSE != string(types.ServerSideEncryptionAwsKms):
		bad = "a KMS key is set, but the encryption is not aws:kms"
	}
	if bad == "" {
		return nil
	}
	return checks.Errorf(checks.KindConfig, nil, "the S3 storage is not set up right: %s", bad)
}

func httpClient() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.ResponseHeaderTimeout = 90 * time.Second
		t.MaxIdleConnsPerHost = 16
	})
}

// Check asks whether the bucket is there and may be listed. Errors are those
// of Bucket; a bucket that is missing is of kind Config.
func (b *S3) Check(ctx context.Context) error {
	_, err := b.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &b.o.Bucket})
	if err = b.fail("look at", "", err); checks.KindOf(err) == checks.KindNotFound {
		return noBucket(err)
	}
	return err
}

// name is the object's name in the bucket.
func (b *S3) name(key string) *string { return aws.String(path.Join(b.o.Prefix, key)) }

// Delete implements Bucket.
func (b *S3) Delete(ctx context.Context, key string) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	_, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.o.Bucket, Key: b.name(key)})
	if err = b.fail("delete", key, err); checks.KindOf(err) == checks.KindNotFound {
		return nil
	}
	return err
}

// List implements Bucket. Names in the bucket that are no keys are left out.
func (b *S3) List(ctx context.Context, prefix, after string, limit int) ([]Info, error) {
	limit, err := checkList(prefix, after, limit)
	if err != nil {
		return nil, err
	}
	own := ""
	if b.o.Prefix != "" {
		own = b.o.Prefix + "/"
	}
	in := &s3.ListObjectsV2Input{Bucket: &b.o.Bucket, Prefix: aws.String(own + prefix), MaxKeys: aws.Int32(int32(limit))}
	if after != "" {
		in.StartAfter = aws.String(own + after)
	}
	var found []Info
	for {
		out, err := b.client.ListObjectsV2(ctx, in)
		if err != nil {
			return nil, b.fail("list", prefix, err)
		}
		for _, o := range out.Contents {
			key := strings.TrimPrefix(aws.ToString(o.Key), own)
			if CheckKey(key) == nil && len(found) < limit {
				found = append(found, Info{Key: key, Size: aws.ToInt64(o.Size), Modified: aws.ToTime(o.LastModified)})
			}
		}
		if len(found) == limit || !aws.ToBool(out.IsTruncated) || aws.ToString(out.NextContinuationToken) == "" {
			return found, nil
		}
		in.ContinuationToken = out.NextContinuationToken
	}
}

// Sweep ends uploads in parts that were begun more than age ago and not
// ended, and says how many. Nothing that is under a key is touched.
func (b *S3) Sweep(ctx context.Context, age time.Duration) (int, error) {
	in := &s3.ListMultipartUploadsInput{Bucket: &b.o.Bucket}
	if b.o.Prefix != "" {
		in.Prefix = aws.String(b.o.Prefix + "/")
	}
	swept := 0
	for {
		out, err := b.client.ListMultipartUploads(ctx, in)
		if err != nil {
			return swept, b.fail("list uploads to", "", err)
		}
		for _, u := range out.Uploads {
			if time.Since(aws.ToTime(u.Initiated)) < age {
				continue
			}
			_, err := b.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &b.o.Bucket, Key: u.Key, UploadId: u.UploadId})
			if err = b.fail("end an upload to", aws.ToString(u.Key), err); err != nil && checks.KindOf(err) != checks.KindNotFound {
				return swept, err
			}
			swept++
		}
		if !aws.ToBool(out.IsTruncated) {
			return swept, nil
		}
		in.KeyMarker, in.UploadIdMarker = out.NextKeyMarker, out.NextUploadIdMarker
	}
}
