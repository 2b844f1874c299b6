package demo

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dudesons/loktar/app/minihub"
)

// printer tells the demo's story on a terminal or in a log.
type printer struct {
	out    io.Writer
	colour bool
	start  time.Time
	last   map[int64]string // check run id -> what was said of it last
}

// say prints one line of the story with the seconds since its start.
func (p *printer) say(text string) {
	fmt.Fprintf(p.out, "%6.1fs  %s\n", time.Since(p.start).Seconds(), text)
}

// news are the check runs that differ from what was said of them last.
func (p *printer) news(all []minihub.CheckRun) []minihub.CheckRun {
	var out []minihub.CheckRun
	for _, c := range all {
		if p.last[c.ID] != line(c) {
			out = append(out, c)
		}
	}
	return out
}

func (p *printer) progress(c minihub.CheckRun) {
	p.last[c.ID] = line(c)
	p.say(fmt.Sprintf("%s %-12s %s", p.mark(c), c.Name, c.Title))
}

func line(c minihub.CheckRun) string { return c.Status + c.Conclusion + c.Title }

// mark is one character for how a check run stands.
func (p *printer) mark(c minihub.CheckRun) string {
	switch {
	case c.Status == "queued":
		return p.paint("2", "·")
	case c.Status == "in_progress":
		return p.paint("33", "●")
	case c.Conclusion == "success":
		return p.paint("32", "✓")
	case c.Conclusion == "failure", c.Conclusion == "timed_out":
		return p.paint("31", "✗")
	}
	return p.paint("2", "–")
}

func (p *printer) paint(code, s string) string {
	if !p.colour {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// table prints the checks as they ended, each with the page of its log.
func (p *printer) table(all []minihub.CheckRun, pullURL string) {
	fmt.Fprintln(p.out)
	w := tabwriter.NewWriter(p.out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "  CHECK\tCONCLUSION\tRESULT\tLOG")
	slices.SortFunc(all, func(a, b minihub.CheckRun) int { return cmp.Or(last(a)-last(b), cmp.Compare(a.Name, b.Name)) })
	for _, c := range all {
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", c.Name, cmp.Or(c.Conclusion, c.Status), c.Title, c.DetailsURL)
	}
	w.Flush()
	fmt.Fprintf(p.out, "\n  not affected, so not run: web-front\n  the pull request: %s\n", pullURL)
}

// last puts the aggregate below what it stands for.
func last(c minihub.CheckRun) int {
	if c.Name == aggregate {
		return 1
	}
	return 0
}

// stay tells a person what there is to try.
func (p *printer) stay(repo *minihub.Repo, hub *minihub.Hub, pullURL string) {
	clone := strings.Replace(repo.CloneURL(), "http://", "http://"+owner+":"+hub.UserToken(owner)+"@", 1)
	fmt.Fprintf(p.out, `
Loktar is up until you press Ctrl-C. Things to try:

  look         open %s
  re-run       press Re-run beside a check there
  break it     git clone -b %s %s
               cd %s && sed -i s/Hello/Goodbye/ %s
               git commit -am "BUG: part from pets" && git push

What the checks then do shows here too.

`, pullURL, branch, clone, repoName, changed)
}

// watch prints each change of any commit's checks until ctx is done.
func (p *printer) watch(ctx context.Context, hub *minihub.Hub, sha string) {
	for {
		var news []minihub.CheckRun
		err := hub.Wait(ctx, func(v *minihub.View) bool {
			news = p.news(v.CheckRuns(fullName, ""))
			return len(news) > 0
		})
		if err != nil {
			return
		}
		for _, c := range news {
			if c.HeadSHA != sha {
				sha = c.HeadSHA
				p.say("the checks of commit " + sha[:7])
			}
			p.progress(c)
		}
	}
}
