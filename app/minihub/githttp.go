package minihub

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// maxPush bounds the body of a git request, in bytes.
const maxPush = 1 << 30

// gitRequest is a request of the smart HTTP protocol.
type gitRequest struct {
	repo string // OWNER/NAME
	path string // "/info/refs" and the like
}

// parseGitPath recognises /OWNER/REPO.git/...; GitHub takes addresses
// without .git too.
func parseGitPath(path string) (gitRequest, bool) {
	for _, service := range []string{"/info/refs", "/git-upload-pack", "/git-receive-pack"} {
		if repo, ok := strings.CutSuffix(path, service); ok {
			repo = strings.TrimSuffix(strings.TrimPrefix(repo, "/"), ".git")
			if strings.Count(repo, "/") == 1 {
				return gitRequest{repo: repo, path: service}, true
			}
		}
	}
	return gitRequest{}, false
}

// serveGit checks the credential and hands the request to git http-backend.
func (h *Hub) serveGit(w http.ResponseWriter, r *http.Request, g gitRequest) {
	service := r.URL.Query().Get("service")
	if g.path != "/info/refs" {
		service = strings.TrimPrefix(g.path, "/")
	}
	if service != "git-upload-pack" && service != "git-receive-pack" {
		http.Error(w, "Please upgrade your git client.\nThis server speaks smart HTTP only.", http.StatusForbidden)
		return
	}
	write := service == "git-receive-pack"
	repo, login, status, text := h.mayGit(r, g.repo, write)
	if status != 0 {
		if status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Basic realm="GitHub"`)
		}
		http.Error(w, text, status)
		return
	}
	if !strings.EqualFold(g.repo, repo.FullName()) {
		to := repo.CloneURL() + g.path
		if r.URL.RawQuery != "" {
			to += "?" + r.URL.RawQuery
		}
		http.Redirect(w, r, to, http.StatusMovedPermanently)
		return
	}
	if g.path == "/info/refs" || !write {
		if r.ContentLength >= 0 {
			h.backend(w, r, repo, g.path, login)
			return
		}
	}
	// A body of unknown length has to be read first: CGI wants its length,
	// and a push must not hold the lock while its sender dawdles.
	body, err := h.spool(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	defer func() { _ = body.Close() }()
	if !write {
		h.backend(w, r, repo, g.path, login)
		return
	}
	h.refMu.Lock()
	defer h.refMu.Unlock()
	if err := repo.writable(); err != nil { // it may have changed while the lock was waited for
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	before, err := repo.refs(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	h.backend(w, r, repo, g.path, login)
	// The refs moved whether or not the client still listens.
	if err := repo.refsMoved(h.ctx, login, before); err != nil {
		h.opts.OnError(err)
	}
}

// mayGit finds the repository and says who asks. A status that is not 0
// refuses.
func (h *Hub) mayGit(r *http.Request, name string, write bool) (repo *Repo, login string, status int, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	repo, _ = h.named(name)
	_, password, given := r.BasicAuth()
	if !given {
		if repo != nil && repo.public && !write {
			return repo, "", 0, ""
		}
		return nil, "", http.StatusUnauthorized, "Repository not found."
	}
	t := h.lookup(password)
	if t == nil {
		return nil, "", http.StatusUnauthorized, "Invalid username or token. Password authentication is not supported for Git operations."
	}
	if t.in != nil && !t.in.suspended.IsZero() {
		return nil, "", http.StatusForbidden, errSuspended.message
	}
	open := repo != nil && repo.public && !write
	if repo == nil || (!open && !t.covers(repo)) {
		return nil, "", http.StatusNotFound, "Repository not found."
	}
	if write && repo.archived {
		return nil, "", http.StatusForbidden, "This repository was archived so it is read-only."
	}
	denied := fmt.Sprintf("Permission to %s.git denied.", repo.FullName())
	if t.user != nil {
		if write && levels[repo.permission(t.user)] < levels["write"] {
			return nil, "", http.StatusForbidden, denied
		}
		return repo, t.user.login, 0, ""
	}
	level := "read"
	if write {
		level = "write"
	}
	if !open && !t.allows("contents", level) {
		return nil, "", http.StatusForbidden, denied
	}
	return repo, t.in.app.bot.login, 0, ""
}

// spool moves the request's body to a file that is removed when closed.
func (h *Hub) spool(r *http.Request) (io.Closer, error) {
	f, err := os.CreateTemp(filepath.Join(h.opts.Dir, "tmp"), "push-")
	if err != nil {
		return nil, fmt.Errorf("keep the push: %w", err)
	}
	_ = os.Remove(f.Name())
	n, err := io.Copy(f, http.MaxBytesReader(nil, r.Body, maxPush))
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("read the push: %w", err)
	}
	r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(f), n, nil
	r.Header.Del("Transfer-Encoding")
	return f, nil
}

func (h *Hub) backend(w http.ResponseWriter, r *http.Request, repo *Repo, path, login string) {
	git, err := exec.LookPath("git")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	env := h.gitEnv("GIT_PROJECT_ROOT="+repo.dir, "GIT_HTTP_EXPORT_ALL=1", "GIT_HTTP_MAX_REQUEST_BUFFER=100M")
	if p := r.Header.Get("Git-Protocol"); p != "" {
		env = append(env, "GIT_PROTOCOL="+p)
	}
	if login != "" {
		env = append(env, "REMOTE_USER="+login)
	}
	inner := r.Clone(r.Context())
	inner.URL.Path = path
	inner.Header.Del("Authorization")
	(&cgi.Handler{Path: git, Args: []string{"http-backend"}, Root: "/", Dir: repo.dir, Env: env,
		Stderr: io.Discard, Logger: log.New(io.Discard, "", 0)}).ServeHTTP(w, inner)
}
