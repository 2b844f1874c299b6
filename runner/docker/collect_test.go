package docker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
	"github.com/dudesons/loktar/runner/docker"
)

// taken is what was collected: "MODE CONTENT" by name.
type taken map[string]string

func (k taken) collect(_ context.Context, name string, size int64, mode fs.FileMode, open func() (io.ReadCloser, error)) error {
	for range 2 { // it may be opened again
		r, err := open()
		if err != nil {
			return err
		}
		text, err := io.ReadAll(r)
		if err = errors.Join(err, r.Close()); err != nil {
			return err
		}
		if int64(len(text)) != size {
			return fmt.Errorf("%s has %d bytes, not %d", name, len(text), size)
		}
		k[name] = fmt.Sprintf("%o %s", mode, text)
	}
	return nil
}

// ways are the ways to read a workspace.
var ways = map[string]func(*docker.Options){
	"mounted":   func(*docker.Options) {},
	"by engine": docker.ThroughEngine,
}

// collecting runs steps in the folder pkg and collects what globs name.
func (b *bench) collecting(globs []string, steps ...string) (taken, runner.Exit, string) {
	b.t.Helper()
	got := taken{}
	t := b.task(steps...)
	t.Dir, t.Clean = "pkg", nil
	t.Artifacts = &runner.Artifacts{Globs: globs, Collect: got.collect, MaxBytes: 100 << 20}
	exit, out := b.run(t)
	b.wantNothingLeft(b.t.Context())
	return got, exit, out
}

func TestCollect(t *testing.T) {
	for way, through := range ways {
		for name, c := range map[string]struct {
			globs []string
			step  string
			want  taken
		}{
			"a wheel": {[]string{"dist/*.whl"},
				"mkdir dist; printf wheel > dist/lib-1-py3-none-any.whl; echo x > dist/lib-1.tar.gz",
				taken{"dist/lib-1-py3-none-any.whl": "644 wheel"}},
			"jars": {[]string{"target/*.jar", "build/libs/*.jar", "*.jar"},
				"mkdir -p target/sub build/libs; printf a > target/a.jar; printf b > build/libs/b.jar; printf c > c.jar; printf no > target/sub/d.jar",
				taken{"target/a.jar": "644 a", "build/libs/b.jar": "644 b", "c.jar": "644 c"}},
			"what was not changed counts": {[]string{"kept/**"}, "printf new > kept/new; printf more >> kept/grown",
				taken{"kept/old": "644 old", "kept/new": "644 new", "kept/grown": "644 grown and more"}},
			"whiteouts": {[]string{"kept/**"}, "rm kept/old", taken{"kept/grown": "644 grown and "}},
			"opaque folders": {[]string{"kept/**"}, "rm -r kept; mkdir kept; printf n > kept/new",
				taken{"kept/new": "644 n"}},
			"a file for a folder":  {[]string{"kept"}, "rm -r kept; printf n > kept", taken{"kept": "644 n"}},
			"a moved folder":       {[]string{"moved/**"}, "mv kept moved", taken{"moved/old": "644 old", "moved/grown": "644 grown and "}},
			"only its mode":        {[]string{"kept/old"}, "chmod 700 kept/old", taken{"kept/old": "755 old"}},
			"no permission at all": {[]string{"dist/**"}, "mkdir dist; printf s > dist/x; chmod 000 dist/x dist", taken{"dist/x": "644 s"}},
			"setuid and all that":  {[]string{"dist/**"}, "mkdir dist; printf s > dist/x; chmod 7777 dist/x", taken{"dist/x": "755 s"}},
			"hard links": {[]string{"dist/**"}, "mkdir dist; printf one > other; ln other dist/x; ln other dist/y",
				taken{"dist/x": "644 one", "dist/y": "644 one"}},
			"no hard link leads out": {[]string{"dist/**"}, "mkdir dist; ! ln /etc/passwd dist/passwd; ln ../secret dist/in",
				taken{"dist/in": "644 of the repository"}},
			"links beside": {[]string{"**/*.whl"}, "ln -s /etc etc; ln -s .. up; ln -s . self; mkdir a; printf w > a/b.whl; mkfifo fifo",
				taken{"a/b.whl": "644 w"}},
			"a glob that climbs":      {[]string{"../secret", "../**", "/etc/passwd"}, "true", taken{}},
			"nothing":                 {[]string{"dist/*.whl"}, "true", taken{}},
			"the folder is gone":      {[]string{"dist/*.whl"}, "cd ..; rm -r pkg", taken{}},
			"the folder is elsewhere": {[]string{"*"}, "cd ..; rm -r pkg; ln -s /etc pkg", taken{}},
			"names with all sorts": {[]string{"dist/**"}, `mkdir 'dist'; printf 1 > 'dist/ a b'; printf 2 > 'dist/é+[x]{y}*?$(id)'; printf 3 > dist/-rf; printf 4 > dist/..x`,
				taken{"dist/ a b": "644 1", "dist/é+[x]{y}*?$(id)": "644 2", "dist/-rf": "644 3", "dist/..x": "644 4"}},
			"braces and classes": {[]string{"{dist,out/[a-c]}/*.{whl,jar}"}, "mkdir -p dist out/b; printf 1 > dist/x.whl; printf 2 > out/b/y.jar; printf 3 > out/z.jar",
				taken{"dist/x.whl": "644 1", "out/b/y.jar": "644 2"}},
			"an empty file":                 {[]string{"x"}, ": > x", taken{"x": "644 "}},
			"many others":                   {[]string{"dist/*.whl"}, "mkdir dist; cd dist; seq 10000 | xargs touch; printf w > a.whl", taken{"dist/a.whl": "644 w"}},
			"a huge hole that nobody wants": {[]string{"dist/*.whl"}, "mkdir dist; truncate -s 1G hole; printf w > dist/a.whl", taken{"dist/a.whl": "644 w"}},
			"who still writes is stopped": {[]string{"x"},
				"printf 1 > x; setsid sh -c 'trap \"\" TERM HUP; while :; do printf 2 >> y; done' & while [ ! -s y ]; do :; done", taken{"x": "644 1"}},
		} {
			t.Run(way+"/"+name, func(t *testing.T) {
				b := setUp(t, through)
				b.packed()
				got, exit, out := b.collecting(c.globs, c.step)
				if exit.Code != 0 || exit.Refusal != "" || exit.Artifacts != len(c.want) {
					t.Fatalf("exit %+v\n%s", exit, out)
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

// packed gives the tree the package that the tests of artifacts work on.
func (b *bench) packed() {
	b.write("pkg/kept/old", "old")
	b.write("pkg/kept/grown", "grown and ")
	b.write("secret", "of the repository")
}

func TestCollectRefuses(t *testing.T) {
	for way, through := range ways {
		for name, c := range map[string]struct {
			globs []string
			step  string
			words string
		}{
			"a link to a file":        {[]string{"dist/**"}, "mkdir dist; ln -s /etc/passwd dist/passwd", "`dist/passwd` is a symbolic link"},
			"a folder that is a link": {[]string{"dist/*.whl"}, "ln -s /etc dist", "`dist` is a symbolic link"},
			"a folder that leads up":  {[]string{"a/dist/*"}, "ln -s .. a", "`a` is a symbolic link"},
			"a file swapped":          {[]string{"kept/*"}, "rm kept/old; ln -s ../../secret kept/old", "`kept/old` is a symbolic link"},
			"a named pipe":            {[]string{"dist/*"}, "mkdir dist; mkfifo dist/x", "`dist/x` is a named pipe"},
			"too many": {[]string{"dist/**"}, "mkdir dist; cd dist; seq 10000 | xargs touch",
				"is one file more than the 1000"},
			"too large": {[]string{"dist/**"}, "mkdir dist; printf x > dist/a; truncate -s 9G dist/huge", "dist/huge"},
			"too large together": {[]string{"dist/**"}, "mkdir dist; truncate -s 60M dist/a; truncate -s 60M dist/b",
				"`dist/b` has 60 MiB; with it, the artifacts are larger than the 100 MiB"},
			"a line break in a name": {[]string{"dist/**"}, "mkdir dist; echo x > \"dist/a\nb\"", "cannot be the name"},
			"an escape in a name":    {[]string{"dist/**"}, "mkdir dist; echo x > \"dist/$(printf '\\033[2J')\"", "cannot be the name"},
			"no UTF-8":               {[]string{"dist/**"}, "mkdir dist; echo x > \"dist/$(printf '\\377')\"", "cannot be the name"},
			"a backslash":            {[]string{"dist/**"}, `mkdir dist; echo x > 'dist/..\..\x'`, "cannot be the name"},
			"a long name":            {[]string{"**"}, "d=$(printf %0200d 0); mkdir -p $d/$d/$d; echo x > $d/$d/$d/x", "cannot be the name"},
		} {
			t.Run(way+"/"+name, func(t *testing.T) {
				b := setUp(t, through)
				b.packed()
				got, exit, out := b.collecting(c.globs, c.step)
				if exit.Code != 0 || exit.Artifacts != 0 || !strings.Contains(exit.Refusal, c.words) || len(got) > 0 {
					t.Errorf("exit %+v, took %v\n%s", exit, got, out)
				}
				if strings.ContainsFunc(exit.Refusal, func(r rune) bool { return r < ' ' || r == 0x7f }) {
					t.Errorf("%q has control characters", exit.Refusal)
				}
			})
		}
	}
}

func TestDevicesCannotBeMade(t *testing.T) {
	b := setUp(t)
	b.packed()
	_, exit, out := b.collecting([]string{"dist/**"},
		"mkdir dist; for d in 'c 0 0' 'c 1 3' 'b 8 0'; do ! mknod dist/dev $d; done; ! chattr +i dist; : > dist/x")
	if exit.Code != 0 || exit.Artifacts != 1 {
		t.Errorf("exit %+v\n%s", exit, out)
	}
}

func TestCollectOrder(t *testing.T) {
	b := setUp(t)
	b.packed()
	got := taken{}
	task := b.task("printf made > made")
	task.Dir, task.Clean = "pkg", []string{"cat made; rm made", "ls"}
	task.Artifacts = &runner.Artifacts{Globs: []string{"made"}, Collect: got.collect}
	exit, out := b.run(task)
	if exit.Code != 0 || exit.Artifacts != 1 || got["made"] != "644 made" || !strings.HasPrefix(exit.Image, "sha256:") {
		t.Errorf("exit %+v, %v", exit, got)
	}
	contains(t, out, "## printf made > made\n## Collected 1 artifacts\n## cat made; rm made\nmade## ls\nkept\n")

	// Steps that failed leave nothing to collect, and are cleaned up after.
	task.Steps = append(task.Steps, "exit 7")
	clear(got)
	exit, out = b.run(task)
	if exit.Code != 7 || exit.Step != 1 || exit.Artifacts != 0 || len(got) > 0 {
		t.Errorf("exit %+v, %v", exit, got)
	}
	contains(t, out, "## exit 7\n## The line above exited with 7.\n## cat made; rm made\nmade## ls\n")

	// Nor do steps that were stopped, even if they say that all is well.
	task.Steps, task.Timeout = []string{"printf made > made; trap 'exit 0' TERM; while :; do sleep 0.1; done"}, 1500*time.Millisecond
	exit, out = b.run(task)
	if !exit.TimedOut || exit.Artifacts != 0 || len(got) > 0 {
		t.Errorf("exit %+v, %v", exit, got)
	}
	contains(t, out, "## The timeout of 1.5s is over", "## cat made; rm made\nmade## ls\n")
}

func TestCollectFaults(t *testing.T) {
	b := setUp(t)
	b.packed()
	task := b.task("printf made > made")
	task.Dir = "pkg"
	full := checks.Errorf(checks.KindUnavailable, nil, "The storage does not answer.")
	task.Artifacts = &runner.Artifacts{Globs: []string{"made"}, Collect: func(context.Context, string, int64, fs.FileMode, func() (io.ReadCloser, error)) error {
		return full
	}}
	out := newOutput()
	_, err := b.Run(t.Context(), task, out)
	wantKind(t, err, checks.KindUnavailable, "The storage does not answer.")
	contains(t, out.String(), "## echo cleaned\ncleaned\n")
	b.wantNothingLeft(t.Context())

	// Cancelled while its artifacts are taken.
	ctx, cancel := context.WithCancel(t.Context())
	task.Artifacts.Collect = func(ctx context.Context, _ string, _ int64, _ fs.FileMode, _ func() (io.ReadCloser, error)) error {
		cancel()
		return ctx.Err()
	}
	out = newOutput()
	exit, err := b.Run(ctx, task, out)
	if err != nil || !exit.Cancelled || exit.Artifacts != 0 {
		t.Errorf("exit %+v, %v", exit, err)
	}
	contains(t, out.String(), "## echo cleaned\ncleaned\n")
	b.wantNothingLeft(t.Context())
}

// A link in the repository to the package's folder is followed, as it is
// by the steps; the tree beneath stays as it was.
func TestCollectThroughALinkedFolder(t *testing.T) {
	for way, through := range ways {
		t.Run(way, func(t *testing.T) {
			b := setUp(t, through)
			b.write("real/kept", "old")
			if err := os.Symlink("real", filepath.Join(b.tree, "pkg")); err != nil {
				t.Fatal(err)
			}
			got, exit, out := b.collecting([]string{"*"}, "printf made > made")
			if diff := cmp.Diff(taken{"made": "644 made", "kept": "644 old"}, got); diff != "" {
				t.Errorf("%s\nexit %+v\n%s", diff, exit, out)
			}
			if entries, err := os.ReadDir(filepath.Join(b.tree, "real")); err != nil || len(entries) != 1 {
				t.Errorf("the tree beneath changed: %v, %v", entries, err)
			}
		})
	}
}
