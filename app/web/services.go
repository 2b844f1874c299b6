package web

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"slices"

	"github.com/dudesons/loktar/checks"
)

const noService = "The job has no service of that name, or that service has printed nothing so far."

// serviceRow is a service of a job in the table on its page.
type serviceRow struct {
	Name, Image string
	Size        string // of its log; empty when there is none
}

// services are those of a job, by name.
func (s *server) services(job checks.Job) (list []serviceRow) {
	for _, name := range slices.Sorted(maps.Keys(job.Package.Services)) {
		row := serviceRow{Name: name, Image: job.Package.Services[name].Image}
		if f, err := s.Logs.Open(job.Run, checks.ServiceLogName(job.Package.Name, name)); err == nil {
			if n, err := f.Seek(0, io.SeekEnd); err == nil {
				row.Size = size(n)
			}
			f.Close()
		}
		list = append(list, row)
	}
	return list
}

// serviceLog serves the log of a service as it is in the file.
func (s *server) serviceLog(w http.ResponseWriter, r *http.Request) {
	id, ok := jobID(r)
	if !ok {
		s.missing(w, r, noJob)
		return
	}
	run, job, ok := s.find(w, r, id)
	if !ok {
		return
	}
	name := r.PathValue("service")
	if _, ok := job.Package.Services[name]; !ok {
		s.missing(w, r, noService)
		return
	}
	f, err := s.Logs.Open(id.Run, checks.ServiceLogName(id.Package, name))
	if errors.Is(err, fs.ErrNotExist) {
		own, err := s.Logs.Open(id.Run, id.Package)
		if err == nil {
			own.Close()
			s.missing(w, r, noService)
			return
		}
		// The logs of a job come and go together.
		s.unlogged(w, r, run, job)
		return
	}
	if err != nil {
		s.fault(w, r, err, noJob)
		return
	}
	defer f.Close()
	serveLog(w, r, f, id, "-"+name)
}
