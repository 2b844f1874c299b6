package blob

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// provider asks keys anew for each request: it is not wrapped in a cache.
func provider(keys func() (S3Keys, error)) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
		k, err := keys()
		if err == nil && (k.Access == "" || k.Secret == "") {
			err = errors.New("the access key or the secret is empty")
		}
		if err != nil {
			return aws.Credentials{}, &keysError{err}
		}
		return credentials.NewStaticCredentialsProvider(k.Access, k.Secret, k.Session).Retrieve(ctx)
	})
}

// keysError tells faults of the operator's own function from S3's.
type keysError struct{ error }

func (e *keysError) Unwrap() error { return e.error }

// signer is the SDK's, made anew for a new secret: the SDK's keeps what it
// derived from a secret for the day, by the access key alone, and would go on
// with a wrong secret after it was put right.
type signer struct {
	mu     sync.Mutex
	secret string
	v4     *v4.Signer
}

func (s *signer) of(secret string) *v4.Signer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.v4 == nil || s.secret != secret {
		s.secret = secret
		s.v4 = v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	}
	return s.v4
}

// SignHTTP implements s3.HTTPSignerV4.
func (s *signer) SignHTTP(ctx context.Context, c aws.Credentials, r *http.Request, hash, service, region string, at time.Time, o ...func(*v4.SignerOptions)) error {
	return s.of(c.SecretAccessKey).SignHTTP(ctx, c, r, hash, service, region, at, o...)
}
