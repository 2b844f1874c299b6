package sandboxtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/dudesons/loktar/runner"
)

var cases = []struct {
	name string
	run  func(*bed)
}{
	{"is ready", func(b *bed) {
		if err := b.Ready(b.Context()); err != nil {
			b.Error(err)
		}
	}},
	{"passes", func(b *bed) {
		exit, out := b.do(b.task("echo one", "cat file; pwd | sed 's/.*/in a folder/'; echo two >&2"))
		if exit.Code != 0 || exit.Step != 1 || exit.TimedOut || exit.Cancelled || exit.Exceeded != "" || exit.Image == "" {
			b.Errorf("exit %+v", exit)
		}
		b.want(out, "## echo one\none\n## cat file", "\nof the tree\nin a folder\ntwo\n## echo cleaned\ncleaned\n")
	}},
	{"gives secrets as variables", func(b *bed) {
		task := b.task(`[ "$TOKEN" = "a 'secret'
of lines" ] && echo right`)
		task.Env, task.Secrets = map[string]string{"PLAIN": "x"}, map[string]string{"TOKEN": "a 'secret'\nof lines"}
		task.Clean = []string{`[ "$TOKEN" ] && echo there too`}
		exit, out := b.do(task)
		if exit.Code != 0 {
			b.Errorf("exit %+v", exit)
		}
		b.want(out, "\nright\n", "\nthere too\n")
	}},
	{"fails at a step", func(b *bed) {
		exit, out := b.do(b.task("echo one", "exit 7", "echo three"))
		if exit.Code != 7 || exit.Step != 1 {
			b.Errorf("exit %+v", exit)
		}
		b.want(out, "one\n", "## echo cleaned\ncleaned\n")
		if strings.Contains(out, "three") {
			b.Errorf("it went on:\n%s", out)
		}
	}},
	{"stops at the first command that fails", func(b *bed) {
		exit, out := b.do(b.task("echo a\nfalse\necho b"))
		if exit.Code != 1 || strings.Contains(out, "\nb\n") {
			b.Errorf("exit %+v\n%s", exit, out)
		}
	}},
	{"tells of a missing command and of a signal", func(b *bed) {
		if exit, _ := b.do(b.task("no-such-command-anywhere")); exit.Code != 127 {
			b.Errorf("exit %+v", exit)
		}
		if exit, out := b.do(b.task("kill -9 $$")); exit.Code != 137 || !strings.Contains(out, "cleaned") {
			b.Errorf("exit %+v\n%s", exit, out)
		}
	}},
	{"cleans up whatever happened", func(b *bed) {
		task := b.task("exit 3")
		task.Clean = []string{"exit 4", "echo also"}
		exit, out := b.do(task)
		if exit.Code != 3 {
			b.Errorf("exit %+v", exit)
		}
		b.want(out, "## exit 4\n", "## echo also\nalso\n")
	}},
	{"has the environment and no other", func(b *bed) {
		task := b.task(`printf '%s|' "$A"; env`)
		task.Env = map[string]string{"A": "a $(b) 'c'\nd"}
		_, out := b.do(task)
		b.want(out, "a $(b) 'c'\nd|")
		if strings.Contains(out, "of the host") {
			b.Errorf("the host's environment shows:\n%s", out)
		}
	}},
	{"shows nothing of what is hidden", func(b *bed) {
		b.write("other/file", "of another\n")
		b.write("sub dir/deep/file", "kept\n")
		b.write("sub dir/deep/not", "hidden\n")
		task := b.task("ls -a ..; ls deep; cat deep/file; mkdir ../other; ls -a ../other | wc -l; echo mine >../file; cat ../file")
		task.Dir, task.Hidden = "sub dir", []string{"file", "other", "sub dir/deep/not"}
		task.Clean = []string{"ls .. deep"}
		exit, out := b.do(task)
		if exit.Code != 0 || strings.Contains(out, "of another") || strings.Contains(out, "not\n") {
			b.Errorf("exit %+v\n%s", exit, out)
		}
		b.want(out, ".\n..\nsub dir\nfile\nkept\n2\nmine\n")
		task.Steps, task.Clean = []string{"true"}, nil
		task.Folder = func(_ context.Context, dir string) error {
			entries, err := os.ReadDir(filepath.Join(dir, "deep"))
			if err != nil || len(entries) != 1 || entries[0].Name() != "file" {
				b.Errorf("the folder that was handed over has %v, %v", entries, err)
			}
			return nil
		}
		if exit, out := b.do(task); exit.Code != 0 {
			b.Errorf("exit %+v\n%s", exit, out)
		}
	}},
	{"runs in the package's folder", func(b *bed) {
		task := b.task("cat file; cat ../file")
		task.Dir = "sub dir"
		_, out := b.do(task)
		b.want(out, "deeper\nof the tree\n")
	}},
	{"writes to a view of its own", func(b *bed) {
		task := b.task("echo changed > file; rm -r 'sub dir'; echo new > new", "cat file new")
		task.Clean = []string{"cat new; rm new"}
		_, out := b.do(task)
		b.want(out, "changed\nnew\n", "new\n")
		for name, want := range map[string]string{"file": "of the tree\n", "sub dir/file": "deeper\n"} {
			if text, err := os.ReadFile(filepath.Join(b.tree, name)); err != nil || string(text) != want {
				b.Errorf("%s of the tree is %q, %v", name, text, err)
			}
		}
		_, out = b.do(b.task("cat file; ls"))
		if b.want(out, "of the tree\nfile\nsub dir\n"); strings.Contains(out, "new") {
			b.Errorf("it sees what another wrote:\n%s", out)
		}
	}},
	{"asks the probe", func(b *bed) {
		for probe, c := range map[string]struct {
			code, step int
			want       string
		}{
			"echo unseen": {0, 1, "s1\n## echo s2\ns2\n"}, "echo unseen; false": {0, 2, "o1\n"}, "exit 3": {3, 0, "cleaned\n"},
		} {
			task := b.task("echo s1", "echo s2")
			task.Probe, task.Otherwise = probe, []string{"echo o1"}
			exit, out := b.do(task)
			if exit.Code != c.code || exit.Step != c.step || strings.Contains(out, "unseen") || strings.Contains(out, "s1\n") != (c.step == 1) {
				b.Errorf("%s: exit %+v\n%s", probe, exit, out)
			}
			b.want(out, c.want)
		}
	}},
	{"ends what takes too long", func(b *bed) {
		for _, step := range []string{"echo up; sleep 300", "trap '' TERM; echo up; while :; do sleep 1; done"} {
			task := b.task(step, "echo never")
			task.Timeout = 2 * time.Second
			started := time.Now()
			exit, out := b.do(task)
			if !exit.TimedOut || exit.Cancelled || time.Since(started) > 60*time.Second || strings.Contains(out, "## echo never") {
				b.Errorf("exit %+v after %v\n%s", exit, time.Since(started), out)
			}
			b.want(out, "up\n", "## echo cleaned\ncleaned\n")
		}
	}},
	{"stops when it is told to", func(b *bed) {
		ctx, cancel := context.WithCancel(b.Context())
		out := &output{grown: make(chan struct{}, 1)}
		var exit runner.Exit
		var err error
		var wg sync.WaitGroup
		wg.Go(func() { exit, err = b.Sandbox.Run(ctx, b.task("echo up; sleep 300"), out) })
		out.await(b.T, "up\n")
		cancel()
		wg.Wait()
		out.end(b.T)
		if err != nil || !exit.Cancelled || exit.TimedOut {
			b.Errorf("exit %+v, %v", exit, err)
		}
		b.want(out.String(), "up\n", "## echo cleaned\ncleaned\n")
		exit, err = b.Sandbox.Run(ctx, b.task("echo never"), &output{grown: make(chan struct{}, 1)})
		if !exit.Cancelled && !errors.Is(err, context.Canceled) {
			b.Errorf("told before it began: exit %+v, %v", exit, err)
		}
	}},
	{"runs many at once", func(b *bed) {
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				exit, out := b.do(b.task(fmt.Sprintf("echo %d > mine; for i in 1 2 3; do cat mine; done", i)))
				if exit.Code != 0 || !strings.Contains(out, strings.Repeat(fmt.Sprintf("%d\n", i), 3)) {
					b.Errorf("job %d: exit %+v\n%s", i, exit, out)
				}
			})
		}
		wg.Wait()
	}},
	{"hands on all output", func(b *bed) {
		_, out := b.do(b.task("yes 0123456789abcde | head -c 2097152; echo the-end"))
		if n := strings.Count(out, "0123456789abcde\n"); n != 2097152/16 {
			b.Errorf("%d lines came", n)
		}
		b.want(out, "the-end\n## echo cleaned\ncleaned\n")
	}},
	{"waits for no child in the background", func(b *bed) {
		started := time.Now()
		exit, out := b.do(b.task("sleep 300 & echo started"))
		if exit.Code != 0 || time.Since(started) > 60*time.Second {
			b.Errorf("exit %+v after %v\n%s", exit, time.Since(started), out)
		}
	}},
	{"has no input", func(b *bed) {
		exit, out := b.do(b.task("cat; echo eof"))
		if exit.Code != 0 || !strings.Contains(out, "eof\n") {
			b.Errorf("exit %+v\n%s", exit, out)
		}
	}},
	{"uses one image in a run", func(b *bed) {
		one, _ := b.do(b.task("true"))
		two, _ := b.do(b.task("true"))
		if one.Image == "" || one.Image != two.Image {
			b.Errorf("the images are %q and %q", one.Image, two.Image)
		}
	}},
	{"hands over artifacts", artifacts},
	{"reaches services", reachesServices},
	{"runs nothing without its services", needsServices},
	{"tells of services that died", tellsOfServicesThatDied},
	{"keeps services apart", keepsServicesApart},
	{"stops while services start", stopsWhileServicesStart},
	{"hands over the folder", func(b *bed) {
		task := b.task("echo made > made; rm file")
		var seen []string
		task.Folder = func(_ context.Context, dir string) error {
			entries, err := os.ReadDir(dir)
			for _, e := range entries {
				seen = append(seen, e.Name())
			}
			return err
		}
		exit, out := b.do(task)
		if got := strings.Join(seen, " "); exit.Code != 0 || got != "made sub dir" {
			b.Errorf("exit %+v, the folder had %q\n%s", exit, got, out)
		}
		seen = nil
		task.Steps = []string{"false"}
		if b.do(task); seen != nil {
			b.Error("the folder of steps that failed was handed over")
		}
	}},
}

func artifacts(b *bed) {
	var got map[string]string
	failing := error(nil)
	collect := func(_ context.Context, name string, _ int64, mode fs.FileMode, open func() (io.ReadCloser, error)) error {
		in, err := open()
		if err != nil {
			return err
		}
		defer in.Close()
		text, err := io.ReadAll(in)
		got[name] = fmt.Sprintf("%o %s", mode, text)
		return errors.Join(err, failing)
	}
	lenient := false
	do := func(step string, globs ...string) (runner.Exit, error) {
		got = map[string]string{}
		task := b.task(step)
		task.Artifacts = &runner.Artifacts{Globs: globs, Collect: collect, Lenient: lenient}
		out := &output{grown: make(chan struct{}, 1)}
		exit, err := b.Sandbox.Run(b.Context(), task, out)
		out.end(b.T)
		b.want(out.String(), "## echo cleaned\ncleaned\n")
		return exit, err
	}
	exit, err := do("mkdir -p dist/deep; printf a > dist/a; printf b > dist/deep/b; chmod 755 dist/deep/b", "dist/**", "file")
	if err != nil || exit.Artifacts != 3 || got["dist/a"] != "644 a" || got["dist/deep/b"] != "755 b" || got["file"] != "644 of the tree\n" {
		b.Errorf("exit %+v, %v: %q", exit, err, got)
	}
	if exit, err := do("true", "none*"); err != nil || exit.Artifacts != 0 || exit.Refusal != "" {
		b.Errorf("nothing to hand over: exit %+v, %v", exit, err)
	}
	if exit, err := do("echo x > a; exit 5", "a"); err != nil || exit.Code != 5 || len(got) > 0 {
		b.Errorf("steps that failed: exit %+v, %v: %q", exit, err, got)
	}
	if exit, err := do("mkfifo dev; ln -s /etc/passwd link", "dev", "link"); err != nil || exit.Refusal == "" || len(got) > 0 {
		b.Errorf("what is no file: exit %+v, %v: %q", exit, err, got)
	}
	failing = errors.New("the taker's own fault")
	if _, err := do("true", "file"); !errors.Is(err, failing) {
		b.Errorf("an error of who takes them came back as %v", err)
	}
	lenient = true
	if exit, err := do("exit 5", "file"); err != nil || exit.Code != 5 || exit.Refusal == "" || exit.Artifacts != 0 {
		b.Errorf("an error of who takes what is lenient: exit %+v, %v", exit, err)
	}
	failing = nil
	if exit, err := do("echo x > a; ln -s /etc/passwd link; exit 5", "a", "link"); err != nil || exit.Code != 5 || exit.Artifacts != 1 || exit.Refusal == "" || got["a"] != "644 x\n" {
		b.Errorf("lenient, of steps that failed: exit %+v, %v: %q", exit, err, got)
	}
}
