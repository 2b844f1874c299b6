package web

import (
	"errors"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/dudesons/loktar/checks"
)

// known is the job that a request names. When there is none such it has
// answered the request, and ok is false.
func (s *server) known(w http.ResponseWriter, r *http.Request) (id checks.JobID, ok bool) {
	if id, ok = jobID(r); !ok {
		s.missing(w, r, noJob)
		return id, false
	}
	if _, err := s.Store.Job(id); err != nil {
		s.fault(w, r, err, noJob)
		return id, false
	}
	return id, true
}

// raw serves a log as it is in the file, whole or in ranges.
func (s *server) raw(w http.ResponseWriter, r *http.Request) {
	id, ok := jobID(r)
	if !ok {
		s.missing(w, r, noJob)
		return
	}
	run, job, ok := s.find(w, r, id)
	if !ok {
		return
	}
	f, err := s.Logs.Open(id.Run, id.Package)
	if errors.Is(err, fs.ErrNotExist) {
		s.unlogged(w, r, run, job)
		return
	}
	if err != nil {
		s.fault(w, r, err, noJob)
		return
	}
	defer f.Close()
	serveLog(w, r, f, id, "")
}

// serveLog answers with f, a log of the job id; what says which, for its name
// in a folder.
func serveLog(w http.ResponseWriter, r *http.Request, f io.ReadSeeker, id checks.JobID, what string) {
	var changed time.Time
	if st, ok := f.(interface{ Stat() (fs.FileInfo, error) }); ok {
		if info, err := st.Stat(); err == nil {
			changed = info.ModTime()
		}
	}
	how := "inline"
	if r.URL.Query().Has("download") {
		how = "attachment"
	}
	name := id.Run + "-" + strings.ReplaceAll(id.Package, " / ", "-") + what + ".log"
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Disposition", how+`; filename="`+name+`"`)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
	http.ServeContent(w, r, name, changed, f)
}
