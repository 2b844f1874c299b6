package web

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// filePath is the end of the address of a file: its name, whose slashes stay.
func filePath(name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/")
}

// file leads to the content of a file that a job left.
func (s *server) file(w http.ResponseWriter, r *http.Request) {
	const none = "This job has left no such file. Open it from the page of its job."
	id, ok := jobID(r)
	if !ok || s.FileURL == nil {
		s.missing(w, r, none)
		return
	}
	run, job, ok := s.find(w, r, id)
	if !ok {
		return
	}
	for _, a := range job.Result.Artifacts {
		if a.Name != r.PathValue("name") {
			continue
		}
		if link := s.FileURL(run.Repo.ID, a); link != "" {
			// The link ends: nobody is to keep it.
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("Location", root(r)+link)
			w.WriteHeader(http.StatusFound)
			return
		}
	}
	s.missing(w, r, none)
}

// group is a list of files with its heading.
type group struct {
	Title string
	Files []checks.Artifact
}

// groups are the files of a job by their kinds.
func groups(all []checks.Artifact) []group {
	reports, artifacts := group{Title: "Reports"}, group{Title: "Artifacts"}
	for _, a := range all {
		if a.Kind == checks.KindReport {
			reports.Files = append(reports.Files, a)
		} else {
			artifacts.Files = append(artifacts.Files, a)
		}
	}
	var out []group
	for _, g := range []group{reports, artifacts} {
		if len(g.Files) > 0 {
			out = append(out, g)
		}
	}
	return out
}

// https is an address that may be linked to, or "".
func https(address string) string {
	if strings.HasPrefix(address, "https://") {
		return address
	}
	return ""
}
