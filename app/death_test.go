package app_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/app"
	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
	"github.com/dudesons/loktar/runner/docker/dockertest"
)

// TestTheEngineDiesUnderJobs has an engine of its own be stopped, killed and
// restarted while jobs run on it that take that in different ways. Each has the
// verdict that its code deserves, and nothing is left.
func TestTheEngineDiesUnderJobs(t *testing.T) {
	d := dockertest.StartDaemon(t, t.TempDir())
	t.Setenv("DOCKER_HOST", d.Host)
	hub := minihubtest.Start(t)
	cfg := config(t,
		"LOKTAR_GITHUB_URL="+hub.URL(), "LOKTAR_GITHUB_APP_ID="+strconv.FormatInt(hub.App().ID(), 10),
		"LOKTAR_GITHUB_PRIVATE_KEY_FILE="+hub.KeyFile(), "LOKTAR_RUNNER_IMAGE="+dockertest.Image(t), "LOKTAR_RUNNER_SLOTS=4",
		"LOKTAR_RUNNER_FIREWALL=off",
	)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	server, err := app.New(ctx, cfg, zerolog.New(zerolog.NewTestWriter(t)), "test")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	hub.App().SetWebhook("http://"+server.Addr()+"/webhook", "a webhook's secret")

	const wait = "i=0; while [ $$i -lt 60 ]; do sleep 0.1; i=$$((i+1)); done"
	repo := hub.Repo("acme", "pets", map[string]string{
		"loktar.json": `{"defaults":{"network":false},"packages":[{"pkg_name":"heeds"},{"pkg_name":"ignores"},{"pkg_name":"fine"},{"pkg_name":"red"}]}`,
		// It ends at the signal of an engine that ends; as if it were red.
		"heeds/Makefile":   "ci:\n\t@" + wait + "\nclean:\n",
		"ignores/Makefile": "ci:\n\t@trap '' TERM; " + wait + "\nclean:\n",
		"fine/Makefile":    "ci:\n\t@trap 'exit 0' TERM; " + wait + "\nclean:\n",
		"red/Makefile":     "ci:\n\t@" + wait + "; exit 3\nclean:\n",
	})
	verdicts := map[string]string{"heeds": "success", "ignores": "success", "fine": "success", "red": "failure", "loktar": "failure"}
	for i, end := range []struct {
		name string
		do   func()
	}{{"stopped", d.Stop}, {"killed", d.Kill}} {
		branch := "topic" + strconv.Itoa(i)
		head := hub.Commit(repo, minihub.Commit{Branch: branch, From: "main", Files: map[string]string{
			"heeds/f": branch, "ignores/f": branch, "fine/f": branch, "red/f": branch,
		}})
		hub.Open(repo, minihub.NewPull{Title: "Change all", Head: branch})
		awaitContainers(t, d, 4)
		end.do()
		hub.Await("the jobs to wait, as the engine was "+end.name, func(v *minihub.View) bool {
			for name := range verdicts {
				if c, ok := v.CheckRun("acme/pets", head, name); !ok || name != "loktar" && c.Status != "queued" {
					return false
				}
			}
			c, _ := v.CheckRun("acme/pets", head, "heeds")
			return c.Title == "Waiting for the container engine"
		})
		d.Start()
		hub.Await("the verdicts, as the engine was "+end.name, func(v *minihub.View) bool {
			for name := range verdicts {
				if c, ok := v.CheckRun("acme/pets", head, name); !ok || c.Conclusion == "" {
					return false
				}
			}
			return true
		})
		for _, c := range hub.CheckRuns("acme/pets", head) {
			if c.Conclusion != verdicts[c.Name] {
				t.Errorf("the engine was %s: %s is %s, %q\n%s", end.name, c.Name, c.Conclusion, c.Title, c.Summary)
			}
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	left, err := dockertest.Left(t.Context(), d.Client(), "", cfg.DataDir)
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v\n%s", err, strings.Join(left, "\n"))
	}
}

// awaitContainers waits until so many jobs run.
func awaitContainers(t *testing.T, d *dockertest.Daemon, n int) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(2 * time.Minute); ; {
		jobs, err := d.Jobs(t.Context())
		if err == nil && jobs == n {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%d jobs run, %v; want %d", jobs, err, n)
		}
	}
}
