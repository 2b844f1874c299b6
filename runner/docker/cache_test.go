package docker_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
	"github.com/dudesons/loktar/runner/caches"
	"github.com/dudesons/loktar/runner/docker"
)

// cacheBench runs jobs with caches as the server does.
type cacheBench struct {
	*bench
	runner *runner.Runner
	store  *caches.Store
	dir    string
	logs   string
	mu     sync.Mutex
	n      int
	kept   map[string]string // files that jobs left
}

// lent are workspaces of one tree.
type lent string

func (dir lent) Lease(context.Context, checks.Run, checks.Job) (runner.Workspace, error) {
	return runner.Workspace{Dir: string(dir), Release: func() {}}, nil
}

func setUpCaches(t *testing.T, change ...func(*docker.Options)) *cacheBench {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("caches take root")
	}
	b := &cacheBench{bench: setUp(t, change...), logs: t.TempDir(), dir: filepath.Join(t.TempDir(), "caches"), kept: map[string]string{}}
	store, err := caches.Open(t.Context(), b.dir, caches.Options{})
	if err == nil {
		_, err = store.Settle(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	b.store = store
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
		left, err := os.ReadDir(filepath.Join(b.dir, "views"))
		if err != nil || len(left) > 0 {
			t.Errorf("views left: %v, %v", left, err)
		}
	})
	b.runner = runner.New(runner.Options{
		Sandbox: b.Sandbox, Workspaces: lent(b.tree), LogDir: b.logs, Caches: store,
		Keep: func(_ context.Context, f runner.KeptFile) (string, error) {
			in, err := f.Open()
			if err != nil {
				return "", err
			}
			defer in.Close()
			text, err := io.ReadAll(in)
			b.mu.Lock()
			defer b.mu.Unlock()
			b.kept[string(text)] = ""
			return strings.Repeat("0", 64), err
		},
	})
	return b
}

// the kinds of run that there are.
var (
	onMain = checks.Run{Repo: checks.Repo{ID: 1}, Push: &checks.Push{Ref: "refs/heads/main", DefaultBranch: "main"}}
	onPull = checks.Run{Repo: checks.Repo{ID: 1}, PullRequest: &checks.PullRequest{Number: 2,
		Head: checks.Ref{Repo: checks.Repo{ID: 1}}, Base: checks.Ref{Repo: checks.Repo{ID: 1}}}}
	onFork = checks.Run{Repo: checks.Repo{ID: 1}, PullRequest: &checks.PullRequest{Number: 3,
		Head: checks.Ref{Repo: checks.Repo{ID: 9}}, Base: checks.Ref{Repo: checks.Repo{ID: 1}}}}
)

func pip(paths ...string) checks.Package {
	return checks.Package{Name: "pkg", Dir: ".", TestType: checks.TestCommand, Cache: []checks.Cache{{Key: "pip", Paths: paths}}}
}

// job runs lines as a job of run, and returns its result and log.
func (b *cacheBench) job(run checks.Run, pkg checks.Package, lines ...string) (checks.Result, string) {
	b.t.Helper()
	b.mu.Lock()
	b.n++
	run.ID = fmt.Sprintf("run%d", b.n)
	b.mu.Unlock()
	pkg.Commands = lines
	result, err := b.runner.Run(b.t.Context(), run, checks.Job{Run: run.ID, Package: pkg})
	if err != nil {
		b.t.Errorf("Run: %v", err)
	}
	log, err := os.ReadFile(filepath.Join(b.logs, run.ID, pkg.Name+".log"))
	if err != nil {
		b.t.Fatal(err)
	}
	return result, string(log)
}

// passes is job of one that has to pass, and have these words in its log.
func (b *cacheBench) passes(run checks.Run, pkg checks.Package, line string, words ...string) {
	b.t.Helper()
	result, log := b.job(run, pkg, line)
	if result.Outcome != checks.OutcomePassed {
		b.t.Fatalf("%s: %+v\n%s", line, result, log)
	}
	for _, word := range words {
		if !strings.Contains(log, word) {
			b.t.Errorf("the log does not say %q:\n%s", word, log)
		}
	}
}

const home = "~/.cache/pip"

func TestCachesAreKeptByLevel(t *testing.T) {
	b := setUpCaches(t)
	p := pip(home)
	b.passes(onMain, p, "[ -z \"$(ls ~/.cache/pip)\" ]; echo of-main >~/.cache/pip/main", "Cache pip: none yet", "Cache pip: saved")
	b.passes(onMain, p, "cat ~/.cache/pip/main", "of-main", "Cache pip: ", "from the default branch, saved ", "Cache pip: nothing new")
	b.passes(onPull, p, "grep main ~/.cache/pip/main; rm ~/.cache/pip/main; echo of-pull >~/.cache/pip/own", "from the default branch", "Cache pip: saved")
	b.passes(onMain, p, "[ \"$(ls ~/.cache/pip)\" = main ]")
	b.passes(onFork, p, "[ \"$(ls ~/.cache/pip)\" = own ]; echo of-fork >>~/.cache/pip/own; ln -s /etc/passwd ~/.cache/pip/link", "from the repository's branches and pull requests", "saved for this pull request alone")
	b.passes(onFork, p, "grep of-fork ~/.cache/pip/own", "from this pull request")
	other := onFork
	other.PullRequest = &checks.PullRequest{Number: 4, Head: checks.Ref{Repo: checks.Repo{ID: 9}}, Base: checks.Ref{Repo: checks.Repo{ID: 1}}}
	for _, run := range []checks.Run{onPull, other} {
		b.passes(run, p, "[ \"$(ls ~/.cache/pip)\" = own ]; [ \"$(cat ~/.cache/pip/own)\" = of-pull ]")
	}
	elsewhere := onPull
	elsewhere.Repo.ID = 2
	b.passes(elsewhere, p, "[ -z \"$(ls ~/.cache/pip)\" ]", "none yet")
}

func TestCachesOfJobsThatDidNotPassAreDropped(t *testing.T) {
	b := setUpCaches(t)
	p := pip(home)
	result, log := b.job(onMain, p, "echo x >~/.cache/pip/x; false")
	if result.Outcome != checks.OutcomeFailed || !strings.Contains(log, "Cache pip: not saved, as not all of the job went well") {
		t.Errorf("%+v\n%s", result, log)
	}
	b.passes(onMain, p, "[ -z \"$(ls ~/.cache/pip)\" ]", "none yet")
}

// TestCachesInTheWorkspace are laid over folders of the repository, are there
// when artifacts are looked for, and may hold what is no artifact.
func TestCachesInTheWorkspace(t *testing.T) {
	b := setUpCaches(t)
	b.write("lib/target/tracked", "of the tree\n")
	b.write("lib/src/file", "seen\n")
	p := pip("target", "deep/er")
	p.Dir, p.Artifacts, p.Clean = "lib", []string{"target/*.jar", "deep/**", "src/*"}, []string{"ls target deep/er"}
	b.passes(onMain, p, "[ ! -e target/tracked ]; echo jar >target/a.jar; mkdir deep/er/x; echo deep >deep/er/x/y; cat src/file",
		"Cache pip (lib/target): none yet", "Cache pip (lib/deep/er): saved", "Collected 3 artifacts")
	for _, text := range []string{"jar\n", "deep\n", "seen\n"} {
		if _, ok := b.kept[text]; !ok {
			t.Errorf("%q is not kept", text)
		}
	}
	b.passes(onMain, p, "cat target/a.jar deep/er/x/y; rm target/a.jar; echo other >target/b.jar")
	b.passes(onMain, p, "[ \"$(ls target)\" = b.jar ]")
	if _, err := os.Stat(filepath.Join(b.tree, "lib", "deep")); !os.IsNotExist(err) {
		t.Errorf("the tree has a folder more: %v", err)
	}
}

// TestHostileCaches: what a job leaves in a cache, and where the repository has
// links, harms nobody.
func TestHostileCaches(t *testing.T) {
	b := setUpCaches(t)
	p := pip(home)
	b.passes(onFork, p, `cd ~/.cache/pip; ln -s / root; ln -s /etc/shadow s; mkfifo pipe; cp /bin/busybox suid 2>/dev/null || cp /bin/sh suid; chmod 6755 suid
! mknod null c 1 3; ! mknod w c 0 0; mkdir -p a/b; chmod 000 a/b; i=0; d=.; while [ $i -lt 100 ]; do d=$d/n; mkdir $d; i=$((i+1)); done`, "saved for this pull request")
	b.passes(onFork, p, `cd ~/.cache/pip; [ -L root ]; [ -p pipe ]; [ -u suid ]; [ -d a/b ]; grep -q '/root/.cache/pip .*nosuid' /proc/mounts; rm -rf root a; mkdir root; echo x >root/x`)
	b.passes(onFork, p, `cd ~/.cache/pip; [ ! -L root ]; cat root/x; [ ! -e a ]`)
	info, err := os.Stat(b.dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("others of the machine may look at caches: %v, %v", info, err)
	}

	if err := os.Symlink("/etc", filepath.Join(b.tree, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("..", filepath.Join(b.tree, "up")); err != nil {
		t.Fatal(err)
	}
	b.write("file", "")
	for path, want := range map[string]string{
		"link": "`link` is no folder in the tested commit", "link/x": "`link` is no folder", "up/x": "`up` is no folder", "file/x": "`file` is no folder",
		"/etc": "has what programs need", "/workspace/x": "from the package's folder", "/proc/1": "the kernel's",
	} {
		if result, log := b.job(onFork, pip(path), "true"); result.Outcome != checks.OutcomeFailed || !strings.Contains(result.Detail, want) {
			t.Errorf("%s: %+v\n%s", path, result, log)
		}
	}
	// What the image has on the way is its owner's to mend, and no red test.
	for _, path := range []string{"/.dockerenv", "/.dockerenv/x"} {
		run := onFork
		run.ID = "run-" + strings.ReplaceAll(path[1:], "/", "-")
		p := pip(path)
		p.Commands = []string{"true"}
		_, err := b.runner.Run(t.Context(), run, checks.Job{Run: run.ID, Package: p})
		if checks.CauseOf(err) != checks.CauseCache || !strings.Contains(checks.PublicText(err, ""), "The cache pip cannot be at `"+path+"` in the image ") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestCacheGoesOn: a job whose process died saves its caches when it ended in
// the care of the next.
func TestCacheGoesOn(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("caches take root")
	}
	dir := filepath.Join(t.TempDir(), "caches")
	store, err := caches.Open(t.Context(), dir, caches.Options{})
	if err == nil {
		_, err = store.Settle(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	want := runner.CacheWant{Repo: 1, Place: checks.CachePlace{Key: "pip", Path: "/root/.cache/pip"}, Reads: []checks.CacheLevel{"own"}, Write: "own"}
	b, job, _ := severed(t, func(b *bench) runner.Task {
		job := b.attempt("echo early >~/.cache/pip/early; echo half; sleep 2; echo late >~/.cache/pip/late")
		job.Env = map[string]string{"HOME": "/root"}
		v, err := store.Lease(t.Context(), want)
		if err != nil {
			t.Fatal(err)
		}
		v.At = v.Place.Path
		job.Caches = []runner.CacheView{v}
		return job
	}, "half\n")
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.Reap(t.Context()); err != nil {
		t.Fatal(err)
	}
	if store, err = caches.Open(t.Context(), dir, caches.Options{}); err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	left, ok := b.Left(job.Job, 1)
	if !ok || len(left.Caches) != 1 {
		t.Fatalf("Left: %+v, %v", left, ok)
	}
	if lost, err := store.Settle(t.Context(), left.Caches...); err != nil || len(lost) > 0 {
		t.Fatalf("lost %q, %v", lost, err)
	}
	job.Caches = left.Caches
	exit, err := b.Resume(t.Context(), job, newOutput())
	if err != nil || exit.Code != 0 || exit.CachesHeld || exit.Uncached {
		t.Fatalf("exit %+v, %v", exit, err)
	}
	if note, err := store.Save(t.Context(), left.Caches[0]); err != nil || note != "saved" {
		t.Fatalf("%q, %v", note, err)
	}
	v, err := store.Lease(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Release(v)
	for _, name := range []string{"early", "late"} {
		if text, err := os.ReadFile(filepath.Join(v.Lower[0], name)); err != nil || string(text) != name+"\n" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
}

// TestCachesStayApart has jobs at once: none sees another's, and all that each
// adds is kept.
func TestCachesStayApart(t *testing.T) {
	b := setUpCaches(t)
	p := pip("/opt/cache")
	b.passes(onPull, p, "echo base >/opt/cache/base")
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			b.passes(onPull, p, fmt.Sprintf("cat /opt/cache/base; echo %d >/opt/cache/mine%d; sleep 1; [ $(cat /opt/cache/mine%d) = %d ]", i, i, i, i))
		})
	}
	wg.Wait()
	b.passes(onPull, p, "cd /opt/cache; cat base mine0 mine1 mine2 mine3")
}

// TestCachesCountAsDisk: what a job writes there has the bound of its disk, what
// was there has none.
func TestCachesCountAsDisk(t *testing.T) {
	b := setUpCaches(t, func(o *docker.Options) { o.Workspace = 48 << 20 })
	p := pip(home)
	for range 2 {
		b.passes(onMain, p, "head -c 30000000 /dev/urandom >~/.cache/pip/$LOKTAR_RUN", "saved")
	}
	result, log := b.job(onMain, p, "[ $(ls ~/.cache/pip | wc -l) = 2 ]; for i in 1 2 3 4; do head -c 20000000 /dev/urandom >~/.cache/pip/x$i; done; sleep 60")
	if result.Outcome != checks.OutcomeFailed || !strings.Contains(result.Detail, "wrote more than 48MiB to disk") {
		t.Errorf("%+v\n%s", result, log)
	}
	b.passes(onMain, p, "[ $(ls ~/.cache/pip | wc -l) = 2 ]")
}

// TestCachesOfCopies: where files are copied for a job it runs without caches,
// and says so.
func TestCachesOfCopies(t *testing.T) {
	b := setUpCaches(t, docker.Copying)
	b.passes(onMain, pip(home, "x"), "[ ! -e ~/.cache/pip ]; [ ! -e x ]", "Caches are not used. The job's files are copied here")
}

// TestCachesInImageBuilds: a folder that is handed over has what is in a cache.
func TestCachesInImageBuilds(t *testing.T) {
	b := setUpCaches(t)
	p := pip("target")
	p.PkgType = "docker"
	b.write("Makefile", "release:\n\techo jar >target/a.jar; echo x >Dockerfile\n")
	run := onMain
	run.ID = "runx"
	var seen []string
	result, err := b.runner.Release(t.Context(), run, checks.Job{Run: "runx", Package: p, Release: &checks.Release{Package: "pkg"}}, runner.ReleaseOptions{
		Version: "1", Collect: func(context.Context, string, int64, fs.FileMode, func() (io.ReadCloser, error)) error { return nil },
		Build: func(_ context.Context, dir string, _ io.Writer) error {
			return filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
				rel, _ := filepath.Rel(dir, p)
				seen = append(seen, rel)
				return err
			})
		},
	})
	if got := strings.Join(seen, " "); err != nil || result.Outcome != checks.OutcomePassed || got != ". Dockerfile Makefile target target/a.jar" {
		t.Errorf("%+v, %v: %q", result, err, got)
	}
	b.passes(onMain, p, "cat target/a.jar")
}
