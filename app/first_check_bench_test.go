package app_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/dudesons/loktar/app"
	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner/sandboxtest"
	"github.com/dudesons/loktar/store/storetest"
)

// firstChecks is how many pull requests one measurement opens.
const firstChecks = 50

// BenchmarkFirstCheck is the time from when a delivery of a new pull request is
// sent to when its first check shows at GitHub, a stand-in of no latency. In
// between the delivery is stored, the commits are fetched, merged and
// compared, and the plan is stored. sync-ms is one bare write with fdatasync to
// the same disk.
func BenchmarkFirstCheck(b *testing.B) {
	hub := bootRigged(b, "none", func(s *app.Server) { app.Rig(s, &sandboxtest.Dummy{}, func(string) {}) })
	repo, err := hub.CreateRepo("acme", "pets")
	if err != nil {
		b.Fatal(err)
	}
	hub.Install("acme")
	files := map[string]string{"lib/x": "x", "loktar.json": `{"packages": [{"pkg_name": "lib", "test_type": "command", "commands": ["true"]}]}`}
	if _, err := repo.Commit(b.Context(), minihub.Commit{Files: files}); err != nil {
		b.Fatal(err)
	}
	var took []time.Duration
	for round := 0; b.Loop(); round++ {
		for i := range firstChecks {
			branch := fmt.Sprintf("topic-%d-%d", round, i)
			sha, err := repo.Commit(b.Context(), minihub.Commit{Branch: branch, From: "main", Files: map[string]string{"lib/x": branch}})
			if err != nil {
				b.Fatal(err)
			}
			took = append(took, firstCheck(b, hub, repo, branch, sha))
		}
	}
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2].Seconds()*1000, "p50-ms")
	b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "p99-ms")
	b.ReportMetric(1000/storetest.BareSyncs(b, b.TempDir()), "sync-ms")
}

// firstCheck opens a pull request of the branch and is how long its first check
// takes to show. It returns when the run has ended.
func firstCheck(b *testing.B, hub *minihub.Hub, repo *minihub.Repo, branch, sha string) time.Duration {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()
	began := time.Now()
	if _, err := repo.OpenPull(ctx, minihub.NewPull{Head: branch}); err != nil {
		b.Fatal(err)
	}
	if err := hub.Wait(ctx, func(v *minihub.View) bool { return len(v.CheckRuns(repo.FullName(), sha)) > 0 }); err != nil {
		b.Fatal(err)
	}
	took := time.Since(began)
	if err := hub.Wait(ctx, func(v *minihub.View) bool {
		run, ok := v.CheckRun(repo.FullName(), sha, checks.AggregateName)
		return ok && run.Conclusion == "success"
	}); err != nil {
		b.Fatal(err)
	}
	return took
}
