package app

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/configs"
)

// BenchmarkPlan is planning in the server with a warm mirror: from a durable
// delivery to a durable plan, at 1 % of the packages changed. git-share is
// what reading the repository takes of it.
func BenchmarkPlan(b *testing.B) {
	for _, n := range []int{100, 1000, 5000} {
		b.Run(strconv.Itoa(n)+"packages", func(b *testing.B) { benchmarkPlan(b, n) })
	}
}

// planRounds is how many pull requests one measurement plans.
const planRounds = 15

func benchmarkPlan(b *testing.B, n int) {
	ctx, cancel := context.WithCancel(context.Background())
	dir := b.TempDir()
	hub, err := minihub.New(minihub.Options{Dir: filepath.Join(dir, "hub")})
	if err != nil {
		b.Fatal(err)
	}
	url, err := hub.Listen("127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	key := filepath.Join(dir, "app.pem")
	if err := os.WriteFile(key, hub.App().PrivateKeyPEM(), 0o600); err != nil {
		b.Fatal(err)
	}
	cfg, err := configs.Load("", []string{
		"LOKTAR_LISTEN=127.0.0.1:0", "LOKTAR_DATA_DIR=" + filepath.Join(dir, "data"), "LOKTAR_GITHUB_URL=" + url,
		fmt.Sprintf("LOKTAR_GITHUB_APP_ID=%d", hub.App().ID()), "LOKTAR_GITHUB_PRIVATE_KEY_FILE=" + key, "LOKTAR_GITHUB_WEBHOOK_SECRET=secret",
		"LOKTAR_GITHUB_WRITES_PER_MINUTE=100000", "LOKTAR_GITHUB_WRITES_PER_HOUR=1000000",
	})
	if err != nil {
		b.Fatal(err)
	}
	s, err := New(ctx, cfg, zerolog.Nop(), "bench")
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
		if err := hub.Close(); err != nil {
			b.Error(err)
		}
	}()

	repo, err := hub.CreateRepo("acme", "bench")
	if err != nil {
		b.Fatal(err)
	}
	installation := hub.Install("acme")
	if _, err := repo.Commit(ctx, minihub.Commit{Files: benchRepository(n)}); err != nil {
		b.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	number := 0
	event := func() checks.Event {
		number++
		change := map[string]string{}
		for range max(n/100, 1) {
			change[fmt.Sprintf("p%04d/f%02d", rng.IntN(n), rng.IntN(20))] = strconv.Itoa(number)
		}
		branch := "topic-" + strconv.Itoa(number)
		sha, err := repo.Commit(ctx, minihub.Commit{Branch: branch, From: "main", Files: change})
		if err != nil {
			b.Fatal(err)
		}
		base, err := repo.Tip(ctx, "main")
		if err != nil {
			b.Fatal(err)
		}
		r := checks.Repo{ID: repo.ID(), Owner: "acme", Name: "bench"}
		return checks.Event{
			Delivery: "bench-" + branch, Kind: checks.EventPullRequest, Name: "pull_request.opened", Received: time.Now(),
			Installation: installation, Repo: r, HeadSHA: sha, Sender: checks.User{ID: 1, Login: "acme"},
			PullRequest: &checks.PullRequest{Number: number, Author: checks.User{ID: 1, Login: "acme"},
				Head: checks.Ref{SHA: sha, Branch: branch, Repo: r}, Base: checks.Ref{SHA: base, Branch: "main", Repo: r}},
		}
	}
	// A look a half millisecond leaves the cores to what is measured.
	tick := time.NewTicker(500 * time.Microsecond)
	defer tick.Stop()
	plan := func(ev checks.Event) time.Duration {
		if _, err := s.store.Accept(ctx, ev); err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		s.engine.Wake()
		for ; ; <-tick.C {
			rec, ok, err := s.store.Delivery(ev.Delivery)
			if err != nil || !ok {
				b.Fatalf("delivery %s: %v, %v", ev.Delivery, ok, err)
			}
			if !rec.Pending {
				return time.Since(began)
			}
			if time.Since(began) > time.Minute {
				b.Fatal("no plan within a minute")
			}
		}
	}
	quiet := func() { // until the jobs of the last plan have ended and GitHub knows
		for ; ; <-tick.C {
			rows, err := s.store.Outbox(1)
			if err != nil {
				b.Fatal(err)
			}
			if len(rows) > 0 {
				continue
			}
			runs, _, _, err := s.store.Active()
			if err != nil {
				b.Fatal(err)
			}
			if len(runs) == 0 {
				return
			}
		}
	}
	plan(event())
	quiet()

	var whole, git []time.Duration
	for b.Loop() {
		for range planRounds {
			// The same question to git twice, so that both find it fetched.
			ev := event()
			if _, err := s.source.Load(ctx, ev); err != nil {
				b.Fatal(err)
			}
			began := time.Now()
			if _, err := s.source.Load(ctx, ev); err != nil {
				b.Fatal(err)
			}
			git = append(git, time.Since(began))
			whole = append(whole, plan(ev))
			quiet()
		}
	}
	slices.Sort(whole)
	slices.Sort(git)
	p50 := whole[len(whole)/2]
	b.ReportMetric(float64(p50.Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(whole[len(whole)*95/100].Microseconds())/1000, "p95-ms")
	b.ReportMetric(float64(git[len(git)/2])/float64(p50), "git-share")
}

// benchRepository has n packages of 20 files that run nothing. They come in
// groups of 15, within which each depends on at most three others, so that 1 %
// of the packages affect about 7 %.
func benchRepository(n int) map[string]string {
	rng := rand.New(rand.NewPCG(2, uint64(n)))
	files := make(map[string]string, 20*n)
	var entries []string
	for i := range n {
		var needs []string
		group := i - i%15
		for range min(3, i-group) {
			if need := fmt.Sprintf("%q", fmt.Sprintf("p%04d", group+rng.IntN(i-group))); !slices.Contains(needs, need) {
				needs = append(needs, need)
			}
		}
		entries = append(entries, fmt.Sprintf(`{"pkg_name":"p%04d","depends_on":[%s]}`, i, strings.Join(needs, ",")))
		for f := range 20 {
			files[fmt.Sprintf("p%04d/f%02d", i, f)] = fmt.Sprintf("%d %d\n", i, f)
		}
	}
	files["loktar.json"] = `{"defaults":{"test_type":"no-test"},"packages":[` + strings.Join(entries, ",\n") + `]}`
	return files
}
