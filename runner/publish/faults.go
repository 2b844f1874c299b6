package publish

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/dudesons/loktar/checks"
)

// later is an error of a registry that said when to come again.
type later struct {
	error
	after time.Duration
}

// RetryAfter is how long the registry wants to hear nothing.
func (l *later) RetryAfter() time.Duration { return l.after }

func (l *later) Unwrap() error { return l.error }

// maxRetryAfter bounds what a registry may ask for.
const maxRetryAfter = time.Hour

// retryAfter reads the header Retry-After of RFC 9110, 10.2.3: seconds or a date.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil {
		return min(time.Duration(max(seconds, 0))*time.Second, maxRetryAfter)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), maxRetryAfter)
	}
	return 0
}

// registry is whom an error speaks of, and the secret that it must not tell.
type registry struct {
	host string
	cred Credential
}

// answered makes the error of an HTTP status that is no success. words are
// what the registry said, and hostile.
func (g registry) answered(status int, h http.Header, doing, words string) error {
	words = short(strings.Join(strings.Fields(g.cred.hide(words)), " "))
	err := fmt.Errorf("%s: HTTP status %d: %s", doing, status, words)
	if after := retryAfter(h, time.Now()); after > 0 {
		err = &later{err, after}
	}
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return g.denied(err)
	case status == http.StatusTooManyRequests:
		return checks.Errorf(checks.KindUnavailable, err, "%s takes no more requests for now.", g.host)
	case status == http.StatusRequestTimeout || status >= 500:
		return checks.Errorf(checks.KindUnavailable, err, "%s has a fault of its own (HTTP status %d).", g.host, status)
	case words == "":
		return checks.Errorf(checks.KindRefused, err, "%s refused the release (HTTP status %d).", g.host, status)
	}
	return checks.Errorf(checks.KindRefused, err, "%s refused the release (HTTP status %d): %s", g.host, status, words)
}

// denied is the error of a registry that does not accept the credentials.
func (g registry) denied(err error) error {
	err = g.cred.hideError(err)
	if g.cred.empty() {
		return checks.Errorf(checks.KindConfig, err, "%s wants credentials, and the server has none for it. Add them to the server's configuration.", g.host)
	}
	return checks.Errorf(checks.KindConfig, err, "%s does not accept the server's credentials, or they may not publish there. Correct them in the server's configuration.", g.host)
}

// unreached is the error of a request that got no answer.
func (g registry) unreached(ctx context.Context, err error, doing string) error {
	if ctx.Err() != nil && errors.Is(context.Cause(ctx), context.Canceled) {
		return fmt.Errorf("%s: %w", doing, context.Canceled)
	}
	var known *checks.Error
	if errors.As(err, &known) {
		return err
	}
	err = fmt.Errorf("%s: %w", doing, g.cred.hideError(err))
	var (
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		verify    *tls.CertificateVerificationError
		name      *net.DNSError
	)
	switch {
	case errors.As(err, &name) && name.IsNotFound:
		return checks.Errorf(checks.KindUnavailable, err, "No machine has the name %s at present. If it never had, correct the registry's `url` in the server's configuration.", g.host)
	case errors.As(err, &authority), errors.As(err, &hostname), errors.As(err, &invalid), errors.As(err, &verify):
		return checks.Errorf(checks.KindConfig, err, "The certificate of %s is not trusted by the server's machine. Add its authority there.", g.host)
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return checks.Errorf(checks.KindConfig, err, "%s speaks HTTP without TLS. Begin its `url` with http:// in the server's configuration, or give it a certificate.", g.host)
	}
	return checks.Errorf(checks.KindUnavailable, err, "%s does not answer.", g.host)
}

// readSome reads at most limit bytes, and says whether there was more.
func readSome(r io.Reader, limit int64) (data []byte, more bool, err error) {
	data, err = io.ReadAll(io.LimitReader(r, limit+1))
	if int64(len(data)) > limit {
		return data[:limit], true, err
	}
	return data, false, err
}
