package blob_test

import (
	"bytes"
	"encoding/pem"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/store/blob"
	"github.com/dudesons/loktar/store/blob/blobtest"
)

const envTLS = "LOKTAR_BLOB_TLS"

// TestS3OverTLS: over HTTPS the SDK sends other bodies (checksums in
// trailers). Trust in the test's certificate is given by the environment,
// which Go reads once, so the client is a process of its own. It takes keys
// and region from the environment too: AWS's default chain.
func TestS3OverTLS(t *testing.T) {
	if endpoint := os.Getenv(envTLS); endpoint != "" {
		overTLS(t, endpoint)
		return
	}
	server := blobtest.StartS3(t)
	server.MakeBucket(t, "tls")
	u, err := url.Parse(server.Endpoint)
	must(t, err)
	var mu sync.Mutex
	trailers := 0
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(u)
		r.Out.Host = r.In.Host
		mu.Lock()
		defer mu.Unlock()
		if r.In.Header.Get("X-Amz-Trailer") != "" {
			trailers++
		}
	}}
	secure := httptest.NewTLSServer(forward)
	defer secure.Close()
	cert := filepath.Join(t.TempDir(), "cert.pem")
	must(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}), 0o600))
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestS3OverTLS$", "-test.count=1")
	cmd.Env = append(os.Environ(), envTLS+"="+secure.URL, "SSL_CERT_FILE="+cert, "AWS_CA_BUNDLE="+cert,
		"AWS_ACCESS_KEY_ID="+server.Access, "AWS_SECRET_ACCESS_KEY="+server.Secret, "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for verb, err := range every(t.Context(), openS3(t, fake(secure.URL))) {
		if checks.KindOf(err) != checks.KindConfig || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("%s with a certificate that is not trusted: %v", verb, err)
		}
	}
	if trailers == 0 {
		t.Error("no request had a trailer: the test is not of what HTTPS does")
	}
}

func overTLS(t *testing.T, endpoint string) {
	for _, plain := range []bool{false, true} {
		b := openS3(t, blob.S3Options{Endpoint: endpoint, Bucket: "tls", PathStyle: true, Plain: plain, Spool: t.TempDir()})
		must(t, b.Check(t.Context()))
		for _, size := range []int{0, 1000, 20 << 20} {
			content := blobtest.Bytes(1, size)
			_, err := b.Put(t.Context(), "k", bytes.NewReader(content), blob.PutOptions{})
			must(t, err)
			if got, err := get(t, b, "k"); err != nil || got != string(content) {
				t.Errorf("%d of %d bytes came back, %v", len(got), size, err)
			}
		}
		put(t, b, "small", strings.Repeat("x", 10))
	}
}
