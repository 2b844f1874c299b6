// Package demo shows Loktar at work on one machine: the real server beside
// minihub, a small stand-in for GitHub, with a sample monorepo and one pull
// request on it.
package demo

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/dudesons/loktar/app"
	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/configs"
)

// Options say how the demo is shown.
type Options struct {
	// Listen is where the server listens.
	Listen string
	// Image is what packages are tested in; empty means the server's default.
	Image string
	// Stay keeps the demo up after the checks have ended, until ctx is done.
	Stay bool
	// Verbose shows the server's whole log, not only its warnings.
	Verbose bool
	// Colour lets the output use terminal colours.
	Colour  bool
	Version string
	Out     io.Writer
}

const (
	owner    = "pets-inc"
	repoName = "pets"
	fullName = owner + "/" + repoName
	branch   = "friendlier-greeting"
	changed  = "awesome_lib/awesome_lib/__init__.py"
)

// permissions and events are all that the App can use, so that commands in
// comments can be tried too.
var (
	permissions = map[string]string{"metadata": "read", "checks": "write", "contents": "read", "pull_requests": "read",
		"merge_queues": "read", "administration": "read", "issues": "write"}
	events = []string{"pull_request", "push", "merge_group", "repository", "issue_comment"}
)

// Run shows the demo. It returns nil when every check of the pull request is
// green (with Stay: when ctx is done after that), and an error that names
// what is not.
func Run(ctx context.Context, o Options) error {
	dir, err := os.MkdirTemp("", "loktar-demo-")
	if err != nil {
		return fmt.Errorf("make a folder for the demo: %w", err)
	}
	defer os.RemoveAll(dir)
	hub, err := minihub.New(minihub.Options{Dir: filepath.Join(dir, "hub"), AppName: "loktar", Permissions: permissions, Events: events})
	if err != nil {
		return err
	}
	defer hub.Close()
	hubURL, err := hub.Listen("127.0.0.1:0")
	if err != nil {
		return err
	}

	secret := rand.Text()
	server, err := serve(ctx, o, hub, hubURL, secret, dir)
	if err != nil {
		return err
	}
	hub.App().SetWebhook("http://"+server.Addr()+"/webhook", secret)

	work, stop := context.WithCancel(ctx)
	defer stop()
	group, work := errgroup.WithContext(work)
	group.Go(func() error { return server.Run(work) })
	shown := show(work, o, hub, hubURL)
	stop()
	err = group.Wait()
	if shown != nil && ctx.Err() != nil {
		return errors.New("the demo was stopped before its checks had ended")
	}
	if shown != nil && (err == nil || !errors.Is(shown, context.Canceled)) {
		return shown
	}
	return err
}

// serve composes a server as an operator would: by environment variables.
func serve(ctx context.Context, o Options, hub *minihub.Hub, hubURL, secret, dir string) (*app.Server, error) {
	key := filepath.Join(dir, "app.pem")
	if err := os.WriteFile(key, hub.App().PrivateKeyPEM(), 0o600); err != nil {
		return nil, fmt.Errorf("write the App's key: %w", err)
	}
	env := []string{
		"LOKTAR_LISTEN=" + o.Listen,
		"LOKTAR_DATA_DIR=" + filepath.Join(dir, "data"),
		"LOKTAR_GITHUB_URL=" + hubURL,
		fmt.Sprintf("LOKTAR_GITHUB_APP_ID=%d", hub.App().ID()),
		"LOKTAR_GITHUB_PRIVATE_KEY_FILE=" + key,
		"LOKTAR_GITHUB_WEBHOOK_SECRET=" + secret,
	}
	if o.Image != "" {
		env = append(env, "LOKTAR_RUNNER_IMAGE="+o.Image)
	}
	cfg, err := configs.Load("", env)
	if err != nil {
		return nil, err
	}
	log := app.Logger(os.Stderr, cfg.Log)
	if !o.Verbose {
		log = log.Level(zerolog.WarnLevel)
	}
	return app.New(ctx, cfg, log, o.Version)
}

// show opens a pull request and tells how its checks go.
func show(ctx context.Context, o Options, hub *minihub.Hub, hubURL string) error {
	p := &printer{out: o.Out, colour: o.Colour, start: time.Now(), last: map[int64]string{}}
	hub.Install(owner)
	repo, err := hub.CreateRepo(owner, repoName)
	if err != nil {
		return err
	}
	files, err := sample()
	if err != nil {
		return err
	}
	if _, err := repo.Commit(ctx, minihub.Commit{Files: files, Message: "ENH: the first pets"}); err != nil {
		return err
	}
	p.say("pushed the sample monorepo " + fullName + ": pet_api, web-front, awesome_lib; stock_api is not listed")
	head, err := repo.Commit(ctx, minihub.Commit{
		Branch: branch, From: "main", Message: "ENH: strip and capitalize in one place",
		Files: map[string]string{changed: strings.Replace(files[changed], "name.strip().capitalize()", "name.strip().title()", 1)},
	})
	if err != nil {
		return err
	}
	number, err := repo.OpenPull(ctx, minihub.NewPull{Title: "Greet pets by their whole name", Head: branch})
	if err != nil {
		return err
	}
	pullURL := fmt.Sprintf("%s/%s/pull/%d", hubURL, fullName, number)
	p.say("opened a pull request that changes " + changed)
	p.say("watch it at " + pullURL)

	if err := p.follow(ctx, hub, head); err != nil {
		return err
	}
	all := hub.CheckRuns(fullName, head)
	p.table(all, pullURL)
	red := notGreen(all)
	if o.Stay && ctx.Err() == nil {
		p.stay(repo, hub, pullURL)
		p.watch(ctx, hub, head)
		return nil
	}
	if len(red) > 0 {
		return fmt.Errorf("not green: %s", strings.Join(red, ", "))
	}
	return nil
}

// give bounds how long the demo waits for the checks to end.
const give = 10 * time.Minute

// follow prints each change of a commit's checks until all of them are
// concluded.
func (p *printer) follow(ctx context.Context, hub *minihub.Hub, sha string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, give, fmt.Errorf("the checks did not end within %s", give))
	defer cancel()
	for done := false; !done; {
		var news []minihub.CheckRun
		err := hub.Wait(ctx, func(v *minihub.View) bool {
			all := v.CheckRuns(fullName, sha)
			news, done = p.news(all), concluded(all)
			return done || len(news) > 0
		})
		if err != nil {
			return cmp.Or(context.Cause(ctx), err)
		}
		for _, c := range news {
			p.progress(c)
		}
	}
	return nil
}

// concluded reports whether all check runs are, the aggregate among them:
// what it stands for was there before it ended.
func concluded(all []minihub.CheckRun) bool {
	ended := false
	for _, c := range all {
		if c.Status != "completed" {
			return false
		}
		ended = ended || c.Name == aggregate
	}
	return ended
}

const aggregate = "loktar"

// notGreen names the check runs that are not, and what is missing.
func notGreen(all []minihub.CheckRun) []string {
	var out []string
	seen := map[string]bool{}
	for _, c := range all {
		seen[c.Name] = true
		if c.Conclusion != "success" {
			out = append(out, fmt.Sprintf("%s is %s", c.Name, cmp.Or(c.Conclusion, c.Status)))
		}
	}
	for _, name := range []string{"awesome_lib", "pet_api", aggregate} {
		if !seen[name] {
			out = append(out, name+" has no check run")
		}
	}
	return out
}
