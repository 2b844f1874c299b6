package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/dudesons/loktar/checks"
)

// A job's page lists its services, and their logs can be read.
func TestServices(t *testing.T) {
	s := newSite(t)
	for i := range s.store.jobs {
		if j := &s.store.jobs[i]; j.Package.Name == "awesome_lib" {
			j.Package.Services = map[string]checks.Service{"db": {Image: "postgres:16"}, "cache": {Image: "<redis>"}}
		}
	}
	s.log("awesome_lib", stampText+"of the job\n")
	s.log("awesome_lib+db", stampText+"of the database\n")
	_, body := s.get(jobPath)
	contains(t, body, "Services", "cache", "&lt;redis&gt;", "none", jobPath[1:]+"/services/db/log", "postgres:16", "47 bytes")
	resp, body := s.get(jobPath + "/services/db/log")
	if resp.StatusCode != http.StatusOK || body != stampText+"of the database\n" || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain") {
		t.Errorf("%d %q %v", resp.StatusCode, body, resp.Header)
	}
	// Others than its services' are no logs of the job.
	s.log("other+db", "SECRET")
	for _, path := range []string{"/services/cache/log", "/services/none/log", "/services/..%2fother+db/log", "/services/db%2f..%2f..%2fx/log", "/services/%2e%2e/log"} {
		if resp, body := s.get(jobPath + path); resp.StatusCode != http.StatusNotFound || strings.Contains(body, "SECRET") {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
	// Nor are they a job's own.
	if resp, _ := s.get("/runs/" + runID + "/awesome_lib+db/log"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("a service as a job: %d", resp.StatusCode)
	}
}
