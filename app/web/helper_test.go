package web_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/dudesons/loktar/app/web"
	"github.com/dudesons/loktar/checks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const runID = "RUN1abcdefghijklmnopqrstuv"

var created = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// fakeStore holds what a test puts there.
type fakeStore struct {
	mu   sync.Mutex
	runs map[string]checks.Run
	jobs []checks.Job
	err  error
}

func (s *fakeStore) Run(id string) (checks.Run, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.runs[id]
	if s.err == nil && !ok {
		return r, checks.Errorf(checks.KindNotFound, nil, "There is no run %s.", id)
	}
	return r, s.err
}

func (s *fakeStore) Jobs(run string) ([]checks.Job, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []checks.Job
	for _, j := range s.jobs {
		if j.Run == run {
			out = append(out, j)
		}
	}
	return out, s.err
}

func (s *fakeStore) Job(id checks.JobID) (checks.Job, error) {
	jobs, err := s.Jobs(id.Run)
	for _, j := range jobs {
		if j.Package.Name == id.Package {
			return j, err
		}
	}
	return checks.Job{}, errors.Join(err, checks.Errorf(checks.KindNotFound, nil, "There is no job %s.", id))
}

func (s *fakeStore) finish(pkg string, r checks.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.jobs {
		if s.jobs[i].Package.Name == pkg {
			s.jobs[i].State, s.jobs[i].Result, s.jobs[i].Finished = checks.StateDone, r, created.Add(time.Minute)
		}
	}
}

// site is the pages over a store and a folder of logs.
type site struct {
	t     *testing.T
	store *fakeStore
	dir   string
	url   string
}

func newSite(t *testing.T, change ...func(*web.Options)) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), store: &fakeStore{runs: map[string]checks.Run{}}}
	s.store.runs[runID] = checks.Run{
		ID: runID, Trigger: "pull_request.opened", Sender: checks.User{Login: "ann"}, Repo: checks.Repo{ID: 7, Owner: "acme", Name: "shop"},
		HeadSHA: "0123456789abcdef0123456789abcdef01234567", BaseSHA: "fedcba9876543210fedcba9876543210fedcba98", Created: created,
		PullRequest: &checks.PullRequest{Number: 5, Title: "Faster <b>pets</b>", Author: checks.User{Login: "ann"}},
	}
	s.job("awesome_lib", checks.StateRunning)
	o := web.Options{Store: s.store, LogDir: s.dir, GitHubURL: "https://github.com/", Version: "1.2", Poll: 2 * time.Millisecond, Log: zerolog.Nop()}
	for _, f := range change {
		f(&o)
	}
	server := httptest.NewServer(web.New(o))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *site) job(pkg string, state checks.State) {
	s.store.jobs = append(s.store.jobs, checks.Job{
		Run: runID, Package: checks.Package{Name: pkg, Timeout: 30 * time.Minute}, State: state, Attempt: 1, Started: created,
		Reasons: []checks.Reason{{Kind: checks.ReasonFile, Dir: pkg, Subject: "main.py"}},
	})
}

// log appends text to a job's log as it is.
func (s *site) log(pkg, text string) {
	s.t.Helper()
	path := filepath.Join(s.dir, runID, pkg+".log")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		s.t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
}

const stampText = "2026-11-22T10:00:01.000000001Z "

func (s *site) get(path string, header ...string) (*http.Response, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp, string(body)
}

// bigLog is a log of size bytes that is made while it is read, and counts
// how much of it is.
type bigLog struct {
	size, at, read int64
}

const bigLine = 100

func (b *bigLog) Open(string, string) (io.ReadSeekCloser, error) {
	if b.size == 0 {
		return nil, fs.ErrNotExist
	}
	b.at = 0
	return b, nil
}

func (b *bigLog) Read(p []byte) (int, error) {
	if b.at >= b.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), b.size-b.at))
	for i := 0; i < n; {
		line := fmt.Sprintf("%s%-*d\n", stampText, bigLine-1-len(stampText), b.at/bigLine)
		c := copy(p[i:n], line[b.at%bigLine:])
		i += c
		b.at += int64(c)
	}
	b.read += int64(n)
	return n, nil
}

func (b *bigLog) Seek(to int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		to += b.at
	case io.SeekEnd:
		to += b.size
	}
	b.at = to
	return to, nil
}

func (b *bigLog) Close() error { return nil }
