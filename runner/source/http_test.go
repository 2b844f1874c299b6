package source

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io/fs"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/dudesons/loktar/checks"
)

// secret looks like a long installation token.
const secret = "ghs_12345_eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxIn0.c2lnbmF0dXJl-_x"

// smart serves o over smart HTTP at /acme/mono.git to who has the token.
type smart struct {
	*httptest.Server
	requests atomic.Int64
	// first, when set, answers instead and reports whether it did.
	first atomic.Pointer[func(http.ResponseWriter, *http.Request) bool]
}

func serve(t testing.TB, o *origin, env ...string) *smart {
	t.Helper()
	out, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	backend := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(out)), "git-http-backend"), Root: "/acme/mono.git",
		Env: append([]string{"GIT_PROJECT_ROOT=" + o.dir, "GIT_HTTP_EXPORT_ALL=1"}, env...), InheritEnv: []string{"PATH"},
		Stderr: new(bytes.Buffer),
	}
	s := &smart{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		if f := s.first.Load(); f != nil && (*f)(w, r) {
			return
		}
		user, password, _ := r.BasicAuth()
		if user != "x-access-token" || password != secret {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		if v := r.Header.Get("Git-Protocol"); v != "" {
			h := *backend
			h.Env = append([]string{"GIT_PROTOCOL=" + v}, backend.Env...)
			h.ServeHTTP(w, r)
			return
		}
		backend.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *smart) answer(f func(http.ResponseWriter, *http.Request) bool) { s.first.Store(&f) }

func (s *smart) url(checks.Repo) string { return s.URL + "/acme/mono.git" }

// tokens is a Token function that counts its calls.
func tokens(token string, calls *atomic.Int64) func(context.Context, int64, checks.Repo) (string, error) {
	return func(_ context.Context, installation int64, repo checks.Repo) (string, error) {
		calls.Add(1)
		if installation != 7 || repo != testRepo {
			return "", errors.New("asked for another repository")
		}
		return token, nil
	}
}

func pullRequest(t testing.TB) (*origin, checks.Event) {
	o := newOrigin(t)
	base := o.commit("main", files{"a": "1", "loktar.json": "{}"})
	o.commit("topic", files{"b": "1"}, base)
	return o, o.event("topic", "main")
}

func TestTokenIsNowhereToBeSeen(t *testing.T) {
	o, ev := pullRequest(t)
	web := serve(t, o)
	var calls atomic.Int64
	s := openSource(t, Options{URL: web.url, Token: tokens(secret, &calls)})
	basic := base64.StdEncoding.EncodeToString([]byte("x-access-token:" + secret))
	var mu sync.Mutex
	seen := 0
	web.answer(func(_ http.ResponseWriter, r *http.Request) bool {
		lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
		if err != nil || len(lines) == 0 {
			t.Errorf("no processes: %v", err)
		}
		for _, path := range lines {
			line, _ := os.ReadFile(path)
			if bytes.Contains(line, []byte(secret)) || bytes.Contains(line, []byte(basic)) {
				t.Errorf("%s has the token: %q", path, line)
			}
			if bytes.Contains(line, []byte(s.opts.Dir)) && bytes.Contains(line, []byte("fetch")) {
				mu.Lock()
				seen++
				mu.Unlock()
			}
		}
		return false
	})
	l := load(t, s, ev)
	lease(t, s, l.Change.Tree)
	if seen == 0 {
		t.Error("no running git was looked at")
	}
	looked := 0
	err := filepath.WalkDir(s.opts.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		looked++
		body, err := os.ReadFile(path)
		if bytes.Contains(body, []byte(secret)) || bytes.Contains(body, []byte(basic)) {
			t.Errorf("%s has the token", path)
		}
		return err
	})
	if err != nil || looked < 5 {
		t.Errorf("looked at %d files: %v", looked, err)
	}
}

func TestTokenIsMaskedInErrors(t *testing.T) {
	o, ev := pullRequest(t)
	s := openSource(t, Options{URL: func(checks.Repo) string { return o.url(testRepo) + "-" + secret }, AllowFile: true, Token: tokens(secret, new(atomic.Int64))})
	_, err := s.Load(t.Context(), ev)
	wantKind(t, err, checks.KindNotFound)
	if text := err.Error(); strings.Contains(text, secret) || !strings.Contains(text, "***") {
		t.Errorf("error is %q", text)
	}
}

func TestTokenIsAskedForOnlyWhenNeeded(t *testing.T) {
	o, ev := pullRequest(t)
	web := serve(t, o)
	var calls atomic.Int64
	s := openSource(t, Options{URL: web.url, Token: tokens(secret, &calls)})
	head, base := ev.PullRequest.Head.SHA, ev.PullRequest.Base.SHA
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			if err := s.Fetch(t.Context(), 7, testRepo, head, base, head); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if calls.Load() != 1 {
		t.Errorf("%d tokens for one fetch", calls.Load())
	}
	again := openSource(t, Options{Dir: filepath.Join(t.TempDir(), "x"), URL: web.url, Token: tokens(secret, &calls)})
	if err := again.Fetch(t.Context(), 7, testRepo, head); err != nil {
		t.Fatal(err)
	}
	before := web.requests.Load()
	if err := again.Fetch(t.Context(), 7, testRepo, base); err != nil {
		t.Fatal(err)
	}
	if calls.Load() != 2 || web.requests.Load() != before {
		t.Error("a commit that was reached before was fetched again")
	}
}

func TestLoadOverHTTP(t *testing.T) {
	for name, env := range map[string][]string{
		"by id": nil,
		"protocol 0, commits are not given by id": {"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=protocol.version", "GIT_CONFIG_VALUE_0=0"},
	} {
		t.Run(strings.Fields(name)[0], func(t *testing.T) {
			o, ev := pullRequest(t)
			// The head is in no branch, as that of a fork, and moved on since.
			o.git("update-ref", "refs/pull/1/head", o.git("commit-tree", o.tree("topic"), "-p", "topic", "-m", "later"))
			o.git("update-ref", "-d", "refs/heads/topic")
			web := serve(t, o)
			if env != nil {
				web.answer(func(_ http.ResponseWriter, r *http.Request) bool {
					r.Header.Del("Git-Protocol")
					return false
				})
			}
			s := openSource(t, Options{URL: web.url, Token: tokens(secret, new(atomic.Int64))})
			if l := load(t, s, ev); l.Change.HeadSHA != ev.PullRequest.Head.SHA || len(l.Change.Files) != 1 {
				t.Errorf("change is %+v", l.Change)
			}
			run := checks.Run{Installation: 7, Repo: testRepo, PullRequest: ev.PullRequest, HeadSHA: ev.PullRequest.Head.SHA, BaseSHA: ev.PullRequest.Base.SHA}
			run.Tree = o.git("merge-tree", "--write-tree", run.BaseSHA, run.HeadSHA)
			o.commit("main", files{"later": "1"})
			other := openSource(t, Options{URL: web.url, Token: tokens(secret, new(atomic.Int64))})
			if err := other.Restore(t.Context(), run); err != nil {
				t.Error(err)
			}
			ev.PullRequest.Head.SHA = strings.Repeat("e", 40)
			_, err := s.Load(t.Context(), ev)
			wantKind(t, err, checks.KindNotFound)
		})
	}
}
