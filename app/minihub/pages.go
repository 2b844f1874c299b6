package minihub

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"sync"
	"time"
)

//go:embed pages
var pageFiles embed.FS

var templates = sync.OnceValue(func() *template.Template {
	return template.Must(template.ParseFS(pageFiles, "pages/*.html"))
})

// contentPolicy lets a page load nothing but what the hub itself serves.
const contentPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// pagesHandler serves the pages. They ask for no sign-in and act as whoever
// the viewer switch names; forms are taken from the hub's own pages only.
func (h *Hub) pagesHandler() http.Handler {
	repos, own := h.repoRoutes(), h.ownRoutes()
	// One mux cannot hold both: /-/avatar/{login} and /{owner}/{repo}/pulls
	// overlap, and neither is the narrower one.
	guarded := http.NewCrossOriginProtection().Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/-/") {
			own.ServeHTTP(w, r)
			return
		}
		repos.ServeHTTP(w, r)
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := w.Header()
		head.Set("Content-Security-Policy", contentPolicy)
		head.Set("X-Content-Type-Options", "nosniff")
		head.Set("Referrer-Policy", "no-referrer")
		guarded.ServeHTTP(w, r)
	})
}

func (h *Hub) ownRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /-/style.css", staticFile("pages/style.css", "text/css; charset=utf-8"))
	mux.HandleFunc("GET /-/page.js", staticFile("pages/page.js", "text/javascript; charset=utf-8"))
	mux.HandleFunc("GET /-/avatar/{login}", avatar)
	mux.HandleFunc("POST /-/viewer", h.viewerForm)
	mux.HandleFunc("GET /-/apps/{slug}/advanced", h.hookPage)
	mux.HandleFunc("GET /-/apps/{slug}/advanced/events", h.hookEvents)
	mux.HandleFunc("GET /-/apps/{slug}/deliveries/{id}", h.deliveryPage)
	mux.HandleFunc("POST /-/apps/{slug}/deliveries/{id}/redeliver", h.redeliverForm)
	mux.HandleFunc("POST /-/apps/{slug}/installations/{account}", h.installationForm)
	return mux
}

func (h *Hub) repoRoutes() http.Handler {
	mux := http.NewServeMux()
	const repo = "/{owner}/{repo}"
	mux.HandleFunc("GET /{$}", h.startPage)
	mux.HandleFunc("GET "+repo, h.codePage)
	mux.HandleFunc("GET "+repo+"/pulls", h.pullsPage)
	mux.HandleFunc("GET "+repo+"/settings", h.settingsPage)
	mux.HandleFunc("GET "+repo+"/releases/tag/{tag...}", h.releasePage)
	mux.HandleFunc("GET "+repo+"/tree/{ref...}", h.treePage)
	mux.HandleFunc("GET "+repo+"/commit/{sha}", h.commitPage)
	mux.HandleFunc("GET "+repo+"/commit/{sha}/events", h.commitEvents)
	mux.HandleFunc("POST "+repo+"/commit/{sha}/rerun", h.rerunCommitForm)
	mux.HandleFunc("GET "+repo+"/pull/{number}", h.pullPage)
	mux.HandleFunc("GET "+repo+"/pull/{number}/events", h.pullEvents)
	mux.HandleFunc("GET "+repo+"/runs/{id}", h.runPage)
	mux.HandleFunc("GET "+repo+"/runs/{id}/events", h.runEvents)
	mux.HandleFunc("POST "+repo+"/runs/{id}/rerun", h.rerunForm)
	mux.HandleFunc("POST "+repo+"/runs/{id}/action", h.actionForm)
	h.routePullForms(mux, repo+"/pull/{number}/")
	h.routeRepoForms(mux, repo+"/")
	return mux
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

func render(w http.ResponseWriter, status int, name string, data any) {
	var b bytes.Buffer
	if err := templates().ExecuteTemplate(&b, name, data); err != nil {
		http.Error(w, "The page could not be made: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = b.WriteTo(w)
}

// stream sends the changing parts of a page whenever they read differently.
func (h *Hub) stream(w http.ResponseWriter, r *http.Request, name string, data func() any) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	out := http.NewResponseController(w)
	var last []byte
	for {
		h.mu.Lock()
		changed := h.changed
		h.mu.Unlock()
		var b bytes.Buffer
		if err := templates().ExecuteTemplate(&b, name, data()); err != nil {
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

type startPageData struct {
	frame
	Repos []repoRow
	Apps  []string
}

type repoRow struct{ Name, Visibility string }

func (h *Hub) startPage(w http.ResponseWriter, r *http.Request) {
	d := startPageData{frame: h.frame(r, nil, "minihub", "/")}
	h.mu.Lock()
	for _, k := range h.repoKeys() {
		repo := h.repos[k]
		row := repoRow{repo.FullName(), "Private"}
		if repo.public {
			row.Visibility = "Public"
		}
		d.Repos = append(d.Repos, row)
	}
	for _, a := range h.appsByID() {
		d.Apps = append(d.Apps, a.slug)
	}
	h.mu.Unlock()
	render(w, http.StatusOK, "start.html", d)
}
