package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dudesons/loktar/app"
	"github.com/dudesons/loktar/checks"
)

// repaint is how often what is shown is brought up to date.
const repaint = 100 * time.Millisecond

// progress shows how a run goes on: as lines, or in place on a terminal.
type progress struct {
	out     screen
	names   []string // what was asked for
	flags   *runFlags
	painter *painter // nil: lines
	began   time.Time

	mu     sync.Mutex
	plan   *app.LocalPlan
	jobs   []checks.Job
	follow map[string]*follower // by package; nil unless verbose
	ticks  chan struct{}        // closed at the end
	over   sync.WaitGroup
}

var _ app.Watcher = (*progress)(nil)

func newProgress(out screen, names []string, f *runFlags) *progress {
	t := &progress{out: out, names: names, flags: f, began: time.Now(), ticks: make(chan struct{})}
	if f.verbose {
		t.follow = map[string]*follower{}
	}
	if out.width > 0 && !f.plain && !f.verbose && !dumb() {
		t.painter = &painter{screen: out}
	}
	return t
}

// Planned implements app.Watcher.
func (t *progress) Planned(p *app.LocalPlan) error {
	for _, name := range t.names {
		if err := listed(p.Answer, name); err != nil {
			return err
		}
	}
	affected := len(t.names) == 0 && !t.flags.all
	if affected {
		remarks(p.Answer.Notice, p.Everything)
	}
	for _, text := range append(append([]string(nil), p.Warnings...), p.Notes...) {
		remark("%s", text)
	}
	if p.Left > 0 {
		what := "is not committed and not tested; --uncommitted tests it too"
		if p.Left > 1 {
			what = "are not committed and not tested; --uncommitted tests them too"
		}
		remark("%s %s.", count(p.Left, "file"), what)
	}
	if affected {
		n, more := len(p.Answer.Affected.Affected), ""
		if len(p.Jobs) > n {
			more = fmt.Sprintf(" With them %d that they need.", len(p.Jobs)-n)
		}
		remark("%d of %s affected, compared with %s (%s).%s", n, count(len(p.Answer.Change.Manifest.Packages), "package"), p.Answer.Base, short(p.Answer.Change.BaseSHA), more)
	}
	t.unset(p.Jobs)
	if !app.LocalCaches() && slices.ContainsFunc(p.Jobs, func(j checks.Job) bool { return len(j.Package.Cache) > 0 }) {
		remark("Packages run without their caches: to keep these between runs takes root.")
	}
	if t.flags.dry {
		t.dry(p.Jobs)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.plan, t.jobs = p, slices.Clone(p.Jobs)
	if len(p.Jobs) > 0 && !t.flags.dry {
		t.over.Go(t.tick)
	}
	return nil
}

// unset names the secrets that packages ask for and that are not there.
func (t *progress) unset(jobs []checks.Job) {
	var names []string
	for i := range jobs {
		for _, name := range jobs[i].Package.Secrets {
			if os.Getenv(name) == "" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	if len(names) > 0 {
		remark("Packages ask for secrets that are not set here: %s. Set environment variables of these names.", some(names))
	}
}

// dry prints what would run.
func (t *progress) dry(jobs []checks.Job) {
	var rows []row
	for _, j := range jobs {
		r := row{name: printable(j.Package.Name)}
		for _, why := range j.Reasons {
			r.text = append(r.text, printable(why.String()))
		}
		if len(j.Needs) > 0 {
			r.text = append(r.text, "after "+printable(strings.Join(j.Needs, ", ")))
		}
		rows = append(rows, r)
	}
	if len(rows) > 0 {
		t.out.table([2]string{"WOULD RUN", "WHY"}, rows)
	}
}

// Changed implements app.Watcher.
func (t *progress) Changed(jobs []checks.Job) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, j := range jobs {
		before := t.jobs[j.Index].State
		t.jobs[j.Index] = j
		if t.painter != nil || before == j.State {
			continue
		}
		t.followed(&j, j.State == checks.StateDone)
		switch j.State {
		case checks.StateRunning:
			text := "started"
			if j.Attempt > 1 {
				text = fmt.Sprintf("started again, attempt %d", j.Attempt)
			}
			t.line(&j, text)
			if t.follow != nil {
				t.follow[j.Package.Name] = &follower{path: t.plan.Log(j.ID())}
			}
		case checks.StateDone:
			mark := markOf(&j)
			text := t.out.paint(mark.colour, mark.word)
			if took := checks.Took(j.Duration()); took != "" && j.Result.Outcome != checks.OutcomeErrored {
				text += " in " + took
			}
			text += tested(&j)
			if why := whyNot(&j); why != "" {
				text += ": " + why
			}
			t.line(&j, text)
		}
	}
}

func (t *progress) line(j *checks.Job, text string) {
	fmt.Fprintf(t.out, "%s: %s\n", t.out.paint(bold, printable(j.Package.Name)), text)
}

// followed prints what a package printed since it was last looked at.
func (t *progress) followed(j *checks.Job, last bool) {
	f := t.follow[j.Package.Name]
	if f == nil {
		return
	}
	name := t.out.paint(faint, printable(j.Package.Name)+" |")
	var b strings.Builder
	for _, line := range f.lines(last) {
		b.WriteString(name + " " + line + "\n")
	}
	fmt.Fprint(t.out, b.String())
}

// Remark implements app.Watcher.
func (t *progress) Remark(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.erase()
	remark("%s", text)
}

// Write takes a line of the log of the code that runs jobs.
func (t *progress) Write(p []byte) (int, error) {
	var said struct{ Message, Error, Job, File string }
	if json.Unmarshal(p, &said) == nil && said.Message != "" && (said.Job == "" || said.File == "") { // of a job's file its result tells
		if said.Error != "" {
			said.Message += " (" + said.Error + ")"
		}
		t.Remark(said.Message)
	}
	return len(p), nil
}

// stopping tells that it ends before its time.
func (t *progress) stopping() {
	t.mu.Lock()
	busy := slices.ContainsFunc(t.jobs, func(j checks.Job) bool { return j.State == checks.StateRunning })
	t.mu.Unlock()
	if busy {
		t.Remark("Stopping: what runs cleans up. Ctrl-C again ends at once.")
	}
}

func (t *progress) erase() {
	if t.painter != nil {
		t.painter.erase()
	}
}

func (t *progress) tick() {
	ticker := time.NewTicker(repaint)
	defer ticker.Stop()
	for {
		t.show()
		select {
		case <-t.ticks:
			return
		case <-ticker.C:
		}
	}
}

func (t *progress) show() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.jobs {
		if t.follow != nil && t.jobs[i].State == checks.StateRunning {
			t.followed(&t.jobs[i], false)
		}
	}
	if t.painter != nil {
		t.painter.draw(t.jobs, t.plan.Log, time.Now())
	}
}

// end ends what is shown in place.
func (t *progress) end() {
	close(t.ticks)
	t.over.Wait()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.erase()
}
