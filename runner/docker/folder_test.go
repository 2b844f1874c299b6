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
)

// seen is what there is in a folder: "MODE CONTENT" of files, "-> TARGET" of
// links, by name. Whatever else is there does not count.
func seen(dir string) (map[string]string, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	out := map[string]string{}
	return out, fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch {
		case d.Type()&fs.ModeSymlink != 0:
			target, err := root.Readlink(name)
			out[name] = "-> " + target
			return err
		case d.Type().IsRegular():
			f, err := root.Open(name)
			if err != nil {
				return err
			}
			defer f.Close()
			info, err := f.Stat()
			if err != nil {
				return err
			}
			text, err := io.ReadAll(f)
			out[name] = fmt.Sprintf("%o %s", info.Mode().Perm(), text)
			return err
		}
		return nil
	})
}

// handed runs steps in the folder pkg and looks at what is handed over.
func (b *bench) handed(step string, change func(*runner.Task)) (got map[string]string, exit runner.Exit, out string) {
	b.t.Helper()
	t := b.task(step)
	t.Dir, t.Clean = "pkg", []string{"echo cleaned"}
	t.Folder = func(_ context.Context, dir string) (err error) {
		got, err = seen(dir)
		return err
	}
	if change != nil {
		change(&t)
	}
	exit, out = b.run(t)
	b.wantNothingLeft(b.t.Context())
	return got, exit, out
}

func TestFolderIsAsTheStepsLeftIt(t *testing.T) {
	files := map[string]string{"kept/old": "644 old", "kept/grown": "644 grown and "}
	with := func(more map[string]string) map[string]string {
		for name, text := range files {
			more[name] = text
		}
		return more
	}
	for way, through := range ways {
		for name, c := range map[string]struct {
			step string
			want map[string]string
		}{
			"nothing was done": {"true", files},
			"more and less":    {"rm -r kept; mkdir kept; printf n > kept/new", map[string]string{"kept/new": "644 n"}},
			"modes":            {"mkdir -m 777 bin; printf x > bin/x; chmod 755 bin/x; printf s > s; chmod 6755 s", with(map[string]string{"bin/x": "755 x", "s": "755 s"})},
			"links":            {"ln -s /etc/passwd out; ln -s ../../.. up; ln -s kept in; ln -s none none", with(map[string]string{"out": "-> /etc/passwd", "up": "-> ../../..", "in": "-> kept", "none": "-> none"})},
			"a link for a folder": {"mv kept real; ln -s real kept", map[string]string{
				"real/old": "644 old", "real/grown": "644 grown and ", "kept": "-> real"}},
			"hard links":     {"mkdir a b; printf one > a/x; ln a/x b/y; ln a/x b/z", with(map[string]string{"a/x": "644 one", "b/y": "644 one", "b/z": "644 one"})},
			"no files":       {"mkfifo pipe; mknod dev c 1 3 || :; mkdir empty", files},
			"names":          {`printf 1 > ' a'; printf 2 > 'é[x]*?$(id)'; printf 3 > -rf; printf 4 > ..x`, with(map[string]string{" a": "644 1", "é[x]*?$(id)": "644 2", "-rf": "644 3", "..x": "644 4"})},
			"a long name":    {`d=$(printf '%0200d' 1); mkdir -p $d/$d; printf l > $d/$d/$d`, with(map[string]string{strings.Repeat(strings.Repeat("0", 199)+"1/", 2) + strings.Repeat("0", 199) + "1": "644 l"})},
			"what is a hole": {"truncate -s 5 hole", with(map[string]string{"hole": "644 \x00\x00\x00\x00\x00"})},
		} {
			t.Run(way+"/"+name, func(t *testing.T) {
				b := setUp(t, through)
				b.packed()
				got, exit, out := b.handed(c.step, nil)
				if diff := cmp.Diff(c.want, got); diff != "" || exit.Code != 0 || exit.Refusal != "" {
					t.Errorf("%s\nexit %+v\n%s", diff, exit, out)
				}
				contains(t, out, "cleaned\n")
			})
		}
	}
}

// What nobody may read is read in either way, and no bit that the steps set
// keeps the folder from being removed.
func TestFolderWithoutPermissions(t *testing.T) {
	for way, through := range ways {
		t.Run(way, func(t *testing.T) {
			b := setUp(t, through)
			b.packed()
			got, exit, out := b.handed("rm -r kept; mkdir d; printf s > d/x; chmod 000 d/x d", nil)
			if text := got["d/x"]; len(got) != 1 || !strings.HasSuffix(text, " s") {
				t.Errorf("%v, %+v\n%s", got, exit, out)
			}
		})
	}
}

func TestFolderEnds(t *testing.T) {
	lost := errors.New("lost")
	for way, through := range ways {
		for name, c := range map[string]struct {
			step   string
			folder func(ctx context.Context, stop func()) error
			want   runner.Exit
			err    error
		}{
			"steps that failed": {step: "exit 3", want: runner.Exit{Code: 3}},
			"a refusal": {folder: func(context.Context, func()) error { return runner.Refusedf("It does not build.") },
				want: runner.Exit{Refusal: "It does not build."}},
			"an error": {folder: func(context.Context, func()) error { return lost }, err: lost},
			"its time": {folder: func(ctx context.Context, _ func()) error {
				<-ctx.Done()
				return ctx.Err()
			}, want: runner.Exit{TimedOut: true, Step: 1}},
			"its end": {folder: func(ctx context.Context, stop func()) error {
				stop()
				<-ctx.Done()
				return ctx.Err()
			}, want: runner.Exit{Cancelled: true}},
			"no folder": {step: "cd ..; rm -r pkg", want: runner.Exit{Refusal: "The steps left no folder of the package behind, so there is nothing to build from."}},
			"elsewhere": {step: "cd ..; rm -r pkg; ln -s /etc pkg", want: runner.Exit{Refusal: "The steps left no folder of the package behind, so there is nothing to build from."}},
		} {
			t.Run(way+"/"+name, func(t *testing.T) {
				b := setUp(t, through)
				b.packed()
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				step := c.step
				if step == "" {
					step = "true"
				}
				task := b.task(step)
				task.Dir, task.Clean, task.Timeout = "pkg", []string{"echo cleaned"}, 20*time.Second
				if name == "its time" {
					task.Timeout = 3 * time.Second
				}
				asked := false
				task.Folder = func(ctx context.Context, dir string) error {
					asked = true
					if _, err := os.Stat(filepath.Join(dir, "kept", "old")); err != nil {
						t.Error(err)
					}
					return c.folder(ctx, stop)
				}
				out := newOutput()
				exit, err := b.Run(ctx, task, out)
				b.wantNothingLeft(t.Context())
				if c.err != nil {
					if !errors.Is(err, c.err) {
						t.Errorf("error %v", err)
					}
					return
				}
				got := runner.Exit{Code: exit.Code, Step: exit.Step, TimedOut: exit.TimedOut, Cancelled: exit.Cancelled, Refusal: exit.Refusal}
				if diff := cmp.Diff(c.want, got); diff != "" || err != nil || asked != (c.folder != nil) {
					t.Errorf("%s\n%v, asked: %v\n%s", diff, err, asked, out)
				}
				if !strings.Contains(name, "folder") && name != "elsewhere" {
					contains(t, out.String(), "cleaned\n")
				}
			})
		}
	}
}

// A folder that has to be copied is bounded; one that is mounted needs no bound.
func TestFolderTooLarge(t *testing.T) {
	for way, through := range ways {
		t.Run(way, func(t *testing.T) {
			b := setUp(t, through)
			b.packed()
			_, exit, out := b.handed("truncate -s 3M hole", func(t *runner.Task) { t.FolderBytes = 2 << 20 })
			if (exit.Refusal != "") != (way != "mounted") {
				t.Errorf("%+v\n%s", exit, out)
			}
			if way != "mounted" {
				contains(t, exit.Refusal, "more than 2 MiB")
			}
		})
	}
}

// TestReleaseBuilds goes the runner's whole way: the steps, the folder, the
// verdict, the log.
func TestReleaseBuilds(t *testing.T) {
	for name, c := range map[string]struct {
		makefile string
		fails    error
		outcome  checks.Outcome
		detail   string
		log      []string
	}{
		"make release": {"release:\n\t@printf \"$$LOKTAR_VERSION\" > v\nclean:\n\t@cat v\n", nil, checks.OutcomePassed, "",
			[]string{"make release", "Building the image", "built of 42\n", "make clean"}},
		"no rule for it": {"ci:\n", nil, checks.OutcomePassed, "", []string{"Building the image", "built of nothing\n"}},
		"no Makefile":    {"", nil, checks.OutcomePassed, "", []string{"Building the image", "built of nothing\n"}},
		"a Dockerfile that does not build": {"", checks.Errorf(checks.KindRefused, nil, "The image of \"p\" does not build: no."),
			checks.OutcomeFailed, "The image of \"p\" does not build: no.", []string{"Failed"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := setUp(t)
			b.packed()
			if c.makefile != "" {
				b.write("pkg/Makefile", c.makefile)
			}
			logs := t.TempDir()
			r := runner.New(runner.Options{Sandbox: b.Sandbox, Workspaces: leaseOne(b.tree), LogDir: logs, Slots: 1})
			job := checks.Job{Run: "run1", Attempt: 1, Package: checks.Package{Name: "p", Dir: "pkg", PkgType: "docker", Timeout: time.Minute, Artifacts: []string{"none"}}}
			result, err := r.Release(t.Context(), checks.Run{ID: "run1", HeadSHA: "abc"}, job, runner.ReleaseOptions{
				Version: "42", Build: func(_ context.Context, dir string, log io.Writer) error {
					v, err := os.ReadFile(filepath.Join(dir, "v"))
					if errors.Is(err, fs.ErrNotExist) {
						v, err = []byte("nothing"), nil
					}
					fmt.Fprintf(log, "built of %s\n", v)
					return errors.Join(err, c.fails)
				}})
			if err != nil || result.Outcome != c.outcome || result.Detail != c.detail {
				t.Errorf("%+v, %v", result, err)
			}
			b.wantNothingLeft(t.Context())
			log, err := os.ReadFile(filepath.Join(logs, "run1", "p.log"))
			if err != nil {
				t.Fatal(err)
			}
			contains(t, string(log), c.log...)
		})
	}
}
