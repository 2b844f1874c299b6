package app_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/dudesons/loktar/app"
	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/configs"
	"github.com/dudesons/loktar/runner/docker/dockertest"
)

const (
	benchPackages = 40
	benchSlots    = 2
)

// BenchmarkPullRequest sends pull requests of 40 trivial packages through the
// whole server, from the push at minihub to the last check run completed
// there, and runs as many bare containers on the engine with the same slots,
// in turn. ratio is the server's time by the bare time.
func BenchmarkPullRequest(b *testing.B) {
	for _, network := range []bool{false, true} {
		b.Run("network="+strconv.FormatBool(network), func(b *testing.B) { benchmarkPullRequest(b, network) })
	}
}

func benchmarkPullRequest(b *testing.B, network bool) {
	engine, image := dockertest.Engine(b), dockertest.Image(b)
	bare := func() {
		var group errgroup.Group
		group.SetLimit(benchSlots)
		for range benchPackages {
			group.Go(func() error { return dockertest.BareJob(b.Context(), engine, image, network) })
		}
		if err := group.Wait(); err != nil {
			b.Fatal(err)
		}
	}
	hub := bootServer(b, image)
	files := map[string]string{}
	var entries []string
	for i := range benchPackages {
		name := fmt.Sprintf("p%02d", i)
		entries = append(entries, fmt.Sprintf(`{"pkg_name":%q,"network":%v}`, name, network))
		files[name+"/Makefile"] = "ci:\n\t@echo tested\nclean:\n\t@echo cleaned\n"
	}
	files["loktar.json"] = `{"packages":[` + strings.Join(entries, ",") + `]}`
	repo, err := hub.CreateRepo("acme", "bench")
	if err != nil {
		b.Fatal(err)
	}
	hub.Install("acme")
	if _, err := repo.Commit(b.Context(), minihub.Commit{Files: files}); err != nil {
		b.Fatal(err)
	}
	round := 0
	ours := func() {
		round++
		branch, change := fmt.Sprintf("topic-%d", round), map[string]string{}
		for i := range benchPackages {
			change[fmt.Sprintf("p%02d/round", i)] = strconv.Itoa(round)
		}
		sha, err := repo.Commit(b.Context(), minihub.Commit{Branch: branch, From: "main", Files: change})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := repo.OpenPull(b.Context(), minihub.NewPull{Head: branch}); err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(b.Context(), 5*time.Minute)
		defer cancel()
		if err := hub.Wait(ctx, func(v *minihub.View) bool {
			green := 0
			for _, c := range v.CheckRuns("acme/bench", sha) {
				if c.Conclusion == "success" {
					green++
				}
			}
			return green == benchPackages+1
		}); err != nil {
			b.Fatal(err)
		}
	}
	bare()
	ours()
	var took, floor time.Duration
	for b.Loop() {
		began := time.Now()
		bare()
		floor += time.Since(began)
		began = time.Now()
		ours()
		took += time.Since(began)
	}
	n := float64(b.N * benchPackages)
	b.ReportMetric(n/took.Seconds(), "packages/s")
	b.ReportMetric(n/floor.Seconds(), "bare/s")
	b.ReportMetric(took.Seconds()/floor.Seconds(), "ratio")
}

// bootServer starts a whole server beside a hub, by the environment alone.
func bootServer(tb testing.TB, image string) *minihub.Hub {
	tb.Helper()
	return bootRigged(tb, image, func(*app.Server) {})
}

// bootRigged is bootServer with something done to the server before it runs.
func bootRigged(tb testing.TB, image string, rig func(*app.Server)) *minihub.Hub {
	tb.Helper()
	dir := tb.TempDir()
	hub, err := minihub.New(minihub.Options{Dir: filepath.Join(dir, "hub"), RateLimit: 1 << 30})
	if err != nil {
		tb.Fatal(err)
	}
	url, err := hub.Listen("127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	key := filepath.Join(dir, "app.pem")
	if err := os.WriteFile(key, hub.App().PrivateKeyPEM(), 0o600); err != nil {
		tb.Fatal(err)
	}
	cfg, err := configs.Load("", []string{
		"LOKTAR_LISTEN=127.0.0.1:0",
		"LOKTAR_DATA_DIR=" + filepath.Join(dir, "data"),
		"LOKTAR_GITHUB_URL=" + url,
		"LOKTAR_GITHUB_APP_ID=" + strconv.FormatInt(hub.App().ID(), 10),
		"LOKTAR_GITHUB_PRIVATE_KEY_FILE=" + key,
		"LOKTAR_GITHUB_WEBHOOK_SECRET=secret",
		"LOKTAR_RUNNER_IMAGE=" + image,
		"LOKTAR_RUNNER_SLOTS=" + strconv.Itoa(benchSlots),
		"LOKTAR_GITHUB_WRITES_PER_MINUTE=100000", "LOKTAR_GITHUB_WRITES_PER_HOUR=1000000", // the engine is measured, not GitHub
	})
	if err != nil {
		tb.Fatal(err)
	}
	s, stop := serve(tb, cfg, zerolog.Nop(), rig)
	tb.Cleanup(func() {
		stop()
		if err := hub.Close(); err != nil {
			tb.Error(err)
		}
	})
	hub.App().SetWebhook("http://"+s.Addr()+"/webhook", "secret")
	return hub
}
