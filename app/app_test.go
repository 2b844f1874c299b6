package app_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/app"
	"github.com/dudesons/loktar/configs"
)

// config is a configuration by environment variables, with changes.
func config(t testing.TB, changes ...string) configs.Config {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "app.pem")
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := configs.Load("", append([]string{
		"LOKTAR_LISTEN=127.0.0.1:0", "LOKTAR_DATA_DIR=" + t.TempDir(), "LOKTAR_GITHUB_APP_ID=1",
		"LOKTAR_GITHUB_PRIVATE_KEY_FILE=" + file, "LOKTAR_GITHUB_WEBHOOK_SECRET=a webhook's secret",
	}, changes...))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// TestNewTellsWhatIsWrong starts servers that cannot be, and then one in the
// same place, which shows that the others let go of what they held.
func TestNewTellsWhatIsWrong(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := config(t)
	busy := cfg
	busy.Listen = taken.Addr().String()
	keyless := cfg
	keyless.GitHub.PrivateKeyFile = filepath.Join(t.TempDir(), "none.pem")
	for want, bad := range map[string]configs.Config{"LOKTAR_LISTEN": busy, "private key": keyless} {
		if s, err := app.New(t.Context(), bad, zerolog.Nop(), "test"); err == nil || s != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New = %v, %v; want an error about %s", s, err, want)
		}
	}
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	start(t, busy)

	if _, err := app.New(t.Context(), cfg, zerolog.Nop(), "test"); err == nil || !strings.Contains(err.Error(), "Another loktar uses") {
		t.Errorf("a second server on one data_dir: %v", err)
	}
}

// start runs a server until the test ends.
func start(t testing.TB, cfg configs.Config) *app.Server {
	t.Helper()
	s, stop := serve(t, cfg, zerolog.Nop(), func(*app.Server) {})
	t.Cleanup(stop)
	return s
}

// serve runs a server until stop is called, once. prepare changes it before.
func serve(t testing.TB, cfg configs.Config, log zerolog.Logger, prepare func(*app.Server)) (s *app.Server, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s, err := app.New(ctx, cfg, log, "test")
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	prepare(s)
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return s, func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
