package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/docker/docker/client"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
	"github.com/dudesons/loktar/app/slack/slacktest"
	"github.com/dudesons/loktar/runner/docker/dockertest"
	"github.com/dudesons/loktar/runner/publish/publishtest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"loktar": main})
}

// TestStories runs testdata/script: each file is a repository, what a person
// does with it, and what the pull request then shows. The server is the real
// program, the engine the real Docker, GitHub is minihub, held against
// GitHub's own description.
func TestStories(t *testing.T) { tell(t, "testdata/script/*.txt") }

// TestAffected runs testdata/affected: what a pull request changes, by real
// git, and which packages its checks then name.
func TestAffected(t *testing.T) { tell(t, "testdata/affected/*.txt") }

func tell(t *testing.T, pattern string) {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	engine, image := dockertest.Engine(t), dockertest.Image(t)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			w := &world{t: t, engine: engine, image: image}
			w.hub = minihubtest.StartWith(t, minihubtest.Options{Intercept: w.intercept, Hub: granted(t, file)})
			testscript.Run(t, testscript.Params{
				Files: []string{file}, Setup: w.setup, RequireExplicitExec: true, RequireUniqueNames: true,
				Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
					"repo": w.repo, "pull": w.pull, "push": w.push, "affected": w.affected, "owned": w.owned, "head": w.track, "branch": w.branch, "open": w.open, "access": w.access, "fork": w.fork, "close": w.close,
					"forkpush": w.forkpush, "draft": w.draft, "act": w.act, "say": w.say, "require": w.require,
					"up": w.up, "waits": w.waits, "swap": w.swap, "check": w.check, "summary": w.summary, "annotation": w.annotation, "annotations": w.annotations, "text": w.text, "nocheck": w.nocheck, "log": w.log,
					"count": w.count, "get": w.get, "deliver": w.deliver, "clean": w.clean,
					"rerun": w.rerun, "rerunall": w.rerunall, "press": w.press, "vain": w.vain,
					"past": func(*testscript.TestScript, bool, []string) { w.pastAll() }, "at": w.at, "old": w.old, "older": w.older, "remember": w.remember, "pressold": w.pressold,
					"tag": w.tag, "gone": w.gone, "nothing": w.nothing, "neutral": w.neutral, "mirrors": w.mirrors, "caches": w.caches, "published": w.published, "download": w.download,
					"pypi": w.pypi, "s3": w.s3, "fetch": w.fetchObject, "jdk": w.jdk, "expand": w.expand, "checksum": w.checksum,
					"buttons": w.buttons, "answered": w.answered, "refused": w.refused, "blocked": w.blocked, "comments": w.comments,
					"tagged": w.tagged, "notes": w.notes, "released": w.released,
					"registry": w.registry, "image": w.pulled, "tags": w.tags, "engine": w.engineHas,
					"slack": w.slack, "told": w.told, "messages": w.messages, "workspace": w.workspace, "sticky": w.sticky,
					"keeplog": w.keeplog, "samelog": w.samelog, "age": w.age, "nologs": w.nologs,
					"running": w.running, "prints": w.prints, "hub": w.outage, "delivered": w.delivered,
				},
			})
		})
	}
}

// granted are the hub's settings for a story: one that has people comment, or
// Loktar, gives the App what that takes beyond the least that it needs.
func granted(t *testing.T, file string) (o minihub.Options) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "\nsay ") && !strings.Contains(string(text), "\nsticky ") {
		return o
	}
	o.Permissions = map[string]string{"metadata": "read", "checks": "write", "contents": "read",
		"pull_requests": "read", "merge_queues": "read", "issues": "write"}
	o.Events = []string{"pull_request", "push", "merge_group", "repository", "issue_comment"}
	return o
}

// world is what one story happens in.
type world struct {
	t      *testing.T
	hub    *minihubtest.Hub
	engine *client.Client
	image  string
	work   string
	url    string // of the server
	repos  *minihub.Repo
	name   string // OWNER/NAME
	number int
	head   string
	past   []int64 // ids of check runs that a re-run made old
	forked *minihub.Repo
	said   int64  // the comment that was made last
	seen   string // a head that `old` remembered
	kept   int64  // a check run that `remember` remembered
	images publishtest.Registry
	dark   atomic.Bool // GitHub's REST API is down
	aside  corner      // what `swap` changes for what is looked at
	bucket *s3.Client  // of the story's S3 server
	people *slacktest.Workspace
	logs   map[string]string // the answers that `keeplog` remembered
}

// addresses counts the addresses that stories were given.
var addresses atomic.Int64

const secret = "a webhook's secret"

func (w *world) setup(env *testscript.Env) error {
	w.work = env.WorkDir
	// An address of the story's own: nobody takes the port between here and
	// the server, however many stories run.
	n := addresses.Add(1)
	l, err := net.Listen("tcp", fmt.Sprintf("127.7.%d.%d:0", n/250%250, n%250+1))
	if err != nil {
		return err
	}
	addr := l.Addr().String()
	l.Close()
	w.url = "http://" + addr
	w.hub.App().SetWebhook(w.url+"/webhook", secret)
	for k, v := range map[string]string{
		"LOKTAR_LISTEN":                  addr,
		"LOKTAR_DATA_DIR":                filepath.Join(env.WorkDir, ".data"),
		"LOKTAR_GITHUB_URL":              w.hub.URL(),
		"LOKTAR_GITHUB_APP_ID":           strconv.FormatInt(w.hub.App().ID(), 10),
		"LOKTAR_GITHUB_PRIVATE_KEY_FILE": w.hub.KeyFile(),
		"LOKTAR_GITHUB_WEBHOOK_SECRET":   secret,
		"LOKTAR_RUNNER_IMAGE":            w.image,
		"SERVICE":                        dockertest.Service(w.t),
		"LOKTAR_RUNNER_SLOTS":            "2",
		"PATH":                           env.Getenv("PATH"),
		"GIT_CONFIG_NOSYSTEM":            "1",
		"GIT_AUTHOR_NAME":                "Ann",
		"GIT_AUTHOR_EMAIL":               "ann@example.org",
		"GIT_COMMITTER_NAME":             "Ann",
		"GIT_COMMITTER_EMAIL":            "ann@example.org",
	} {
		env.Setenv(k, v)
	}
	return nil
}
