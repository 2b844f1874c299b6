package minihub

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// call is one REST request, after its token was checked.
type call struct {
	*http.Request
	w    http.ResponseWriter
	app  *App   // the App that asks; nil for a person
	tok  *token // nil for a call with the App's JWT
	repo *Repo  // nil when the route names none
}

// answer is what a handler returns: a status and a JSON value. A zero answer
// was written already.
type answer struct {
	status int
	body   any
}

type endpoint struct {
	pattern    string
	permission string // "" for calls with a JWT or without a repository; "a|b" is either
	level      string
	handle     func(*call) (answer, error)
}

// restHandler routes the API. Routes with a permission name a repository. All
// that name one take its id too, as redirects do.
func (h *Hub) restHandler() http.Handler {
	mux := http.NewServeMux()
	for _, e := range []endpoint{
		{"GET /app", "", "app", h.getApp},
		{"GET /app/installations", "", "app", h.listInstallations},
		{"GET /app/installations/{id}", "", "app", h.getInstallation},
		{"POST /app/installations/{id}/access_tokens", "", "app", h.postAccessToken},
		{"GET /app/hook/deliveries", "", "app", h.listDeliveries},
		{"GET /app/hook/deliveries/{id}", "", "app", h.getDelivery},
		{"POST /app/hook/deliveries/{id}/attempts", "", "app", h.redeliver},
		{"GET /repos/{owner}/{repo}/installation", "", "app", h.getRepoInstallation},
		{"GET /installation/repositories", "", "token", h.listInstallationRepos},
		{"GET /rate_limit", "", "token", h.getRateLimit},
		{"GET /meta", "", "", h.getMeta},
		{"GET /repos/{owner}/{repo}", "metadata", "read", h.getRepo},
		{"GET /repos/{owner}/{repo}/collaborators/{user}/permission", "metadata", "read", h.getPermission},
		{"GET /repos/{owner}/{repo}/branches/{branch}", "contents", "read", h.getBranch},
		{"GET /repos/{owner}/{repo}/branches/{branch}/protection/required_status_checks", "administration", "read", h.getRequiredChecks},
		{"GET /repos/{owner}/{repo}/rules/branches/{branch}", "metadata", "read", h.listBranchRules},
		{"GET /repos/{owner}/{repo}/commits/{ref}", "contents", "read", h.getCommit},
		{"POST /repos/{owner}/{repo}/git/refs", "contents", "write", h.postRef},
		{"GET /repos/{owner}/{repo}/git/ref/{ref...}", "contents", "read", h.getRef},
		{"GET /repos/{owner}/{repo}/git/tags/{sha}", "contents", "read", h.getTag},
		{"POST /repos/{owner}/{repo}/releases", "contents", "write", h.postRelease},
		{"GET /repos/{owner}/{repo}/releases/tags/{tag...}", "contents", "read", h.getReleaseOfTag},
		{"GET /repos/{owner}/{repo}/pulls", "pull_requests", "read", h.listPulls},
		{"GET /repos/{owner}/{repo}/pulls/{number}", "pull_requests", "read", h.getPull},
		{"GET /repos/{owner}/{repo}/pulls/{number}/files", "pull_requests", "read", h.listPullFiles},
		{"GET /repos/{owner}/{repo}/commits/{ref}/pulls", "pull_requests", "read", h.listCommitPulls},
		{"GET /repos/{owner}/{repo}/issues/{first}/{second}", eitherTalk, "read", h.getIssuePart},
		{"POST /repos/{owner}/{repo}/issues/{number}/comments", eitherTalk, "write", h.postComment},
		{"PATCH /repos/{owner}/{repo}/issues/comments/{id}", eitherTalk, "write", h.patchComment},
		{"DELETE /repos/{owner}/{repo}/issues/comments/{id}", eitherTalk, "write", h.deleteComment},
		{"GET /repos/{owner}/{repo}/issues/comments/{id}/reactions", eitherTalk, "read", h.listReactions},
		{"POST /repos/{owner}/{repo}/issues/comments/{id}/reactions", eitherTalk, "write", h.postReaction},
		{"POST /repos/{owner}/{repo}/check-runs", "checks", "write", h.postCheckRun},
		{"GET /repos/{owner}/{repo}/check-runs/{id}", "checks", "read", h.getCheckRun},
		{"PATCH /repos/{owner}/{repo}/check-runs/{id}", "checks", "write", h.patchCheckRun},
		{"GET /repos/{owner}/{repo}/check-runs/{id}/annotations", "checks", "read", h.listAnnotations},
		{"POST /repos/{owner}/{repo}/check-runs/{id}/rerequest", "checks", "write", h.rerequestRun},
		{"GET /repos/{owner}/{repo}/commits/{ref}/check-runs", "checks", "read", h.listCommitRuns},
		{"GET /repos/{owner}/{repo}/commits/{ref}/check-suites", "checks", "read", h.listCommitSuites},
		{"GET /repos/{owner}/{repo}/check-suites/{id}", "checks", "read", h.getSuite},
		{"POST /repos/{owner}/{repo}/check-suites/{id}/rerequest", "checks", "write", h.rerequestSuite},
	} {
		method, path, _ := strings.Cut(e.pattern, " ")
		serve := func(w http.ResponseWriter, r *http.Request) { h.serveCall(e, w, r) }
		mux.HandleFunc(method+" "+apiPrefix+path, serve)
		if rest, ok := strings.CutPrefix(path, "/repos/{owner}/{repo}"); ok {
			mux.HandleFunc(method+" "+apiPrefix+"/repositories/{repository_id}"+rest, serve)
		}
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { writeError(w, errNotFound) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// HEAD and methods that a path does not have are 404 at GitHub too.
		if _, pattern := mux.Handler(r); pattern == "" || pattern == "/" {
			writeError(w, errNotFound)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func (h *Hub) serveCall(e endpoint, w http.ResponseWriter, r *http.Request) {
	c := &call{Request: r, w: w}
	err := h.authorize(e, c)
	var a answer
	if err == nil {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		a, err = e.handle(c)
	}
	if err != nil {
		var ae *apiError
		if !errors.As(err, &ae) {
			ae = refuse(http.StatusInternalServerError, "Server Error: %s", err)
		}
		writeError(w, ae)
		return
	}
	if a.status == http.StatusNoContent {
		w.WriteHeader(a.status)
		return
	}
	writeJSON(w, a.status, a.body)
}

// authorize checks the credential, counts the request against its rate limit
// and finds the repository. The error is an *apiError.
func (h *Hub) authorize(e endpoint, c *call) error {
	if e.permission == "" && e.level == "" {
		return nil
	}
	if e.level == "app" {
		app, refused := h.appOf(c.Request)
		if refused != nil {
			return refused
		}
		c.app = app
		return nil
	}
	s := bearer(c.Request)
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.tok = h.lookup(s); c.tok == nil {
		switch {
		case s == "":
			return errNeedsAuth
		case strings.Count(s, ".") == 2 && !strings.HasPrefix(s, "gh"):
			return refuse(http.StatusUnauthorized, "A JSON web token is not accepted here; use an installation token")
		}
		return errBadToken
	}
	if c.tok.in != nil {
		c.app = c.tok.in.app
		if !c.tok.in.suspended.IsZero() {
			return errSuspended
		}
	}
	if err := h.count(c); err != nil {
		return err
	}
	if e.permission == "" {
		if c.app == nil {
			return errForbidden
		}
		return nil
	}
	repo, moved := c.target(h)
	if repo == nil || !c.tok.covers(repo) {
		return errNotFound
	}
	if moved {
		return c.movedTo(h, repo)
	}
	// A person's token reads pages' data only through the pages.
	if c.app == nil || !c.tok.allows(e.permission, e.level) {
		return errForbidden
	}
	if repo.archived && e.level == "write" {
		return refuse(http.StatusForbidden, "Repository was archived so is read-only.")
	}
	c.repo = repo
	return nil
}

// count sets the rate-limit headers and refuses what goes beyond. mu is held.
func (h *Hub) count(c *call) error {
	t, now := c.tok, h.now()
	if now.Sub(t.window) >= time.Hour {
		t.window, t.used = now, 0
	}
	free := c.URL.Path == apiPrefix+"/rate_limit"
	over := t.used >= h.opts.RateLimit && !free
	if !over && !free {
		t.used++
	}
	head := c.w.Header()
	head.Set("X-RateLimit-Limit", strconv.Itoa(h.opts.RateLimit))
	head.Set("X-RateLimit-Remaining", strconv.Itoa(h.opts.RateLimit-t.used))
	head.Set("X-RateLimit-Used", strconv.Itoa(t.used))
	head.Set("X-RateLimit-Reset", strconv.FormatInt(t.window.Add(time.Hour).Unix(), 10))
	head.Set("X-RateLimit-Resource", "core")
	if over {
		return refuse(http.StatusForbidden, "API rate limit exceeded for installation.")
	}
	if t.in != nil && c.Method != http.MethodGet {
		if wait := t.in.writes.count(now, h.opts.WritesPerMinute, h.opts.WritesPerHour); wait > 0 {
			head.Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
			return refuse(http.StatusForbidden, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.")
		}
	}
	return nil
}

// readObject reads the body as a JSON object. An empty body and null
// are an empty object.
func (c *call) readObject() (map[string]any, error) {
	raw, err := io.ReadAll(c.Body)
	if err != nil {
		return nil, errBodyTooBig
	}
	if len(raw) == 0 {
		return map[string]any{}, nil
	}
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, errBadJSON
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errBadJSON
	}
	if v == nil { // ghinstallation sends null where it has no options
		return map[string]any{}, nil
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, errNotAnObj
	}
	return m, nil
}

// id is a number in the path; 0 when it is none.
func (c *call) id(name string) int64 {
	n, _ := strconv.ParseInt(c.PathValue(name), 10, 64)
	return n
}
