package docker_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/dudesons/loktar/runner"
	"github.com/dudesons/loktar/runner/docker"
	"github.com/dudesons/loktar/runner/docker/dockertest"
)

func TestWorkspaceIsACopy(t *testing.T) {
	b := setUp(t, docker.Copying)
	b.write("d/run", "#!/bin/sh\necho ran")
	b.write("d/\xff\n\t", "odd")
	b.write(strings.Repeat("deep-folder-name-of-forty-characters-xxx/", 20)+"f", "deep")
	if err := os.Chmod(filepath.Join(b.tree, "d/run"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, link := range [][2]string{{"run", "d/link"}, {"/etc/passwd", "d/out"}} {
		if err := os.Symlink(link[0], filepath.Join(b.tree, link[1])); err != nil {
			t.Fatal(err)
		}
	}
	task := b.task("d/run; readlink d/link; readlink d/out; cat d/*; cat deep*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/f; stat -c '%u %a' d/run", "rm Makefile; echo made >made; echo more >>d/run")
	task.Clean = []string{"cat made; ls Makefile || echo gone"}
	exit, out := b.run(task)
	if exit.Code != 0 {
		t.Fatalf("exit %+v\n%s", exit, out)
	}
	contains(t, out, "ran\n", "run\n/etc/passwd\n", "odd", "deep", "0 755\n", "made\n", "gone\n")
	b.wantNothingLeft(t.Context())
	if text, err := os.ReadFile(filepath.Join(b.tree, "d/run")); err != nil || strings.Contains(string(text), "more") {
		t.Errorf("the tree was written to: %q, %v", text, err)
	}
	if _, err := os.Lstat(filepath.Join(b.tree, "made")); err == nil {
		t.Error("the tree was written to")
	}
	if exit, out := b.run(b.task("ls Makefile; ls made && exit 1 || true")); exit.Code != 0 {
		t.Errorf("what one job wrote the next one sees: %+v\n%s", exit, out)
	}
}

func TestCollectOfACopy(t *testing.T) {
	b := setUp(t, docker.Copying)
	b.write("pkg/kept", "kept")
	b.write("pkg/gone", "gone")
	b.write("outside", "outside")
	want := taken{"kept": "644 kept", "dist/f": "755 made\n"}
	got, exit, out := b.collecting([]string{"**"}, "rm gone; mkdir dist; echo made >dist/f; chmod 755 dist/f")
	if diff := cmp.Diff(want, got); diff != "" || exit.Artifacts != 2 {
		t.Errorf("exit %+v\n%s%s", exit, out, diff)
	}
}

// TestWayIsFoundOut tries a work folder that serves, and one on an overlay,
// which does not serve as the upper side of another.
func TestWayIsFoundOut(t *testing.T) {
	for name, c := range map[string]struct {
		work func(t *testing.T) string
		said string
	}{
		"serves": {func(t *testing.T) string { return t.TempDir() }, "workspaces are overlays"},
		"an overlay itself": {func(t *testing.T) string {
			dir := t.TempDir()
			for _, d := range []string{"lower", "upper", "work", "merged"} {
				if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			at := filepath.Join(dir, "merged")
			if err := unix.Mount("overlay", at, "overlay", 0, "lowerdir="+dir+"/lower,upperdir="+dir+"/upper,workdir="+dir+"/work"); err != nil {
				t.Skipf("an overlay cannot be mounted here: %v", err)
			}
			t.Cleanup(func() { _ = unix.Unmount(at, unix.MNT_DETACH) })
			return at
		}, "workspaces are copied"},
	} {
		t.Run(name, func(t *testing.T) {
			work := c.work(t)
			b := benchUp(t, func(o *docker.Options) { o.WorkDir = work })
			b.work = work
			var log bytes.Buffer
			ctx := zerolog.New(&log).Level(zerolog.InfoLevel).WithContext(t.Context())
			for range 2 {
				if err := b.Ready(ctx); err != nil {
					t.Fatal(err)
				}
				exit, err := b.Run(ctx, b.task("cat Makefile >copy; test -s copy"), newOutput())
				if err != nil || exit.Code != 0 {
					t.Fatalf("exit %+v, %v", exit, err)
				}
			}
			if n := strings.Count(log.String(), `"message":"workspaces `); n != 1 || !strings.Contains(log.String(), c.said) {
				t.Errorf("it said %d times:\n%s", n, log.String())
			}
			b.wantNothingLeft(t.Context())
		})
	}
}

// dotGit makes a folder with .git and one with objects, as source does.
func (b *bench) dotGit() *runner.Git {
	b.t.Helper()
	g := &runner.Git{Dir: b.t.TempDir(), Objects: b.t.TempDir()}
	for name, text := range map[string]string{
		filepath.Join(g.Dir, ".git/HEAD"):                    "a head",
		filepath.Join(g.Dir, ".git/objects/info/alternates"): runner.GitObjects + "\n",
		filepath.Join(g.Objects, "pack/a.pack"):              "a pack",
		filepath.Join(g.Objects, "pack/tmp_pack_x"):          "half a pack",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			b.t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			b.t.Fatal(err)
		}
	}
	return g
}

// TestGitIsReadOnlyInEffect has a hostile job write wherever it can reach, and
// a second one look.
func TestGitIsReadOnlyInEffect(t *testing.T) {
	for name, way := range map[string]func(*docker.Options){"overlay": func(*docker.Options) {}, "copied": docker.Copying} {
		t.Run(name, func(t *testing.T) {
			b := setUp(t, way)
			g := b.dotGit()
			task := b.task(
				"cat .git/HEAD; cat .git/objects/pack/a.pack 2>/dev/null || cat /.loktar/objects/pack/a.pack; echo; echo $GIT_CONFIG_VALUE_0",
				`for f in .git/HEAD .git/config .git/hooks/post-checkout .git/objects/info/alternates .git/objects/pack/a.pack /.loktar/objects/pack/a.pack /.loktar/objects/info/alternates; do
					mkdir -p "$(dirname $f)" 2>/dev/null || true; (echo hostile >$f) 2>/dev/null || true
				done; rm -rf /.loktar/objects/pack 2>/dev/null || true; mount -o remount,rw /.loktar/objects 2>/dev/null && exit 9; rm -rf .git; true`,
			)
			task.Git = g
			exit, out := b.run(task)
			if exit.Code != 0 {
				t.Fatalf("exit %+v\n%s", exit, out)
			}
			contains(t, out, "a head", "a pack\n", "/workspace\n")
			for _, dir := range []string{g.Dir, g.Objects, b.tree} {
				if found, _ := exec.Command("grep", "-rl", "hostile", dir).Output(); len(found) > 0 {
					t.Errorf("written to: %s", found)
				}
			}
			task.Steps = []string{"cat .git/HEAD; ls -A .git; ! grep -r hostile .git /.loktar 2>/dev/null"}
			exit, out = b.run(task)
			if exit.Code != 0 || !strings.Contains(out, "a head") || strings.Contains(out, "hooks") {
				t.Errorf("exit %+v\n%s", exit, out)
			}
			if _, err := os.Stat(filepath.Join(g.Objects, "pack/a.pack")); err != nil {
				t.Error(err)
			}
			if exit, out := b.run(b.task("! ls .git /.loktar 2>/dev/null")); exit.Code != 0 {
				t.Errorf("a job that asked for no .git has one: %+v\n%s", exit, out)
			}
		})
	}
}

// TestGitRuns runs git itself, in an image that has it.
func TestGitRuns(t *testing.T) {
	const image = "loktar/base:latest"
	if _, err := dockertest.Engine(t).ImageInspect(t.Context(), image); err != nil {
		t.Skipf("%s is not on the engine (make image): %v", image, err)
	}
	for name, way := range map[string]func(*docker.Options){"overlay": func(*docker.Options) {}, "copied": docker.Copying} {
		t.Run(name, func(t *testing.T) {
			b := setUp(t, way)
			mirror, dir := filepath.Join(t.TempDir(), "m.git"), t.TempDir()
			script := `set -e; git init -q -b main "$1"; cd "$1"; cp -r "$2/." .; git add .; git -c user.name=a -c user.email=a commit -qm one
				git clone -q --bare . "$3"; rm -rf .git/objects/* .git/hooks; mkdir .git/objects/info .git/objects/pack; echo "$4" >.git/objects/info/alternates; mv .git "$5"; cp -a . "$2"`
			cmd := exec.Command("sh", "-c", script, "sh", filepath.Join(t.TempDir(), "w"), b.tree, mirror, runner.GitObjects, dir)
			cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			task := b.task("git log --format=%s; test -z \"$(git status --porcelain)\"; echo x >>Makefile; git diff --stat; git -c user.name=b -c user.email=b commit -qam two; git log --format=%s; git fsck; git gc -q")
			task.Git, task.Image = &runner.Git{Dir: dir, Objects: filepath.Join(mirror, "objects")}, image
			exit, out := b.run(task)
			if exit.Code != 0 {
				t.Fatalf("exit %+v\n%s", exit, out)
			}
			contains(t, out, "one\n", "1 file changed", "two\none\n")
			if out, err := exec.Command("git", "--git-dir="+mirror, "count-objects").Output(); err != nil || !strings.HasPrefix(string(out), "3 objects") {
				t.Errorf("the mirror has %s, %v", out, err)
			}
		})
	}
}
