package minihubtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// Call is one REST request and what it was answered.
type Call struct {
	Method string
	Path   string // below /api/v3
	Query  string
	Body   []byte // of the request
	Status int
	// Violations say where the request or the answer is not as GitHub
	// describes it.
	Violations []string
}

// Validate passes requests on to next and calls seen for each REST request,
// from the goroutine that serves it. Git and pages pass unseen. Without the
// Shared folder no call has violations.
func Validate(next http.Handler, seen func(Call)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, ok := strings.CutPrefix(r.URL.Path, "/api/v3")
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		c := Call{Method: r.Method, Path: path, Query: r.URL.RawQuery, Body: body, Status: rec.Code}
		if sharedDir() != "" {
			c.Violations = check(r, body, rec)
		}
		seen(c)
		for k, v := range rec.Header() {
			w.Header()[k] = v
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	})
}

// byID is the address of a repository by its id, where GitHub's redirects
// lead; its description knows the form with names alone.
var byID = regexp.MustCompile(`^/api/v3/repositories/[0-9]+(/|$)`)

func check(r *http.Request, body []byte, rec *httptest.ResponseRecorder) []string {
	d, err := loadREST()
	if err != nil {
		return []string{err.Error()}
	}
	if string(bytes.TrimSpace(body)) == "null" {
		body = nil // ghinstallation sends null where it has no options, and GitHub takes it
	}
	r = r.Clone(context.Background())
	r.URL.Path = byID.ReplaceAllString(r.URL.Path, "/api/v3/repos/owner/repo$1")
	r.URL.RawPath = byID.ReplaceAllString(r.URL.RawPath, "/api/v3/repos/owner/repo$1")
	r.ContentLength = int64(len(body))
	r.Body = io.NopCloser(bytes.NewReader(body))
	route, params, err := d.router.FindRoute(r)
	if err != nil {
		bad := []string{"request: GitHub describes no such call"}
		if err := d.visit("basic-error", rec.Body.Bytes()); err != nil {
			bad = append(bad, "answer: "+err.Error())
		}
		return bad
	}
	opts := &openapi3filter.Options{MultiError: true, SkipSettingDefaults: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}
	in := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route, Options: opts}
	var bad []string
	if err := openapi3filter.ValidateRequest(r.Context(), in); err != nil {
		bad = append(bad, "request: "+plain(err))
	}
	if err := d.answer(in, route, rec); err != nil {
		bad = append(bad, "answer: "+plain(err))
	}
	return bad
}

// answer validates an answer. An error or a redirect that the operation does
// not list has the shape that GitHub's have everywhere.
func (d *description) answer(in *openapi3filter.RequestValidationInput, route *routers.Route, rec *httptest.ResponseRecorder) error {
	listed := route.Operation.Responses.Status(rec.Code) != nil
	switch {
	case listed:
		return openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
			RequestValidationInput: in, Status: rec.Code, Header: rec.Header(), Options: in.Options,
			Body: io.NopCloser(bytes.NewReader(rec.Body.Bytes()))})
	case rec.Code == http.StatusUnprocessableEntity:
		return d.visit("validation-error", rec.Body.Bytes())
	case (rec.Code == http.StatusMovedPermanently || rec.Code == http.StatusTemporaryRedirect) && rec.Header().Get("Location") == "":
		return errors.New("a redirect without Location")
	case rec.Code >= 400 || rec.Code == http.StatusMovedPermanently || rec.Code == http.StatusTemporaryRedirect:
		return d.visit("basic-error", rec.Body.Bytes())
	}
	return fmt.Errorf("status %d is not described", rec.Code)
}

func (d *description) visit(schema string, body []byte) error {
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return err
	}
	return d.doc.Components.Schemas[schema].Value.VisitJSON(v, openapi3.MultiErrors())
}

// plain cuts the schema that kin-openapi prints with each error.
func plain(err error) string {
	var many openapi3.MultiError
	if errors.As(err, &many) {
		var out []string
		for _, e := range many {
			out = append(out, plain(e))
		}
		return strings.Join(out, "; ")
	}
	s, _, _ := strings.Cut(err.Error(), "\nSchema:")
	return strings.Join(strings.Fields(s), " ")
}
