package blob

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"

	"github.com/dudesons/loktar/checks"
)

// fail gives an error of the SDK its kind; nil stays nil. The codes are those
// of https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html.
func (b *S3) fail(verb, key string, err error) error {
	if err == nil {
		return nil
	}
	var api interface{ ErrorCode() string }
	code := ""
	if errors.As(err, &api) {
		code = api.ErrorCode()
	}
	status := statusOf(err)
	cause := fmt.Errorf("%s object %q in S3 bucket %q: %w", verb, key, b.o.Bucket, err)
	var keys *keysError
	var cert *tls.CertificateVerificationError
	switch {
	case errors.Is(err, context.Canceled):
		return cause
	case errors.As(err, &keys):
		return checks.Errorf(checks.KindConfig, cause, "the keys of the S3 storage cannot be had; mend where the configuration takes them from")
	case errors.As(err, &cert):
		return checks.Errorf(checks.KindConfig, cause, "the certificate of the S3 endpoint is not trusted; mend the endpoint, or give the server's environment the authority's certificate (SSL_CERT_FILE, AWS_CA_BUNDLE)")
	case code == "NoSuchBucket":
		return noBucket(cause)
	case status == http.StatusPreconditionFailed && verb == "get":
		return checks.Errorf(checks.KindUnavailable, cause, "object %q was changed while it was read", key)
	case status == http.StatusPreconditionFailed:
		return refused(key, fmt.Errorf("%w (%w)", ErrExists, err))
	case code == "RequestTimeTooSkewed":
		return checks.Errorf(checks.KindConfig, cause, "S3 says that the server's clock is wrong; set it")
	case code == "SlowDown" || code == "ConditionalRequestConflict" || code == "OperationAborted" || code == "RequestTimeout":
		return checks.Errorf(checks.KindUnavailable, cause, "the S3 storage is busy")
	case status == http.StatusUnauthorized || status == http.StatusForbidden || code == "ExpiredToken" || code == "InvalidToken" || code == "XAdminUserNotFound": // the last is versitygw's, with 404
		return checks.Errorf(checks.KindConfig, cause, "the S3 storage refuses the server (%s); check its keys and that they allow s3:GetObject, s3:PutObject, s3:DeleteObject, s3:AbortMultipartUpload and s3:ListBucket", codeOr(code, status))
	case code == "AuthorizationHeaderMalformed" || code == "IllegalLocationConstraintException" || status >= 300 && status < 400:
		return checks.Errorf(checks.KindConfig, cause, "the S3 bucket is of another region or endpoint; set the region that it was made in")
	case status == http.StatusNotImplemented:
		return checks.Errorf(checks.KindConfig, cause, "the S3 server cannot do what the storage needs (%s)", codeOr(code, status))
	case status == http.StatusNotFound:
		return notFound(key, cause)
	case status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout:
		return checks.Errorf(checks.KindUnavailable, cause, "the S3 storage does not answer now (%s)", codeOr(code, status))
	case status >= 400:
		return checks.Errorf(checks.KindRefused, cause, "the S3 storage refuses this object (%s)", codeOr(code, status))
	}
	// No answer came: no connection, or none in time.
	return checks.Errorf(checks.KindUnavailable, cause, "the S3 storage cannot be reached")
}

// statusOf is the status of the answer that err tells of, or 0.
func statusOf(err error) int {
	var answer interface{ HTTPStatusCode() int }
	if errors.As(err, &answer) {
		return answer.HTTPStatusCode()
	}
	return 0
}

func codeOr(code string, status int) string {
	if code != "" {
		return code
	}
	return fmt.Sprint("status ", status)
}

func noBucket(err error) error {
	return checks.Errorf(checks.KindConfig, err, "the bucket of the S3 storage does not exist; make it or set another")
}
