package publish_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner/publish"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "s3cr3t/+ &pass"

func fileOf(name string, content []byte) publish.File {
	sum := sha256.Sum256(content)
	return publish.File{
		Name: name, Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:]),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
	}
}

// onDisk is a file of a release as a server keeps it.
func onDisk(t *testing.T, path, name string) publish.File {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f := fileOf(name, content)
	f.Open = func() (io.ReadCloser, error) { return os.Open(path) }
	return f
}

func release(pkgType, name, version string, files ...publish.File) publish.Release {
	return publish.Release{
		Repo:    checks.Repo{ID: 1, Owner: "acme", Name: "mono"},
		Package: checks.Package{Name: name, Dir: name, PkgType: pkgType, Network: true},
		Version: version, Commit: strings.Repeat("ab", 20), Files: files,
	}
}

func wantKind(t *testing.T, err error, want checks.Kind) {
	t.Helper()
	if err == nil || checks.KindOf(err) != want {
		t.Errorf("error %v has the kind %v, want %v", err, checks.KindOf(err), want)
	}
	if err != nil && strings.Contains(err.Error(), secret) {
		t.Errorf("the error tells the secret: %v", err)
	}
	var known *checks.Error
	if errors.As(err, &known) && strings.Contains(known.Public, secret) {
		t.Errorf("the public text tells the secret: %v", known.Public)
	}
}

func mustPublish(t *testing.T, p publish.Publisher, r publish.Release) publish.Published {
	t.Helper()
	out, err := p.Publish(t.Context(), r)
	if err != nil {
		t.Fatalf("publish %s %s: %v", r.Package.Name, r.Version, err)
	}
	if out.Version != r.Version || len(out.Items) == 0 {
		t.Fatalf("published %+v", out)
	}
	return out
}

func wantState(t *testing.T, p publish.Publisher, r publish.Release, want publish.State) publish.Published {
	t.Helper()
	out, state, err := p.Find(t.Context(), r)
	if err != nil || state != want {
		t.Errorf("find %s %s: %v, %v, want %v", r.Package.Name, r.Version, state, err, want)
	}
	return out
}

func wantHighest(t *testing.T, p publish.Publisher, pkg checks.Package, want int64) {
	t.Helper()
	if n, err := p.Highest(t.Context(), pkg); err != nil || n != want {
		t.Errorf("highest of %s is %d, %v, want %d", pkg.Name, n, err, want)
	}
}

func command(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func credentials(user, password string) publish.Credentials {
	return func(context.Context, string) (publish.Credential, error) {
		return publish.Credential{Username: user, Password: password}, nil
	}
}

func content(t *testing.T, f publish.File) []byte {
	t.Helper()
	body, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// retryAfter is what the error asks for, in seconds.
func retryAfter(err error) float64 {
	var later interface{ RetryAfter() time.Duration }
	if !errors.As(err, &later) {
		return 0
	}
	return later.RetryAfter().Seconds()
}
