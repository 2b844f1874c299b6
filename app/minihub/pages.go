package minihub

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"
)

//go:embed pages
var pageFiles embed.FS

var templates = template.Must(template.ParseFS(pageFiles, "pages/*.html"))

// contentPolicy lets a page load nothing but what the hub itself serves.
const contentPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// pagesHandler serves the pages. They ask for no sign-in and act as the
// Viewer; forms are taken from the hub's own pages only.
func (h *Hub) pagesHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", h.startPage)
	mux.HandleFunc("GET /-/style.css", staticFile("pages/style.css", "text/css; charset=utf-8"))
	mux.HandleFunc("GET /-/page.js", staticFile("pages/page.js", "text/javascript; charset=utf-8"))
	mux.HandleFunc("GET /-/avatar/{login}", avatar)
	mux.HandleFunc("GET /{owner}/{repo}", h.repoPage)
	mux.HandleFunc("GET /{owner}/{repo}/pull/{number}", h.pullPage)
	mux.HandleFunc("GET /{owner}/{repo}/pull/{number}/events", h.pullEvents)
	mux.HandleFunc("GET /{owner}/{repo}/runs/{id}", h.runPage)
	mux.HandleFunc("POST /{owner}/{repo}/runs/{id}/rerun", h.rerunForm)
	mux.HandleFunc("POST /{owner}/{repo}/runs/{id}/action", h.actionForm)
	mux.HandleFunc("POST /{owner}/{repo}/pull/{number}/rerun", h.rerunAllForm)
	guarded := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := w.Header()
		head.Set("Content-Security-Policy", contentPolicy)
		head.Set("X-Content-Type-Options", "nosniff")
		head.Set("Referrer-Policy", "no-referrer")
		guarded.ServeHTTP(w, r)
	})
}

func staticFile(name, kind string) http.HandlerFunc {
	b, err := pageFiles.ReadFile(name)
	if err != nil {
		panic(err) // the file is embedded
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Cache-Control", "no-cache")
		_, _ = w.Write(b)
	}
}

func render(w http.ResponseWriter, name string, data any) {
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, name, data); err != nil {
		http.Error(w, "The page could not be made: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = b.WriteTo(w)
}

// avatar draws a coloured square with the first letter of a login.
func avatar(w http.ResponseWriter, r *http.Request) {
	login := r.PathValue("login")
	hue := 0
	for _, c := range login {
		hue = (hue*31 + int(c)) % 360
	}
	letter := template.HTMLEscapeString(strings.ToUpper(string([]rune(login + "?")[:1])))
	w.Header().Set("Content-Type", "image/svg+xml")
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><rect width="40" height="40" rx="8" fill="hsl(%d 50%% 42%%)"/>`+
		`<text x="20" y="28" font-family="sans-serif" font-size="22" font-weight="600" fill="#fff" text-anchor="middle">%s</text></svg>`, hue, letter)
}

func (h *Hub) startPage(w http.ResponseWriter, _ *http.Request) {
	render(w, "start.html", h.startData())
}

func (h *Hub) repoPage(w http.ResponseWriter, r *http.Request) {
	repo := h.Repo(r.PathValue("owner") + "/" + r.PathValue("repo"))
	if repo == nil {
		http.NotFound(w, r)
		return
	}
	refs, err := repo.refs(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	render(w, "repo.html", h.repoData(repo, refs))
}

// pagePull finds the pull request of a page's path; nil answered 404.
func (h *Hub) pagePull(w http.ResponseWriter, r *http.Request) (*Repo, *pull) {
	number, _ := strconv.Atoi(r.PathValue("number"))
	h.mu.Lock()
	defer h.mu.Unlock()
	if repo := h.repo(r.PathValue("owner") + "/" + r.PathValue("repo")); repo != nil && repo.pulls[number] != nil {
		return repo, repo.pulls[number]
	}
	http.NotFound(w, r)
	return nil, nil
}

func (h *Hub) pullPage(w http.ResponseWriter, r *http.Request) {
	if repo, p := h.pagePull(w, r); p != nil {
		render(w, "pull.html", h.pullData(repo, p))
	}
}

// pullEvents sends the changing part of a pull request's page whenever it
// reads differently.
func (h *Hub) pullEvents(w http.ResponseWriter, r *http.Request) {
	repo, p := h.pagePull(w, r)
	if p == nil {
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	out := http.NewResponseController(w)
	var last []byte
	for {
		h.mu.Lock()
		changed := h.changed
		h.mu.Unlock()
		var b bytes.Buffer
		if err := templates.ExecuteTemplate(&b, "live", h.pullData(repo, p)); err != nil {
			return
		}
		if !bytes.Equal(last, b.Bytes()) {
			last = b.Bytes()
			msg, _ := json.Marshal(string(last))
			if _, err := fmt.Fprintf(w, "data: %s\n\n", msg); err != nil {
				return
			}
			if err := out.Flush(); err != nil {
				return
			}
		}
		// Many changes come at once; a page needs ten a second at most.
		pause := time.NewTimer(100 * time.Millisecond)
		select {
		case <-pause.C:
		case <-r.Context().Done():
			return
		case <-h.ctx.Done():
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		case <-h.ctx.Done():
			return
		}
	}
}

func (h *Hub) runPage(w http.ResponseWriter, r *http.Request) {
	data, ok := h.runData(r.PathValue("owner")+"/"+r.PathValue("repo"), r.PathValue("id"))
	if !ok {
		http.NotFound(w, r)
		return
	}
	render(w, "run.html", data)
}
