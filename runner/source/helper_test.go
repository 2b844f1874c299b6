package source

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dudesons/loktar/checks"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var testRepo = checks.Repo{ID: 42, Owner: "acme", Name: "mono"}

// origin is a repository that the tests fetch from.
type origin struct {
	t   testing.TB
	dir string
}

func newOrigin(t testing.TB) *origin {
	t.Helper()
	o := &origin{t: t, dir: filepath.Join(t.TempDir(), "origin.git")}
	o.git("init", "--quiet", "--bare", "--initial-branch=main", o.dir)
	o.git("config", "http.receivepack", "true")
	return o
}

func (o *origin) git(args ...string) string {
	o.t.Helper()
	return o.gitIn(nil, args...)
}

func (o *origin) gitIn(stdin []byte, args ...string) string {
	o.t.Helper()
	cmd := exec.Command("git", args...)
	if args[0] != "init" && args[0] != "clone" {
		cmd.Args = append([]string{"git", "--git-dir=" + o.dir}, args...)
	}
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_AUTHOR_DATE=1700000000 +0000",
		"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.org", "GIT_COMMITTER_DATE=1700000000 +0000",
	}
	cmd.Stdin = bytes.NewReader(stdin)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		o.t.Fatalf("git %q: %v: %s", args, err, errs.String())
	}
	return strings.TrimSuffix(string(out), "\n")
}

// files are the changes of a commit: path to content. A content of "-" deletes;
// "link:X" is a symlink to X, "exec:X" an executable file, "sub:SHA" a submodule.
type files map[string]string

// commit puts a commit on a branch (made when it is new) and returns its id.
// With parents given, the first is where it starts and the rest are merged.
func (o *origin) commit(branch string, change files, parents ...string) string {
	o.t.Helper()
	return o.commitAs(branch, "change "+branch, change, parents...)
}

func (o *origin) commitAs(branch, message string, change files, parents ...string) string {
	o.t.Helper()
	var in bytes.Buffer
	fmt.Fprintf(&in, "commit refs/heads/%s\ncommitter a <a@example.org> 1700000000 +0000\ndata %d\n%s\n", branch, len(message), message)
	if len(parents) == 0 && o.has(branch) {
		parents = []string{"refs/heads/" + branch + "^0"}
	}
	for i, p := range parents {
		fmt.Fprintf(&in, "%s %s\n", map[bool]string{true: "from", false: "merge"}[i == 0], p)
	}
	var paths []string
	for path := range change {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for _, path := range paths {
		content := change[path]
		mode, name := "100644", cQuote(path)
		switch {
		case content == "-":
			fmt.Fprintf(&in, "D %s\n", name)
			continue
		case strings.HasPrefix(content, "sub:"):
			fmt.Fprintf(&in, "M 160000 %s %s\n", content[4:], name)
			continue
		case strings.HasPrefix(content, "link:"):
			mode, content = "120000", content[5:]
		case strings.HasPrefix(content, "exec:"):
			mode, content = "100755", content[5:]
		}
		fmt.Fprintf(&in, "M %s inline %s\ndata %d\n%s\n", mode, name, len(content), content)
	}
	in.WriteString("\n")
	o.gitIn(in.Bytes(), "fast-import", "--quiet", "--force")
	return o.git("rev-parse", "refs/heads/"+branch)
}

func (o *origin) has(branch string) bool {
	return o.git("for-each-ref", "refs/heads/"+branch) != ""
}

func cQuote(path string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(path) {
		fmt.Fprintf(&b, "\\%03o", path[i])
	}
	b.WriteByte('"')
	return b.String()
}

func (o *origin) tree(rev string) string { return o.git("rev-parse", rev+"^{tree}") }

func (o *origin) url(checks.Repo) string { return "file://" + o.dir }

// event is a pull request of branch head into branch base as they stand now.
func (o *origin) event(head, base string) checks.Event {
	o.t.Helper()
	return checks.Event{
		Delivery: "d", Kind: checks.EventPullRequest, Installation: 7, Repo: testRepo,
		PullRequest: &checks.PullRequest{
			Number: 1,
			Head:   checks.Ref{SHA: o.git("rev-parse", "refs/heads/"+head), Branch: head, Repo: testRepo},
			Base:   checks.Ref{SHA: o.git("rev-parse", "refs/heads/"+base), Branch: base, Repo: testRepo},
		},
	}
}

func openSource(t testing.TB, o Options) *Source {
	t.Helper()
	if o.Dir == "" {
		o.Dir = filepath.Join(t.TempDir(), "data")
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (o *origin) source(t testing.TB) *Source {
	t.Helper()
	return openSource(t, Options{URL: o.url, AllowFile: true})
}

func load(t testing.TB, s *Source, ev checks.Event) Loaded {
	t.Helper()
	l, err := s.Load(t.Context(), ev)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func lease(t testing.TB, s *Source, tree string) *Lease {
	t.Helper()
	l, err := s.Lease(t.Context(), testRepo, tree)
	if err != nil {
		t.Fatalf("Lease: %v", err)
	}
	t.Cleanup(l.Release)
	return l
}

func wantKind(t testing.TB, err error, kind checks.Kind) {
	t.Helper()
	if err == nil || checks.KindOf(err) != kind {
		t.Fatalf("error is %v of kind %v, want kind %v", err, checks.KindOf(err), kind)
	}
}

// onDisk lists a folder as files: the same notation as a commit's, folders
// that are empty as "dir:".
func onDisk(t testing.TB, root string) files {
	t.Helper()
	got := files{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch {
		case d.IsDir():
			inside, err := os.ReadDir(path)
			if err == nil && len(inside) == 0 {
				got[rel] = "dir:"
			}
			if info.Mode().Perm() != 0o755 {
				got[rel] = "dir mode " + info.Mode().String()
			}
			return err
		case d.Type()&fs.ModeSymlink != 0:
			to, err := os.Readlink(path)
			got[rel] = "link:" + to
			return err
		}
		body, err := os.ReadFile(path)
		got[rel] = string(body)
		switch info.Mode().Perm() {
		case 0o644:
		case 0o755:
			got[rel] = "exec:" + got[rel]
		default:
			got[rel] = "mode " + info.Mode().String()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}
