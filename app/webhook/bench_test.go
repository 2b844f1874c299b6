package webhook_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/dudesons/loktar/app/webhook"
	"github.com/dudesons/loktar/store"
	"github.com/dudesons/loktar/store/storetest"
)

const (
	benchSecret      = "benchmark"
	benchDeliveries  = 2000
	benchConnections = 16
)

// benchBody is a pull request event of the size that GitHub sends.
var benchBody = fmt.Appendf(nil, `{"action":"synchronize","number":7,"installation":{"id":99},
"repository":{"id":11,"name":"shop","owner":{"login":"acme"}},"sender":{"id":3,"login":"ann"},
"pull_request":{"title":"Sell more","user":{"id":3,"login":"ann"},"body":%q,
"head":{"sha":"%040d","ref":"more","repo":{"id":11,"name":"shop","owner":{"login":"acme"}}},
"base":{"sha":"%040d","ref":"main","repo":{"id":11,"name":"shop","owner":{"login":"acme"}}}}}`, strings.Repeat("filler ", 4000), 1, 2)

// BenchmarkDeliveries sends 2,000 signed deliveries an iteration from 16
// connections over HTTP on the loopback, each durable in a store on the disk
// before its 202, beside bare writes with fdatasync to the same disk.
func BenchmarkDeliveries(b *testing.B) {
	dir := b.TempDir()
	s, err := store.Open(filepath.Join(dir, "loktar.db"), store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	}()
	var woken atomic.Int64
	server := httptest.NewServer(webhook.New(webhook.Options{
		Secret: benchSecret, AppID: 1, Inbox: s,
		Wake: func() { woken.Add(1) },
	}))
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: benchConnections, MaxConnsPerHost: benchConnections}}
	defer client.CloseIdleConnections()

	floor := storetest.BareSyncs(b, dir)
	mac := hmac.New(sha256.New, []byte(benchSecret))
	mac.Write(benchBody)
	signature := "sha256=" + hex.EncodeToString(mac.Sum(nil))
	var mu sync.Mutex
	var took []time.Duration
	b.ResetTimer()
	for round := range b.N {
		var next atomic.Int64
		var g errgroup.Group
		for range benchConnections {
			g.Go(func() error {
				for {
					n := next.Add(1)
					if n > benchDeliveries {
						return nil
					}
					start := time.Now()
					if err := deliver(client, server.URL, signature, fmt.Sprintf("%08x-%d", n*2654435761&0xffffffff, round)); err != nil {
						return err
					}
					d := time.Since(start)
					mu.Lock()
					took = append(took, d)
					mu.Unlock()
				}
			})
		}
		if err := g.Wait(); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	if got := woken.Load(); got != int64(b.N*benchDeliveries) {
		b.Fatalf("%d deliveries were fresh, want %d", got, b.N*benchDeliveries)
	}
	slices.Sort(took)
	perSecond := float64(len(took)) / b.Elapsed().Seconds()
	b.ReportMetric(perSecond, "deliveries/s")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(floor, "bare-fsyncs/s")
	b.ReportMetric(floor/perSecond, "x-floor")
}

func deliver(client *http.Client, url, signature, guid string) error {
	r, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(benchBody))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-GitHub-Event", "pull_request")
	r.Header.Set("X-GitHub-Delivery", guid)
	r.Header.Set("X-Hub-Signature-256", signature)
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(resp.Body)
	if cerr := resp.Body.Close(); err == nil {
		err = cerr
	}
	if err == nil && resp.StatusCode != http.StatusAccepted {
		err = fmt.Errorf("answer %d %s", resp.StatusCode, text)
	}
	return err
}
