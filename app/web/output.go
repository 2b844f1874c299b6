package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dudesons/loktar/checks"
)

//go:embed pages assets
var files embed.FS

var templates = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{
		"short":      short,
		"segment":    url.PathEscape, // of a path: the name of a release holds a slash
		"list":       list,
		"counted":    counted,
		"trigger":    trigger,
		"ref":        refOf,
		"sentence":   sentence,
		"size":       size,
		"file":       filePath,
		"groups":     groups,
		"took":       checks.Took,
		"moreFailed": moreFailed,
		"https":      https,
		"utc":        func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
		"iso":        func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	}).ParseFS(files, "pages/*.html"))
})

// assets are the files that pages load, by name.
var assets = sync.OnceValue(func() map[string][]byte {
	all := map[string][]byte{}
	entries, err := files.ReadDir("assets")
	if err != nil {
		panic(err)
	}
	for _, e := range entries {
		b, err := files.ReadFile(path.Join("assets", e.Name()))
		if err != nil {
			panic(err)
		}
		all[e.Name()] = b
	}
	icons(all)
	all["loktar.css"] = append(all["loktar.css"], paletteCSS()...)
	return all
})

// assetVersion changes with any of the assets, so browsers may keep them.
var assetVersion = sync.OnceValue(func() string {
	h := sha256.New()
	names := make([]string, 0, len(assets()))
	for name := range assets() {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		h.Write(assets()[name])
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
})

func (s *server) asset(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	body, ok := assets()[name]
	if !ok {
		s.elsewhere(w, r)
		return
	}
	types := map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
	w.Header().Set("Content-Type", types[path.Ext(name)])
	if r.URL.Query().Get("v") == assetVersion() {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	out := compressed(w, r)
	defer out.Close()
	_, _ = out.Write(body) // a reader that is gone
}

// show writes a whole page.
func (s *server) show(w http.ResponseWriter, r *http.Request, status int, name string, v any) {
	body, err := render(name, v)
	if err != nil {
		s.logError(r, err)
		http.Error(w, "The server could not make this page.", http.StatusInternalServerError)
		return
	}
	out := s.begin(w, r, status)
	defer out.Close()
	_, _ = out.Write(body) // a reader that is gone
}

// render is a template with its values filled in.
func render(name string, v any) ([]byte, error) {
	var b bytes.Buffer
	if err := templates().ExecuteTemplate(&b, name, v); err != nil {
		return nil, fmt.Errorf("render page: %w", err)
	}
	return b.Bytes(), nil
}

// begin starts a page.
func (s *server) begin(w http.ResponseWriter, r *http.Request, status int) io.WriteCloser {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	out := compressed(w, r)
	w.WriteHeader(status)
	return out
}

// compressed is w, with gzip where the reader takes it.
func compressed(w http.ResponseWriter, r *http.Request) io.WriteCloser {
	w.Header().Add("Vary", "Accept-Encoding")
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		if name == "gzip" && strings.ReplaceAll(params, " ", "") != "q=0" && r.Method != http.MethodHead {
			w.Header().Set("Content-Encoding", "gzip")
			// The level is a valid one.
			gz, _ := gzip.NewWriterLevel(w, gzip.BestSpeed)
			return gz
		}
	}
	return plainWriter{w}
}

type plainWriter struct{ io.Writer }

func (plainWriter) Close() error { return nil }
