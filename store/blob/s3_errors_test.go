package blob_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/store/blob"
	"github.com/dudesons/loktar/store/blob/blobtest"
)

// every calls all methods.
func every(ctx context.Context, b blob.Bucket) map[string]error {
	_, put := b.Put(ctx, "k", strings.NewReader("x"), blob.PutOptions{})
	_, absent := b.Put(ctx, "k", strings.NewReader("x"), blob.PutOptions{IfAbsent: true})
	_, _, get := b.Get(ctx, "k", blob.GetOptions{})
	_, stat := b.Stat(ctx, "k")
	_, list := b.List(ctx, "", "", 0)
	return map[string]error{"put": put, "put if absent": absent, "get": get, "stat": stat, "list": list, "delete": b.Delete(ctx, "k")}
}

// TestS3Kinds: what a server answers has the kind that says what to do.
func TestS3Kinds(t *testing.T) {
	for _, tt := range []struct {
		status int
		code   string
		want   checks.Kind
		words  string
	}{
		{403, "AccessDenied", checks.KindConfig, "s3:PutObject"},
		{403, "InvalidAccessKeyId", checks.KindConfig, "keys"},
		{403, "SignatureDoesNotMatch", checks.KindConfig, "keys"},
		{403, "RequestTimeTooSkewed", checks.KindConfig, "clock"},
		{400, "ExpiredToken", checks.KindConfig, "keys"},
		{400, "AuthorizationHeaderMalformed", checks.KindConfig, "region"},
		{301, "PermanentRedirect", checks.KindConfig, "region"},
		{404, "XAdminUserNotFound", checks.KindConfig, "keys"},
		{404, "NoSuchBucket", checks.KindConfig, "bucket"},
		{501, "NotImplemented", checks.KindConfig, "server"},
		{400, "EntityTooLarge", checks.KindRefused, ""},
		{409, "InvalidObjectState", checks.KindRefused, ""},
		{409, "ConditionalRequestConflict", checks.KindUnavailable, "busy"},
		{500, "InternalError", checks.KindUnavailable, ""},
		{502, "", checks.KindUnavailable, ""},
		{503, "SlowDown", checks.KindUnavailable, "busy"},
		{504, "", checks.KindUnavailable, ""},
		{429, "TooManyRequests", checks.KindUnavailable, ""},
		{408, "RequestTimeout", checks.KindUnavailable, ""},
	} {
		t.Run(fmt.Sprint(tt.status, tt.code), func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("Content-Type", "application/xml")
				w.WriteHeader(tt.status)
				fmt.Fprintf(w, "<Error><Code>%s</Code><Message>no</Message></Error>", tt.code)
			}))
			defer server.Close()
			b := openS3(t, fake(server.URL))
			for verb, err := range every(t.Context(), b) {
				if verb == "stat" {
					// A HEAD has no body, so no code.
					continue
				}
				if checks.KindOf(err) != tt.want || err == nil || !strings.Contains(checks.PublicText(err, ""), tt.words) {
					t.Errorf("%s: %v of kind %v, want %v with %q", verb, err, checks.KindOf(err), tt.want, tt.words)
				}
				noSecret(t, err, "the-secret", "AKIAfake", "the-session")
			}
		})
	}
}

func fake(endpoint string) blob.S3Options {
	return blob.S3Options{Endpoint: endpoint, Bucket: "b", PathStyle: true, Retries: -1, Keys: func() (blob.S3Keys, error) {
		return blob.S3Keys{Access: "AKIAfake", Secret: "the-secret", Session: "the-session"}, nil
	}}
}

func TestS3Unreachable(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	for verb, err := range every(t.Context(), openS3(t, fake(server.URL))) {
		if checks.KindOf(err) != checks.KindUnavailable {
			t.Errorf("%s without a server: %v of kind %v", verb, err, checks.KindOf(err))
		}
		noSecret(t, err, "the-secret", "AKIAfake")
	}
	hang := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	defer slow.Close()
	defer close(hang)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for verb, err := range every(ctx, openS3(t, fake(slow.URL))) {
		if checks.KindOf(err) != checks.KindUnavailable && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s with a deadline: %v of kind %v", verb, err, checks.KindOf(err))
		}
	}
}

// TestS3Keys: keys count from the next request on, and never show.
func TestS3Keys(t *testing.T) {
	server := blobtest.StartS3(t)
	o := server.MakeBucket(t, "keys")
	var mu sync.Mutex
	var keys blob.S3Keys
	var fault error
	set := func(k blob.S3Keys, err error) {
		mu.Lock()
		defer mu.Unlock()
		keys, fault = k, err
	}
	o.Keys = func() (blob.S3Keys, error) { mu.Lock(); defer mu.Unlock(); return keys, fault }
	b := openS3(t, o)
	right := blob.S3Keys{Access: server.Access, Secret: server.Secret}
	for _, tt := range []struct {
		name  string
		keys  blob.S3Keys
		fault error
		ok    bool
	}{
		{"right", right, nil, true},
		{"a wrong secret", blob.S3Keys{Access: server.Access, Secret: "wrong-secret"}, nil, false},
		{"none", blob.S3Keys{}, nil, false},
		{"a fault", blob.S3Keys{}, errors.New("the file is gone"), false},
		{"right again", right, nil, true},
	} {
		set(tt.keys, tt.fault)
		errs := every(t.Context(), b)
		errs["check"] = b.Check(t.Context())
		for verb, err := range errs {
			switch {
			case tt.ok && (err == nil || errors.Is(err, blob.ErrExists)):
			case !tt.ok && checks.KindOf(err) == checks.KindConfig && errors.Is(err, tt.fault):
			case !tt.ok && tt.fault == nil && checks.KindOf(err) == checks.KindConfig:
			default:
				t.Errorf("%s, %s: %v of kind %v", tt.name, verb, err, checks.KindOf(err))
			}
			noSecret(t, err, server.Secret, "wrong-secret", server.Access)
		}
	}
	o.Bucket, o.Keys = "absent", func() (blob.S3Keys, error) { return right, nil }
	b = openS3(t, o)
	for verb, err := range map[string]error{"check": b.Check(t.Context()), "list": every(t.Context(), b)["list"]} {
		if checks.KindOf(err) != checks.KindConfig || !strings.Contains(err.Error(), "does not exist") {
			t.Errorf("%s of a bucket that is not there: %v", verb, err)
		}
	}
}

func TestS3Options(t *testing.T) {
	for name, o := range map[string]blob.S3Options{
		"no bucket":          {},
		"a path as bucket":   {Bucket: "a/b"},
		"no URL":             {Bucket: "b", Endpoint: "localhost:9000"},
		"another protocol":   {Bucket: "b", Endpoint: "ftp://localhost"},
		"a password":         {Bucket: "b", Endpoint: "https://me:hunter2@localhost"},
		"a broken URL":       {Bucket: "b", Endpoint: "https://me:hunter2@local host:%zz"},
		"a query":            {Bucket: "b", Endpoint: "https://localhost?key=hunter2"},
		"a prefix outside":   {Bucket: "b", Prefix: "../x"},
		"a long prefix":      {Bucket: "b", Prefix: strings.Repeat("x", 101)},
		"another encryption": {Bucket: "b", SSE: "rot13"},
		"a key for nothing":  {Bucket: "b", KMSKeyID: "k"},
	} {
		_, err := blob.OpenS3(t.Context(), o)
		if checks.KindOf(err) != checks.KindConfig {
			t.Errorf("%s: %v, want an error of kind configuration", name, err)
		}
		noSecret(t, err, "hunter2")
	}
}

// TestS3Requests: what options ask for is on the wire.
func TestS3Requests(t *testing.T) {
	var mu sync.Mutex
	var seen []*http.Request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, r)
	}))
	defer server.Close()
	o := fake(server.URL)
	o.Prefix, o.SSE, o.KMSKeyID, o.Region, o.Plain = "in/here", "aws:kms", "the-key", "eu-west-3", true
	b := openS3(t, o)
	_, err := b.Put(t.Context(), "a b", strings.NewReader("x"), blob.PutOptions{ContentType: "text/plain", IfAbsent: true, SHA256: blobtest.Digest([]byte("x"))})
	// The look before it finds "an object", as all is 200 here.
	if !errors.Is(err, blob.ErrExists) {
		t.Errorf("Put over what is there: %v", err)
	}
	_, err = b.Put(t.Context(), "a b", strings.NewReader("x"), blob.PutOptions{ContentType: "text/plain"})
	must(t, err)
	last := seen[len(seen)-1]
	for header, want := range map[string]string{
		"X-Amz-Server-Side-Encryption":                "aws:kms",
		"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": "the-key",
		"X-Amz-Meta-Sha256":                           string(blobtest.Digest([]byte("x"))),
		"Content-Type":                                "text/plain",
		"X-Amz-Security-Token":                        "the-session",
		"X-Amz-Checksum-Crc32":                        "",
	} {
		if got := last.Header.Get(header); got != want {
			t.Errorf("%s is %q, want %q", header, got, want)
		}
	}
	if last.URL.Path != "/b/in/here/a b" || !strings.Contains(last.Header.Get("Authorization"), "/eu-west-3/s3/") {
		t.Errorf("asked for %s with %s", last.URL.Path, last.Header.Get("Authorization"))
	}
}
