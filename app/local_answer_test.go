package app

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// TestAnswersAreTheSameWhenRemembered asks of a growing history with what was
// kept and without, and has both say the same.
func TestAnswersAreTheSameWhenRemembered(t *testing.T) {
	answered := 0
	rapid.Check(t, func(r *rapid.T) {
		dir, kept := newRepository(t)
		o := LocalOptions{Dir: dir, CacheDir: kept, Getenv: func(string) string { return "" }}
		for range rapid.IntRange(1, 3).Draw(r, "commits") {
			for range rapid.IntRange(1, 4).Draw(r, "files") {
				name := rapid.SampledFrom([]string{"a/f", "c/f", "a/requirements.txt", "b/requirements.txt", "b/requirements.txt", "shared.txt", "c/link", "loktar.json"}).Draw(r, "name")
				change(t, filepath.Join(dir, name), rapid.SampledFrom([]string{"", "a\n", "c\n", "-r ../shared.txt\n", "link:../a", "gone"}).Draw(r, "text"))
			}
			run(t, dir, "add", "--all")
			run(t, dir, "commit", "--quiet", "--allow-empty", "--message", "x")
			switch rapid.IntRange(0, 5).Draw(r, "then") {
			case 0:
				run(t, dir, "pack-refs", "--all")
			case 1:
				run(t, dir, "branch", "--force", "main")
			}
			fresh := o
			fresh.CacheDir = ""
			want, wantErr := ListAffected(t.Context(), fresh)
			if wantErr == nil {
				answered++
				alone, err := ReadLocal(t.Context(), fresh)
				beside, err2 := AskLocal(t.Context(), o)
				if err != nil || err2 != nil {
					r.Fatal(err, err2)
				}
				if diff := cmp.Diff(alone.Change.Manifest.Edges, beside.Change.Manifest.Edges, cmpopts.EquateEmpty()); diff != "" && len(beside.Change.Manifest.Unread) == 0 {
					r.Fatalf("the head beside its base needs something else:\n%s", diff)
				}
			}
			for _, time := range []string{"first", "second"} {
				got, err := ListAffected(t.Context(), o)
				if diff := cmp.Diff(want, got); diff != "" || (err == nil) != (wantErr == nil) {
					r.Fatalf("the %s time: %v, %v\n%s", time, err, wantErr, diff)
				}
			}
		}
	})
	if answered < 20 {
		t.Errorf("only %d questions were answered", answered)
	}
}

// newRepository has packages whose dependencies are written in files, and
// gives a folder for what is kept.
func newRepository(t *testing.T) (dir, kept string) {
	t.Helper()
	dir, kept = t.TempDir(), t.TempDir()
	run(t, dir, "init", "--quiet", "--initial-branch=main")
	for name, text := range map[string]string{
		"loktar.json": "", "a/f": "1", "b/f": "1", "c/f": "1", "b/requirements.txt": "a\n", "shared.txt": "b\n",
	} {
		change(t, filepath.Join(dir, name), text)
	}
	run(t, dir, "add", "--all")
	run(t, dir, "commit", "--quiet", "--message", "x")
	run(t, dir, "checkout", "--quiet", "-b", "topic")
	return dir, kept
}

// change writes a file or a link, or removes it. In loktar.json text follows
// the packages, and is mostly too much.
func change(t *testing.T, path, text string) {
	t.Helper()
	if filepath.Base(path) == "loktar.json" {
		const packages = `{"packages": [{"pkg_name": "a", "pkg_dir": "a"}, {"pkg_name": "b", "pkg_dir": "b"}, {"pkg_name": "c", "pkg_dir": "c", "inputs": ["shared.txt"]}]}`
		if err := os.WriteFile(path, []byte(packages+text), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = os.RemoveAll(path)
	}
	switch {
	case err != nil || text == "gone":
	case text == "link:../a":
		err = os.Symlink("../a", path)
	default:
		err = os.WriteFile(path, []byte(text), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.org"}, args...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %q: %v: %s", args, err, out)
	}
}

func TestAnswerThatIsRememberedNeedsNoGit(t *testing.T) {
	dir, kept := newRepository(t)
	change(t, filepath.Join(dir, "a/f"), "2")
	run(t, dir, "commit", "--quiet", "--all", "--message", "x")
	o := LocalOptions{Dir: filepath.Join(dir, "a"), CacheDir: kept, Getenv: func(string) string { return "" }}
	want, err := ListAffected(t.Context(), o)
	if err != nil || len(want.Affected) != 2 {
		t.Fatalf("%+v, %v", want, err)
	}
	t.Setenv("PATH", t.TempDir())
	got, err := ListAffected(t.Context(), o)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	for what, other := range map[string]func(*LocalOptions){
		"another base": func(o *LocalOptions) { o.Base = "topic" }, "a merge": func(o *LocalOptions) { o.Merge = true },
		"uncommitted work": func(o *LocalOptions) { o.Uncommitted = true }, "another head": func(o *LocalOptions) { o.Head = "main" },
	} {
		asked := o
		other(&asked)
		if a, err := ListAffected(t.Context(), asked); err == nil {
			t.Errorf("%s has the answer %+v", what, a)
		}
	}
}
