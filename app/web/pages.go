package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/dudesons/loktar/checks"
)

const (
	noRun = "There is no such run. Check that the address is whole, or open the run from its pull request."
	noJob = "There is no such job. Check that the address is whole, or open the job from its pull request."
)

// page is what every page has.
type page struct {
	Title   string
	Root    string
	Version string
	Assets  string // their version
	Icon    string // the class of the state that the icon shows; empty for none
	Refresh int    // seconds, for readers without scripts; 0 is never
}

func (s *server) page(r *http.Request, title string) page {
	return page{Title: title, Root: root(r), Version: s.Version, Assets: assetVersion()}
}

func (s *server) start(w http.ResponseWriter, r *http.Request) {
	v := struct {
		page
		Missing []string
	}{page: s.page(r, "Loktar")}
	if s.Ready != nil {
		ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
		defer cancel()
		v.Missing = s.Ready(ctx)
	}
	s.show(w, r, http.StatusOK, "start", v)
}

// links are the addresses at GitHub of what a run is about; empty without
// GitHubURL.
type links struct {
	Repo, Pull, Commit string
	Files              string // goes before the path of a file
}

func (s *server) links(run checks.Run) links {
	if s.GitHubURL == "" || run.Repo.Owner == "" {
		return links{}
	}
	l := links{Repo: s.GitHubURL + "/" + run.Repo.FullName()}
	if run.HeadSHA != "" {
		l.Commit, l.Files = l.Repo+"/commit/"+run.HeadSHA, l.Repo+"/blob/"+run.HeadSHA+"/"
	}
	if run.PullRequest != nil {
		l.Pull = l.Repo + "/pull/" + strconv.Itoa(run.PullRequest.Number)
	}
	return l
}

// row is a job in the table of its run.
type row struct {
	checks.Job
	Now  state
	Took string
}

func (s *server) run(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("run")
	if !runID().MatchString(id) {
		s.missing(w, r, noRun)
		return
	}
	run, err := s.Store.Run(id)
	if err != nil {
		s.fault(w, r, err, noRun)
		return
	}
	jobs, err := s.Store.Jobs(id)
	if err != nil {
		s.fault(w, r, err, noRun)
		return
	}
	v := struct {
		page
		Run    checks.Run
		Now    state
		Links  links
		Counts string
		Rows   []row
		// Required are the jobs that are there for their required checks alone.
		Required []row
		Untold   []string
	}{page: s.page(r, ""), Run: run, Now: stateOfRun(run, jobs), Links: s.links(run)}
	if s.Untold != nil && run.Notify != nil {
		v.Untold = s.Untold(id)
	}
	v.Title, v.Icon = v.Now.Label+" · "+subject(run), v.Now.Class
	if !run.Done() {
		v.Refresh = 10
	}
	now := time.Now()
	for _, j := range jobs {
		line := row{Job: j, Now: stateOf(j), Took: checks.Took(j.Duration())}
		if j.State == checks.StateRunning {
			line.Took = since(j.Started, now)
		}
		if unaffected(j) {
			v.Required = append(v.Required, line)
			continue
		}
		v.Rows = append(v.Rows, line)
	}
	// What somebody has to look at comes first.
	slices.SortStableFunc(v.Rows, func(a, b row) int { return slices.Index(classes, a.Now.Class) - slices.Index(classes, b.Now.Class) })
	v.Counts = counts(v.Rows)
	s.show(w, r, http.StatusOK, "run", &v)
}

// subject is what a run is about, in a few words.
func subject(run checks.Run) string {
	name := run.Repo.FullName()
	if run.PullRequest != nil {
		return name + " #" + strconv.Itoa(run.PullRequest.Number)
	}
	if ref := refOf(run); ref.Name != "" {
		return name + " " + ref.Name
	}
	return name
}

// jobView is a job's page but for its log.
type jobView struct {
	page
	Run    checks.Run
	Job    checks.Job
	Now    state
	Links  links
	Live   bool
	HasLog bool
	NoLog  string // why there is none
	Again  string // the command that runs it on the reader's machine
	// Services ran beside the steps.
	Services []serviceRow
	// HasFiles: what the job left can be had.
	HasFiles bool
	From     string // the mark from which the script goes on
	Skipped  string // how much of the log's start is left out
	Shown    string
	Size     string
}

// find reads a job and its run; not ok, the request is answered.
func (s *server) find(w http.ResponseWriter, r *http.Request, id checks.JobID) (run checks.Run, job checks.Job, ok bool) {
	run, err := s.Store.Run(id.Run)
	if err != nil {
		s.fault(w, r, err, noRun)
		return run, job, false
	}
	if job, err = s.Store.Job(id); err != nil {
		s.fault(w, r, err, noJob)
		return run, job, false
	}
	return run, job, true
}

func (s *server) job(w http.ResponseWriter, r *http.Request) {
	id, ok := jobID(r)
	if !ok {
		s.missing(w, r, noJob)
		return
	}
	run, job, ok := s.find(w, r, id)
	if !ok {
		return
	}
	v := jobView{page: s.page(r, ""), Run: run, Job: job, Now: stateOf(job), Links: s.links(run), Live: job.State != checks.StateDone, HasFiles: s.FileURL != nil, Services: s.services(job)}
	v.NoLog, _ = s.noLog(run, job)
	v.Title, v.Icon = v.Now.Label+" · "+id.Package+" · "+subject(run), v.Now.Class
	if v.Now.Class == "bad" && job.Release == nil {
		v.Again = "loktar run " + id.Package
	}
	if job.State == checks.StateRunning {
		v.Now.Took = since(job.Started, time.Now())
	}
	f, err := s.Logs.Open(id.Run, id.Package)
	switch {
	case err == nil:
		defer f.Close()
		v.HasLog = true
	case !errors.Is(err, fs.ErrNotExist):
		// All else that is known of the job is worth a look.
		s.logError(r, err)
		v.NoLog = "The log cannot be read, which is our fault. The server's own log has the reason."
	}
	from := mark{Line: 1}
	var rest int64
	if v.HasLog {
		var end int64
		if from, end, err = tailStart(f, s.Tail); err != nil {
			s.fault(w, r, err, noJob)
			return
		}
		rest, v.Size = end-from.Offset, size(end)
		if from.Offset > 0 {
			v.Skipped, v.Shown = size(from.Offset), size(rest)
		}
	}
	head, err := render("job", &v)
	if err != nil {
		s.fault(w, r, err, noJob)
		return
	}
	out := s.begin(w, r, http.StatusOK)
	defer out.Close()
	v.From = from.String()
	if _, err = out.Write(head); err != nil {
		return
	}
	if v.HasLog {
		v.From, err = s.writeLog(out, io.LimitReader(f, rest), from, !v.Live)
	}
	var foot []byte
	if err == nil {
		foot, err = render("job-end", &v)
	}
	if err != nil {
		s.logError(r, err)
		return
	}
	_, _ = out.Write(foot) // a reader that is gone
}

// noLog says why a job that is done has no log. gone tells that it had one.
func (s *server) noLog(run checks.Run, job checks.Job) (why string, gone bool) {
	if job.Started.IsZero() {
		return "There is no log: the job never ran.", false
	}
	if until := run.Finished.AddDate(0, 0, s.LogDays); s.LogDays > 0 && run.Done() && time.Now().After(until) {
		return fmt.Sprintf("The log is gone since %s: logs are kept for %s after the end of a run.", until.UTC().Format(time.DateOnly), counted(s.LogDays, "day")), true
	}
	return "The log is gone: it was removed from the server.", true
}

// unlogged answers a request for a log that is not there.
func (s *server) unlogged(w http.ResponseWriter, r *http.Request, run checks.Run, job checks.Job) {
	if job.State != checks.StateDone {
		s.missing(w, r, "This job has no log yet: it has printed nothing so far.")
		return
	}
	why, gone := s.noLog(run, job)
	if !gone {
		s.missing(w, r, why)
		return
	}
	s.refuse(w, r, http.StatusGone, "Gone", why)
}

// writeLog writes the rows of src, and returns the mark behind the last line
// that ended. done tells that the last line is whole.
func (s *server) writeLog(w io.Writer, src io.Reader, from mark, done bool) (string, error) {
	f := newFollower(src, from)
	var rows []byte
	for {
		var err error
		var n int
		rows, n, err = f.next(rows[:0])
		if _, werr := w.Write(rows); werr != nil {
			return "", errors.Join(errGone, werr)
		}
		if errors.Is(err, io.EOF) && n == 0 {
			break
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
	}
	if done {
		rows = f.rest(rows[:0])
	} else {
		rows = f.partial(rows[:0])
	}
	if _, err := w.Write(rows); err != nil {
		return "", errors.Join(errGone, err)
	}
	return f.at.String(), nil
}

func (s *server) elsewhere(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		s.refuse(w, r, http.StatusMethodNotAllowed, "Not here", "These pages can only be read. GitHub's deliveries go to /webhook.")
		return
	}
	s.missing(w, r, "There is no page at this address. Open a run or a log from its pull request.")
}

func (s *server) missing(w http.ResponseWriter, r *http.Request, text string) {
	s.refuse(w, r, http.StatusNotFound, "Not found", text)
}

// fault answers an error of the store or of a log.
func (s *server) fault(w http.ResponseWriter, r *http.Request, err error, missing string) {
	switch checks.KindOf(err) {
	case checks.KindNotFound:
		s.missing(w, r, missing)
	case checks.KindUnavailable:
		s.logError(r, err)
		w.Header().Set("Retry-After", "10")
		s.refuse(w, r, http.StatusServiceUnavailable, "Not now", "The server cannot show this at the moment. Reload the page in a little while.")
	default:
		s.logError(r, err)
		s.refuse(w, r, http.StatusInternalServerError, "This is our fault", "The server could not show this page. Its log has the reason; reload the page, or tell who runs it.")
	}
}

func (s *server) logError(r *http.Request, err error) {
	if !errors.Is(err, errGone) {
		s.Log.Error().Err(err).Str("run", r.PathValue("run")).Str("package", r.PathValue("pkg")).Msg("cannot show page")
	}
}

func (s *server) refuse(w http.ResponseWriter, r *http.Request, status int, title, text string) {
	s.show(w, r, status, "error", struct {
		page
		Status  int
		Heading string
		Text    string
	}{s.page(r, title+" · Loktar"), status, title, text})
}
