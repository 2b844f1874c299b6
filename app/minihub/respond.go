package minihub

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	apiPrefix = "/api/v3"
	docsURL   = "https://docs.github.com/rest"
	maxBody   = 10 << 20 // bytes of a request body
)

// obj is a JSON object of an answer or a payload.
type obj = map[string]any

// list is s as a JSON array, never null.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// apiError is an answer in GitHub's shape.
type apiError struct {
	status  int
	message string
	errors  []obj
	// location is where the client shall go instead; only of redirects.
	location string
}

func (e *apiError) Error() string { return e.message }

func refuse(status int, format string, args ...any) *apiError {
	return &apiError{status: status, message: fmt.Sprintf(format, args...)}
}

var (
	errNotFound   = refuse(http.StatusNotFound, "Not Found")
	errForbidden  = refuse(http.StatusForbidden, "Resource not accessible by integration")
	errBadToken   = refuse(http.StatusUnauthorized, "Bad credentials")
	errNeedsAuth  = refuse(http.StatusUnauthorized, "Requires authentication")
	errUndecoded  = refuse(http.StatusUnauthorized, "A JSON web token could not be decoded")
	errBadJSON    = refuse(http.StatusBadRequest, "Problems parsing JSON")
	errNotAnObj   = refuse(http.StatusBadRequest, "Body should be a JSON object")
	errBodyTooBig = refuse(http.StatusRequestEntityTooLarge, "The request body is larger than %d bytes", maxBody)
)

// invalid lists what is wrong with a request, as GitHub's 422 does.
func invalid(problems []string) *apiError {
	return refuse(http.StatusUnprocessableEntity, "Invalid request.\n\n%s", strings.Join(problems, "\n\n"))
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{"message":"Server Error"}`)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

func writeError(w http.ResponseWriter, e *apiError) {
	body := obj{"message": e.message, "documentation_url": docsURL, "status": strconv.Itoa(e.status)}
	if len(e.errors) > 0 {
		body["errors"] = e.errors
	}
	if e.location != "" {
		w.Header().Set("Location", e.location)
		body = obj{"message": e.message, "url": e.location, "documentation_url": redirectDocs}
	}
	writeJSON(w, e.status, body)
}

// page cuts one page out of all and sets the Link header as GitHub does.
func page[T any](w http.ResponseWriter, r *http.Request, base string, all []T) []T {
	q := r.URL.Query()
	per, err := strconv.Atoi(q.Get("per_page"))
	if err != nil || per < 1 {
		per = 30
	}
	per = min(per, 100)
	n, err := strconv.Atoi(q.Get("page"))
	if err != nil || n < 1 {
		n = 1
	}
	last := max(1, (len(all)+per-1)/per)
	var links []string
	link := func(rel string, to int) {
		v := url.Values{}
		for k, x := range q {
			v[k] = x
		}
		v.Set("page", strconv.Itoa(to))
		v.Set("per_page", strconv.Itoa(per))
		links = append(links, fmt.Sprintf(`<%s%s?%s>; rel="%s"`, base, r.URL.EscapedPath(), v.Encode(), rel))
	}
	if n > 1 {
		link("prev", min(n-1, last))
		link("first", 1)
	}
	if n < last {
		link("next", n+1)
		link("last", last)
	}
	if len(links) > 0 {
		w.Header().Set("Link", strings.Join(links, ", "))
	}
	from := min((n-1)*per, len(all))
	return list(all[from:min(from+per, len(all))])
}

// nodeID makes an opaque id in the style of GitHub's GraphQL ids.
func nodeID(kind string, id int64) string {
	return kind + "_" + base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(id, 10)))
}

// stamp is a time as the API writes it; null when zero.
func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}

// orNull is s, or null when it is empty.
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}
