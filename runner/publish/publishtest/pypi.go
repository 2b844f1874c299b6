package publishtest

import (
	"crypto/md5" //nolint:gosec // the API has it
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// PyPI is an index of Python packages: the upload API as docs.pypi.org/api/upload
// tells it, and the simple repository API (PEP 503, PEP 691). It is strict: what
// the descriptions do not allow is refused.
type PyPI struct {
	URL string // of the simple index: .../simple/

	mu      sync.Mutex
	ways    Ways
	files   []*PythonFile
	uploads int
}

// Ways are the ways in which indexes differ.
type Ways struct {
	Username, Password string // "" lets everyone in
	HTML               bool   // no JSON
	NoHashes           bool   // files are listed without digests
	Already            int    // the status for a file that is there: 409 where it is 0
}

// PythonFile is a file that the index took, with its form.
type PythonFile struct {
	Name    string
	Content []byte
	Form    map[string][]string
}

// StartPyPI starts an index, which ends with the test.
func StartPyPI(t testing.TB, ways Ways) *PyPI {
	p := &PyPI{ways: ways}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{$}", p.upload)
	mux.HandleFunc("GET /simple/{project}/{$}", p.project)
	mux.HandleFunc("GET /files/{name}", p.file)
	s := httptest.NewServer(p.guard(mux))
	t.Cleanup(s.Close)
	p.URL = s.URL + "/simple/"
	return p
}

// Set changes the ways of the index.
func (p *PyPI) Set(ways Ways) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ways = ways
}

func (p *PyPI) now() Ways {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ways
}

// Files are what the index has, in the order of arrival.
func (p *PyPI) Files() []*PythonFile {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.files)
}

// Uploads counts the uploads that came, taken or not.
func (p *PyPI) Uploads() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.uploads
}

func (p *PyPI) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, ok := r.BasicAuth()
		ways := p.now()
		if ways.Username == "" || ok && user == ways.Username && password == ways.Password {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="index"`)
		status := http.StatusUnauthorized
		if ok {
			status = http.StatusForbidden
		}
		// A careless server gives back what it was sent.
		http.Error(w, "Invalid or non-existent authentication information: "+password, status)
	})
}

var (
	dashes   = regexp.MustCompile(`[-_.]+`)
	digest   = regexp.MustCompile(`^[0-9a-f]{64}$`)
	fileName = regexp.MustCompile(`^([A-Za-z0-9_.]+)-([A-Za-z0-9_.!+]+)(-[0-9][^-]*)?-[A-Za-z0-9_.]+-[A-Za-z0-9_.]+-[A-Za-z0-9_.]+\.whl$|^([A-Za-z0-9_.-]+)-([A-Za-z0-9_.!+]+)\.tar\.gz$`)
	many     = []string{"classifiers", "platform", "supported_platform", "project_urls", "requires_dist", "provides_dist",
		"obsoletes_dist", "requires_external", "requires", "provides", "obsoletes", "provides_extra", "provides_extras", "dynamic", "license_file"}
	known = append([]string{":action", "protocol_version", "filetype", "pyversion", "metadata_version", "name", "version", "summary",
		"home_page", "author", "author_email", "maintainer", "maintainer_email", "license", "license_expression", "description",
		"description_content_type", "keywords", "download_url", "comment", "requires_python", "md5_digest", "sha256_digest", "blake2_256_digest"}, many...)
)

func (p *PyPI) upload(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.uploads++
	p.mu.Unlock()
	form, file, err := readForm(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if why := wrong(form, file); why != "" {
		http.Error(w, why, http.StatusBadRequest)
		return
	}
	file.Form = form
	p.mu.Lock()
	defer p.mu.Unlock()
	if slices.ContainsFunc(p.files, func(f *PythonFile) bool { return f.Name == file.Name }) {
		if p.ways.Already == http.StatusBadRequest {
			http.Error(w, "File already exists. See https://pypi.org/help/#file-name-reuse for more information.", p.ways.Already)
			return
		}
		http.Error(w, "Conflict", http.StatusConflict)
		return
	}
	p.files = append(p.files, file)
}

func readForm(r *http.Request) (map[string][]string, *PythonFile, error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, nil, err
	}
	form, file := map[string][]string{}, (*PythonFile)(nil)
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return form, file, nil
		}
		if err != nil {
			return nil, nil, err
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return nil, nil, err
		}
		if part.FormName() == "content" {
			if file != nil {
				return nil, nil, fmt.Errorf("two files")
			}
			file = &PythonFile{Name: part.FileName(), Content: data}
			continue
		}
		form[part.FormName()] = append(form[part.FormName()], string(data))
	}
}

// wrong says why an upload is refused, or "".
func wrong(form map[string][]string, file *PythonFile) string {
	if file == nil {
		return "Upload payload does not have a file."
	}
	for name, values := range form {
		if !slices.Contains(known, name) {
			return "Unknown field " + name
		}
		if len(values) > 1 && !slices.Contains(many, name) {
			return "Field is set twice: " + name
		}
	}
	one := func(name string) string { return strings.Join(form[name], "\n") }
	for name, want := range map[string]string{":action": "file_upload", "protocol_version": "1"} {
		if one(name) != want {
			return "Invalid value for " + name
		}
	}
	for _, name := range []string{"metadata_version", "name", "version", "filetype"} {
		if one(name) == "" {
			return "Field is missing: " + name
		}
	}
	sdist := one("filetype") == "sdist"
	m := fileName.FindStringSubmatch(file.Name)
	switch {
	case m == nil:
		return "Invalid filename"
	case !sdist && one("filetype") != "bdist_wheel":
		return "Use a known file type."
	case sdist == strings.HasSuffix(file.Name, ".whl"):
		return "The file is of another type."
	case !sdist && one("pyversion") == "":
		return "Python version is required for binary distribution uploads."
	case sdist && one("pyversion") != "" && one("pyversion") != "source":
		return "Use 'source' as Python version for an sdist."
	case dashes.ReplaceAllString(strings.ToLower(m[1]+m[4]), "-") != dashes.ReplaceAllString(strings.ToLower(one("name")), "-"):
		return "Start filename for the project with its name."
	}
	sum, md := sha256.Sum256(file.Content), md5.Sum(file.Content) //nolint:gosec // the API has it
	if given := one("sha256_digest"); given != hex.EncodeToString(sum[:]) {
		return "The digest supplied does not match a digest calculated from the uploaded file."
	}
	if given := one("md5_digest"); given != "" && given != hex.EncodeToString(md[:]) {
		return "The MD5 digest does not match."
	}
	if given := one("blake2_256_digest"); given != "" && !digest.MatchString(given) {
		return "Use a valid, hex-encoded, BLAKE2 message digest."
	}
	return ""
}

func (p *PyPI) project(w http.ResponseWriter, r *http.Request) {
	project := r.PathValue("project")
	if project != dashes.ReplaceAllString(strings.ToLower(project), "-") {
		http.NotFound(w, r)
		return
	}
	type link struct {
		Filename string            `json:"filename"`
		URL      string            `json:"url"`
		Hashes   map[string]string `json:"hashes"`
	}
	files, ways := []link{}, p.now()
	for _, f := range p.Files() {
		if dashes.ReplaceAllString(strings.ToLower(f.Form["name"][0]), "-") == project {
			l := link{f.Name, "../../files/" + f.Name, map[string]string{}}
			if sum := sha256.Sum256(f.Content); !ways.NoHashes {
				l.Hashes["sha256"] = hex.EncodeToString(sum[:])
			}
			files = append(files, l)
		}
	}
	if len(files) == 0 {
		http.NotFound(w, r)
		return
	}
	const kind = "application/vnd.pypi.simple.v1+json"
	if !ways.HTML && strings.Contains(r.Header.Get("Accept"), kind) {
		w.Header().Set("Content-Type", kind)
		_ = json.NewEncoder(w).Encode(map[string]any{"meta": map[string]string{"api-version": "1.0"}, "name": project, "files": files})
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprint(w, "<!DOCTYPE html>\n<html><head><meta name=\"pypi:repository-version\" content=\"1.0\"><title>Links</title></head>\n<body>\n<h1>Links</h1>\n")
	for _, f := range files {
		fragment := ""
		if sum := f.Hashes["sha256"]; sum != "" {
			fragment = "#sha256=" + sum
		}
		fmt.Fprintf(w, "<a href=%q>%s</a><br>\n", f.URL+fragment, html.EscapeString(f.Filename))
	}
	fmt.Fprint(w, "</body></html>\n")
}

func (p *PyPI) file(w http.ResponseWriter, r *http.Request) {
	for _, f := range p.Files() {
		if f.Name == r.PathValue("name") {
			_, _ = w.Write(f.Content)
			return
		}
	}
	http.NotFound(w, r)
}
