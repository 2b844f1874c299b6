package docker_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/runner"
)

// scramble is a script of random changes to files with the suffix .f, folders
// and links, over what the tree has and over its own.
func scramble(r *rand.Rand, n int) string {
	var script strings.Builder
	script.WriteString("exec 2>/dev/null\n")
	for i := range n {
		dir := func() string {
			return strings.Join([]string{".", "a", "b", "c"}[:1+r.IntN(4)], "/")
		}
		at, to := dir(), dir()
		name := []string{"x.f", "y.f", "z.f", "a", "b", "new"}[r.IntN(6)]
		switch r.IntN(10) {
		case 0:
			fmt.Fprintf(&script, "mkdir -p %s/%s || :\n", at, name)
		case 1, 2, 3:
			fmt.Fprintf(&script, "echo %d >> %s/%s || :\n", i, at, name)
		case 4:
			fmt.Fprintf(&script, "rm -rf %s/%s || :\n", at, name)
		case 5:
			fmt.Fprintf(&script, "rm -rf %s/%s; mkdir %s/%s && echo %d > %s/%s/o.f || :\n", at, name, at, name, i, at, name)
		case 6:
			fmt.Fprintf(&script, "mv %s/%s %s/m%d || :\n", at, name, to, i)
		case 7:
			fmt.Fprintf(&script, "ln %s/x.f %s/h%d.f || :\n", at, to, i)
		case 8:
			fmt.Fprintf(&script, "ln -s ../x.f %s/s%d.l || ln -s / %s/r%d || :\n", at, i, to, i)
		case 9:
			fmt.Fprintf(&script, "chmod %o %s/%s || :\n", []int{0, 0o755, 0o644, 0o4711}[r.IntN(4)], at, name)
		}
	}
	return script.String()
}

// Whatever the steps did, what is collected is what they saw at their end,
// and both ways to read the workspace agree.
func TestCollectedIsWhatTheStepsSaw(t *testing.T) {
	for way, through := range ways {
		t.Run(way, func(t *testing.T) {
			b := setUp(t, through)
			for _, name := range []string{"x.f", "y.f", "a/x.f", "a/y.f", "a/b/x.f", "a/b/z.f", "a/b/c/x.f", "a/b/c/y.f", "b/x.f"} {
				b.write("pkg/"+name, "in "+name)
			}
			found := 0
			for seed := range uint64(6) {
				script := scramble(rand.New(rand.NewPCG(seed, 0)), 60)
				for _, glob := range []string{"**/*.f", "a/**/x.f"}[seed%2:][:1] {
					got := map[string]string{}
					task := b.task(script, "find . -type f -exec sha256sum {} +")
					task.Dir, task.Clean = "pkg", nil
					task.Artifacts = &runner.Artifacts{Globs: []string{glob}, Collect: func(_ context.Context, name string, _ int64, mode fs.FileMode, open func() (io.ReadCloser, error)) error {
						r, err := open()
						if err != nil {
							return err
						}
						defer r.Close()
						sum := sha256.New()
						_, err = io.Copy(sum, r)
						got[name] = hex.EncodeToString(sum.Sum(nil))
						return err
					}}
					exit, out := b.run(task)
					want := map[string]string{}
					for line := range strings.Lines(out) {
						if sum, name, ok := strings.Cut(strings.TrimSpace(line), "  ./"); ok && len(sum) == 64 && doublestar.MatchUnvalidated(glob, name) {
							want[name] = sum
						}
					}
					if diff := cmp.Diff(want, got); diff != "" || exit.Code != 0 || exit.Artifacts != len(want) {
						t.Fatalf("seed %d, %s: %s\nexit %+v\n%s\n%s", seed, glob, diff, exit, script, out)
					}
					found += len(want)
				}
			}
			if found < 20 {
				t.Errorf("only %d files were ever there; the test shows little", found)
			}
		})
	}
}
