package main

import (
	"fmt"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/dudesons/loktar/checks"
)

// mark is how a package stands, as people see it.
type mark struct{ sign, word, colour string }

var (
	markWaiting = mark{"·", "waiting", faint}
	markRunning = mark{">", "running", bold}
	markPassed  = mark{"✓", "passed", green}
	markFailed  = mark{"✗", "failed", red}
	markTime    = mark{"✗", "timed out", red}
	markErrored = mark{"!", "not run", red}
	markHeld    = mark{"-", "held back", faint}
	markStopped = mark{"-", "stopped", faint}
	markNever   = mark{"·", "not started", faint}
)

// marks are in the order of a summary.
var marks = []mark{markPassed, markFailed, markTime, markErrored, markHeld, markStopped, markNever, markRunning, markWaiting}

func markOf(j *checks.Job) mark {
	switch {
	case j.State == checks.StateRunning:
		return markRunning
	case j.State != checks.StateDone && j.Attempt > 0:
		return markStopped
	case j.State != checks.StateDone:
		return markWaiting
	}
	switch j.Result.Outcome {
	case checks.OutcomePassed:
		return markPassed
	case checks.OutcomeFailed:
		return markFailed
	case checks.OutcomeTimedOut:
		return markTime
	case checks.OutcomeHeldBack:
		return markHeld
	case checks.OutcomeCancelled, checks.OutcomeSuperseded:
		return markStopped
	}
	return markErrored
}

// endOf is markOf once all is over.
func endOf(j *checks.Job) mark {
	if m := markOf(j); m != markWaiting {
		return m
	}
	return markNever
}

// whyNot says in words for a terminal why a package did not pass, or what is
// to be said of one that did.
func whyNot(j *checks.Job) string {
	if j.Result.Outcome == checks.OutcomeHeldBack {
		return printable(j.Result.Blame) + " did not pass"
	}
	return printable(j.Result.Detail)
}

// dumb reports whether the terminal cannot move its cursor.
func dumb() bool { return os.Getenv("TERM") == "dumb" || os.Getenv("TERM") == "" }

// painter shows packages in place.
type painter struct {
	screen
	lines []int // the widths of the lines that are shown
}

// Control sequences of ECMA-48, and DECAWM: a line that is too long all the
// same is cut by the terminal.
const (
	up      = "\x1b[%dA"
	below   = "\r\x1b[J"
	noWrap  = "\x1b[?7l"
	reWrap  = "\x1b[?7h"
	endLine = "\x1b[K\n"
)

// size is that of the terminal now.
func (p *painter) size() (width, height int) {
	if f, ok := p.Writer.(interface{ Fd() uintptr }); ok {
		if w, h, err := term.GetSize(int(f.Fd())); err == nil && w > 0 && h > 0 {
			return w, h
		}
	}
	return 80, 24
}

// back leads to where the lines begin, as a terminal of that width shows them:
// one that became narrower wrapped them.
func (p *painter) back(width int) string {
	rows := 0
	for _, n := range p.lines {
		rows += max(1, (n+width-1)/width)
	}
	p.lines = p.lines[:0]
	if rows == 0 {
		return ""
	}
	return fmt.Sprintf(up, rows)
}

func (p *painter) erase() {
	if len(p.lines) > 0 {
		width, _ := p.size()
		fmt.Fprint(p, p.back(width)+below)
	}
}

// draw shows the jobs: all, or where there is no room those that matter most,
// and how many others there are.
func (p *painter) draw(jobs []checks.Job, log func(checks.JobID) string, now time.Time) {
	width, height := p.size()
	var b strings.Builder
	b.WriteString(p.back(width) + "\r" + noWrap)
	shown := chosen(jobs, max(height-2, 1))
	left := 0
	for _, j := range shown {
		left = max(left, utf8.RuneCountInString(printable(j.Package.Name)))
	}
	left = min(left, max(width/3, 8))
	for _, j := range shown {
		text := ""
		switch j.State {
		case checks.StateRunning:
			text = "starting"
			if lines, _ := tail(log(j.ID()), 1, 4<<10); len(lines) > 0 {
				text = lines[0]
			}
		case checks.StateQueued:
			if text = waiting(j, jobs); j.Attempt > 0 {
				text = markOf(j).word
			}
		}
		p.line(&b, p.text(j, left, width, text, now))
	}
	if len(shown) < len(jobs) {
		p.line(&b, [2]string{counted(jobs), ""})
	}
	b.WriteString(below[1:] + reWrap)
	fmt.Fprint(p, b.String())
}

// line is plain text, and the same painted where that differs.
func (p *painter) line(b *strings.Builder, text [2]string) {
	p.lines = append(p.lines, utf8.RuneCountInString(text[0]))
	if text[1] == "" {
		text[1] = text[0]
	}
	b.WriteString(text[1] + endLine)
}

// text is a line about a package, plain and painted.
func (p *painter) text(j *checks.Job, left, width int, text string, now time.Time) [2]string {
	return p.textAs(markOf(j), j, left, width, text, now)
}

func (p *painter) textAs(m mark, j *checks.Job, left, width int, text string, now time.Time) [2]string {
	took := checks.Took(j.Duration())
	if j.State == checks.StateRunning {
		took = checks.Took(now.Sub(j.Started))
	}
	if j.State == checks.StateDone {
		text = m.word + tested(j)
		if why := whyNot(j); why != "" {
			text += ": " + why
		}
	}
	name := pad(clip(printable(j.Package.Name), left), left)
	took = fmt.Sprintf("%10s", took)
	room := width - 1 - 2 - left - 1 - len(took) - 1
	if room < 8 { // a narrow one
		took, room = "", max(width-1-2-left-1, 0)
	}
	text = pad(clip(text, room), room)
	end := ""
	if took != "" {
		end = " " + took
	}
	return [2]string{m.sign + " " + name + " " + text + end,
		p.paint(m.colour, m.sign) + " " + p.paint(bold, name) + " " + text + p.paint(faint, end)}
}

// finalLine is the line that stays.
func (p *painter) finalLine(j *checks.Job) string {
	width, _ := p.size()
	name := min(utf8.RuneCountInString(printable(j.Package.Name)), max(width/3, 8))
	return strings.TrimRight(p.textAs(endOf(j), j, name, width, endOf(j).word, time.Now())[1], " ")
}

// chosen are at most n jobs in their order: those that run, then those that
// did not pass, then those that wait, then the others.
func chosen(jobs []checks.Job, n int) []*checks.Job {
	var out []*checks.Job
	if len(jobs) <= n {
		for i := range jobs {
			out = append(out, &jobs[i])
		}
		return out
	}
	pick := make([]bool, len(jobs))
	left := n - 1
	for _, want := range []func(j *checks.Job) bool{
		func(j *checks.Job) bool { return j.State == checks.StateRunning },
		func(j *checks.Job) bool { return j.State == checks.StateDone && !j.Result.Outcome.Passed() },
		func(j *checks.Job) bool { return j.State == checks.StateQueued },
		func(*checks.Job) bool { return true },
	} {
		for i := range jobs {
			if left > 0 && !pick[i] && want(&jobs[i]) {
				pick[i] = true
				left--
			}
		}
	}
	for i := range jobs {
		if pick[i] {
			out = append(out, &jobs[i])
		}
	}
	return out
}

// counted is how many jobs stand how.
func counted(jobs []checks.Job) string {
	n := map[string]int{}
	for i := range jobs {
		n[markOf(&jobs[i]).word]++
	}
	var said []string
	for _, m := range marks {
		if n[m.word] > 0 {
			said = append(said, fmt.Sprintf("%d %s", n[m.word], m.word))
		}
	}
	return fmt.Sprintf("%d packages: %s", len(jobs), strings.Join(said, ", "))
}

// waiting says what a job waits for.
func waiting(j *checks.Job, jobs []checks.Job) string {
	var needs []string
	for _, name := range j.Needs {
		for i := range jobs {
			if jobs[i].Package.Name == name && jobs[i].State != checks.StateDone {
				needs = append(needs, printable(name))
			}
		}
	}
	if len(needs) == 0 {
		return "waiting"
	}
	return "waiting for " + strings.Join(needs, ", ")
}

// clip cuts text that is longer than n characters.
func clip(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	if n < 1 {
		return ""
	}
	return string([]rune(text)[:n-1]) + "…"
}

func pad(text string, n int) string {
	return text + strings.Repeat(" ", max(n-utf8.RuneCountInString(text), 0))
}
