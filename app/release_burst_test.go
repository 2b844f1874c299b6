package app_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dudesons/loktar/app"
	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/configs"
	"github.com/dudesons/loktar/store"
)

const (
	burstPackages = 10
	burstMerges   = 50
)

// TestReleaseOfABurst merges 50 times in a burst, each time some of 10
// packages that depend on each other, back and forth between few states. In
// the end the last version of each is the last merge's, and its versions have
// the order of the commits.
func TestReleaseOfABurst(t *testing.T) {
	for _, kind := range []string{"file", "s3"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			testBurst(t, places[kind](t))
		})
	}
}

func testBurst(t *testing.T, p place) {
	hub := minihubtest.Start(t)
	file := filepath.Join(t.TempDir(), "loktar.yml")
	if err := os.WriteFile(file, []byte(fmt.Sprintf("listen: 127.0.0.1:0\ndata_dir: %s\ngithub: {url: %q, app_id: %d, private_key_file: %s, webhook_secret: secret, writes_per_minute: 10000, writes_per_hour: 100000}\nrunner: {slots: 4}\nregistries:\n  place: {%s, repositories: [acme/pets]}\n",
		t.TempDir(), hub.URL(), hub.App().ID(), hub.KeyFile(), p.settings(p.target, secretFile(t, p.secret)))), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := configs.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := rigged(t, cfg)
	hub.App().SetWebhook("http://"+s.Addr()+"/webhook", "secret")

	var entries []string
	state := map[string]string{}
	for i := range burstPackages {
		needs := []string{}
		if i > 0 {
			needs = append(needs, strconv.Quote(burstName((i-1)/2))) // a tree, p0 at its root
		}
		entries = append(entries, fmt.Sprintf(`{"pkg_name": %q, "depends_on": [%s]}`, burstName(i), strings.Join(needs, ", ")))
		state[burstName(i)] = "text 0"
	}
	files := map[string]string{"loktar.json": fmt.Sprintf(
		`{"defaults": {"pkg_type": %q, "test_type": "no-test", "artifacts": ["dist/*"], "build_info": %s}, "packages": [%s]}`, p.pkgType, p.info, strings.Join(entries, ", "))}
	for name, text := range state {
		files[name+"/text"] = text
	}
	repo := hub.Repo("acme", "pets", files)
	first, err := repo.Tip(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}
	commits, states := []string{first}, []map[string]string{maps.Clone(state)}
	rng := rand.New(rand.NewPCG(1, uint64(len(p.kind))))
	for range burstMerges {
		change := map[string]string{}
		for range 1 + rng.IntN(3) {
			name := burstName(rng.IntN(burstPackages))
			state[name] = "text " + strconv.Itoa(rng.IntN(3))
			change[name+"/text"] = state[name]
		}
		commits = append(commits, hub.Commit(repo, minihub.Commit{Branch: "main", Files: change}))
		states = append(states, maps.Clone(state))
	}
	// What GitHub is told comes later, as fast as it takes it.
	allDone(t, app.StoreOf(s), repo.ID(), commits)

	all, versions := p.files(t), 0
	for i := range burstPackages {
		name := burstName(i)
		pubs, err := app.StoreOf(s).Publications(repo.ID(), name, 1000)
		if err != nil {
			t.Fatal(err)
		}
		slices.Reverse(pubs)
		last := -1
		for n, pub := range pubs {
			there, done := all[name+" "+pub.Version], pub.State == checks.PublicationDone
			if done != (len(there) == 2) || pub.Version != strconv.FormatInt(pub.Number, 10) {
				t.Errorf("version %s of %s is %s, and the registry has %d files of it", pub.Version, name, pub.State, len(there))
			}
			if !done {
				continue
			}
			versions++
			at := slices.Index(commits, pub.Commit)
			if at <= last {
				t.Errorf("version %s of %s is of merge %d, and the one before of %d", pub.Version, name, at, last)
			}
			last = at
			if got := text(t, there); got != states[at][name] {
				t.Errorf("version %s of %s holds %q, and merge %d %q", pub.Version, name, got, at, states[at][name])
			}
			if n == len(pubs)-1 {
				for up := i; ; up = (up - 1) / 2 {
					if need := burstName(up); states[at][need] != states[burstMerges][need] {
						t.Errorf("the last version of %s is of merge %d, with %q of %s; the last merge has %q", name, at, states[at][need], need, states[burstMerges][need])
					}
					if up == 0 {
						break
					}
				}
			}
		}
	}
	if len(all) != versions {
		t.Errorf("the registry has %d versions, the store %d", len(all), versions)
	}
	t.Logf("%d merges of %d packages became %d versions", burstMerges+1, burstPackages, versions)
}

// allDone waits until the server is done with each of the commits.
func allDone(t *testing.T, s *store.Store, repo int64, commits []string) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(5 * minihubtest.Patience); ; {
		done := 0
		for _, sha := range commits {
			runs, err := s.RunsOf(repo, sha)
			if err != nil {
				t.Fatal(err)
			}
			if len(runs) > 0 && !slices.ContainsFunc(runs, func(r checks.Run) bool { return !r.Done() }) {
				done++
			}
		}
		if done == len(commits) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%d of %d commits are done with", done, len(commits))
		}
	}
}

func burstName(i int) string { return "p" + strconv.Itoa(i) }
