package source

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/dudesons/loktar/checks"
)

func TestNewRefusesWhatCannotServe(t *testing.T) {
	url := func(checks.Repo) string { return "" }
	old := filepath.Join(t.TempDir(), "git")
	if err := os.WriteFile(old, []byte("#!/bin/sh\necho git version 2.30.2\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]Options{
		"old git": {Dir: t.TempDir(), Git: old},
		"no git":  {Dir: t.TempDir(), Git: "/no/such/git"},
		"comma":   {Dir: filepath.Join(t.TempDir(), "a,b")},
		"colon":   {Dir: filepath.Join(t.TempDir(), "a:b")},
		"a file":  {Dir: old},
	} {
		o.URL = url
		_, err := New(o)
		wantKind(t, err, checks.KindConfig)
		t.Logf("%s: %s", name, checks.PublicText(err, ""))
	}
	for line, ok := range map[string]bool{
		"git version 2.38.0": true, "git version 2.39.5 (Apple Git-154)": true, "git version 3.0.1": true, "git version 2.47.0.windows.1": true,
		"git version 2.37.9": false, "git version 1.99": false, "hello": false, "": false, "git version 99999999999999999999.1": false,
	} {
		if err := checkVersionLine(line); (err == nil) != ok {
			t.Errorf("%q: %v", line, err)
		}
	}
}

// TestKilledFetch kills git in the middle of a fetch, as the end of the
// machine would, and fetches again.
func TestKilledFetch(t *testing.T) {
	o, ev := pullRequest(t)
	web := serve(t, o)
	dir := t.TempDir()
	s := openSource(t, Options{Dir: dir, URL: web.url, Token: tokens(secret, new(atomic.Int64))})
	m := s.mirror(testRepo)
	var killed atomic.Bool
	web.answer(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost && !killed.Swap(true) {
			killGit(t, m.dir)
			return true
		}
		return false
	})
	if _, err := s.Load(t.Context(), ev); err == nil {
		t.Fatal("the killed fetch succeeded")
	}
	left := []string{"shallow.lock", "packed-refs.lock", "config.lock", "refs/loktar/x.lock", "objects/pack/tmp_pack_x", "objects/aa/tmp_obj_x"}
	for _, name := range left {
		path := filepath.Join(m.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "mirrors/9.git.new/x"), 0o700); err != nil {
		t.Fatal(err)
	}
	s = openSource(t, Options{Dir: dir, URL: web.url, Token: tokens(secret, new(atomic.Int64))})
	for _, name := range append(left, "../9.git.new") {
		if _, err := os.Stat(filepath.Join(m.dir, name)); err == nil {
			t.Errorf("%s is left", name)
		}
	}
	load(t, s, ev)
}

// killGit kills the git processes that work on the mirror dir.
func killGit(t *testing.T, dir string) {
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Error(err)
	}
	for _, path := range lines {
		line, _ := os.ReadFile(path)
		if !strings.Contains(string(line), "--git-dir="+dir) {
			continue
		}
		var pid int
		for _, c := range filepath.Base(filepath.Dir(path)) {
			pid = pid*10 + int(c-'0')
		}
		if err := syscall.Kill(-pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Error(err)
		}
	}
}

func TestBrokenMirrorIsMadeAnew(t *testing.T) {
	for name, harm := range map[string]func(t *testing.T, m *mirror) error{
		"objects emptied": func(t *testing.T, m *mirror) error { damage(t, m.dir); return nil },
		"objects removed": func(_ *testing.T, m *mirror) error { return os.RemoveAll(filepath.Join(m.dir, "objects")) },
		"packs removed":   func(_ *testing.T, m *mirror) error { return os.RemoveAll(filepath.Join(m.dir, "objects/pack")) },
		"HEAD emptied":    func(_ *testing.T, m *mirror) error { return os.WriteFile(filepath.Join(m.dir, "HEAD"), nil, 0o600) },
		"config is broken": func(_ *testing.T, m *mirror) error {
			return os.WriteFile(filepath.Join(m.dir, "config"), []byte("[["), 0o600)
		},
		"mirror removed": func(_ *testing.T, m *mirror) error { return os.RemoveAll(m.dir) },
		"mirror is a file": func(_ *testing.T, m *mirror) error {
			return errors.Join(os.RemoveAll(m.dir), os.WriteFile(m.dir, nil, 0o600))
		},
	} {
		for _, restart := range []bool{false, true} {
			t.Run(name+map[bool]string{true: " and restart"}[restart], func(t *testing.T) {
				o, ev := pullRequest(t)
				dir := t.TempDir()
				s := openSource(t, Options{Dir: dir, URL: o.url, AllowFile: true})
				want := load(t, s, ev).Change.Tree
				if err := harm(t, s.mirror(testRepo)); err != nil {
					t.Fatal(err)
				}
				if restart {
					s = openSource(t, Options{Dir: dir, URL: o.url, AllowFile: true})
				}
				l := load(t, s, ev)
				if l.Change.Tree != want {
					t.Errorf("tree is %s", l.Change.Tree)
				}
				lease(t, s, l.Change.Tree)
			})
		}
	}
}

func TestMaintainKeepsWhatIsUsed(t *testing.T) {
	o, ev := pullRequest(t)
	s := o.source(t)
	start := time.Now()
	var now atomic.Pointer[time.Time]
	now.Store(&start)
	s.now = func() time.Time { return *now.Load() }
	l := load(t, s, ev)
	m := s.mirror(testRepo)
	refs := func() int {
		out, err := m.run(t.Context(), "for-each-ref", "--format=%(refname)")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(out), "\n")
	}
	maintain := func() {
		t.Helper()
		if err := s.Maintain(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	maintain()
	if _, err := m.run(t.Context(), "gc", "--quiet", "--prune=now"); err != nil {
		t.Fatal(err)
	}
	lease(t, s, l.Change.Tree).Release()
	if n := refs(); n != 4 {
		t.Errorf("%d refs, want head, base, tree and base branch", n)
	}
	later := start.Add(20 * 24 * time.Hour)
	now.Store(&later)
	load(t, s, ev)
	later2 := start.Add(40 * 24 * time.Hour)
	now.Store(&later2)
	maintain()
	if n := refs(); n != 4 {
		t.Errorf("%d refs after the first day is past, want 4", n)
	}
	later3 := start.Add(60 * 24 * time.Hour)
	now.Store(&later3)
	maintain()
	if _, err := os.Stat(m.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what nobody uses is kept for ever: %v", err)
	}
	load(t, s, ev)
}

func TestObjects(t *testing.T) {
	o := newOrigin(t)
	sha := o.commit("main", files{"d/new\nline": "1", "d/a b": "22", "big": strings.Repeat("x", 100), "x missing": "3"})
	s := merged(t, o, 1, "main")
	if _, err := s.Objects(t.Context(), checks.Repo{ID: 1, Owner: "a", Name: "b"}); checks.KindOf(err) != checks.KindNotFound {
		t.Errorf("error is %v", err)
	}
	objects, err := s.Objects(t.Context(), testRepo)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for path, want := range map[string]string{"d/new\nline": "1", "d/a b": "22", "x missing": "3"} {
			if _, got, err := objects.Blob(sha+":"+path, 50); string(got) != want || err != nil {
				t.Errorf("%q is %q, %v", path, got, err)
			}
		}
		for _, name := range []string{sha + ":no", sha + ":no\nsuch\n\nfile", sha + ":\n", strings.Repeat("f", 40), "\n", sha + ":d/new\nlin", sha + ":x missing\n"} {
			_, err := objects.Info(name)
			wantKind(t, err, checks.KindNotFound)
		}
		_, _, err := objects.Blob(sha+":big", 99)
		var large *TooLargeError
		if !errors.As(err, &large) || large.Size != 100 {
			t.Errorf("error is %v", err)
		}
		if _, _, err := objects.Blob(sha+":d", 1000); err == nil {
			t.Error("a folder was read as a file")
		}
		entries, err := objects.Tree(sha + ":d")
		if err != nil || len(entries) != 2 || entries[1].Name != "new\nline" || !entries[0].IsFile() {
			t.Errorf("tree is %+v, %v", entries, err)
		}
		if info, err := objects.Info(sha); err != nil || info.Type != "commit" || info.OID != sha {
			t.Errorf("info is %+v, %v", info, err)
		}
		if _, err := objects.Info("a\x00b"); err == nil {
			t.Error("a name with NUL was taken")
		}
	}
	if err := objects.Close(); err != nil {
		t.Error(err)
	}
	if _, err := objects.Info(sha); err == nil || objects.Close() != nil {
		t.Error("a closed reader answers")
	}
	ctx, cancel := context.WithCancel(t.Context())
	objects, err = s.Objects(ctx, testRepo)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	deadline := time.Now().Add(10 * time.Second)
	for err == nil && time.Now().Before(deadline) {
		_, err = objects.Info(sha)
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	if err := objects.Close(); err != nil {
		t.Error(err)
	}
}

// TestGitSeesNothingOfTheMachine sets traps in the environment, the home
// folder and the mirror, and looks whether one was stepped on.
func TestGitSeesNothingOfTheMachine(t *testing.T) {
	o, ev := pullRequest(t)
	home, mark := t.TempDir(), filepath.Join(t.TempDir(), "mark")
	trap := "#!/bin/sh\necho \"$0\" >>" + mark + "\n"
	hooks := filepath.Join(home, "hooks")
	config := "[core]\n\thooksPath = " + hooks + "\n\tfsmonitor = " + hooks + "/post-index-change\n[url \"file:///no/such/\"]\n\tinsteadOf = file://\n"
	if err := errors.Join(os.Mkdir(hooks, 0o755), os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(config), 0o600)); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"HOME": home, "XDG_CONFIG_HOME": home, "GIT_DIR": "/no/such", "GIT_WORK_TREE": "/no/such", "GIT_INDEX_FILE": mark, "GIT_TRACE": mark,
		"GIT_CONFIG_PARAMETERS": "'core.bare'='maybe'", "GIT_CONFIG_GLOBAL": filepath.Join(home, ".gitconfig"), "GIT_OBJECT_DIRECTORY": "/no/such", "GIT_SSH_COMMAND": "false",
	} {
		t.Setenv(name, value)
	}
	s := o.source(t)
	m := s.mirror(testRepo)
	if err := m.ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(m.dir, "hooks")
	if err := os.MkdirAll(own, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{own, hooks} {
		for _, hook := range []string{"reference-transaction", "post-index-change", "post-checkout", "pre-auto-gc"} {
			if err := os.WriteFile(filepath.Join(dir, hook), []byte(trap), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	l := load(t, s, ev)
	lease(t, s, l.Change.Tree)
	if err := s.Maintain(t.Context()); err != nil {
		t.Error(err)
	}
	if body, err := os.ReadFile(mark); err == nil {
		t.Errorf("stepped on: %s", body)
	}
}
