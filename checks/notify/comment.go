package notify

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/markdown"
	"github.com/dudesons/loktar/checks/report"
)

// placeComment is the place of a pull request's comment among those of a run.
const placeComment = "comment"

// marker is what our comment is known by. It does not show.
const marker = "<!-- loktar: how this pull request stands -->"

// comment keeps the one comment of a pull request up to date, at the ends of
// its runs. A run that is not the newest leaves it to that one. muted: GitHub
// refused one in this repository just now, and is not asked.
func (n *Notifier) comment(ctx context.Context, t *told, muted bool) {
	run, jobs, post, ok := n.read(t)
	if !ok || post.GivenUp != "" || !run.Done() {
		return
	}
	latest, found, err := n.o.Store.Latest(run.Target())
	if err != nil || found && latest.ID != run.ID {
		t.err = err
		return
	}
	number := run.PullRequest.Number
	id, err := n.o.Store.PullComment(run.Repo.ID, number)
	if err != nil {
		t.err = err
		return
	}
	if id == 0 && run.Notify.Comment != checks.WhenAlways && !standing(&run, jobs).bad() {
		return
	}
	body := n.body(&run, jobs)
	if post.Told == digest(body) {
		return
	}
	if muted {
		post.GivenUp = "GitHub did not take a comment on another pull request of this repository within the hour."
		n.settle(ctx, t, post, nil)
		return
	}
	w, err := n.o.Budget.Take(ctx, run.Installation, report.UseComment, 0)
	if err != nil {
		var later interface{ RetryAfter() time.Duration }
		if errors.As(err, &later) {
			t.early = later.RetryAfter()
			return
		}
		t.err = err
		return
	}
	t.called = true
	id, writes, err := n.write(ctx, &run, id, body)
	w.Done(writes, err)
	if err == nil {
		post.Told, post.ID = digest(body), fmt.Sprint(id)
	}
	t.muted = checks.KindOf(err) == checks.KindRefused
	n.settle(ctx, t, post, err)
}

// write changes the comment, or writes it where there is none, and returns how
// many writes that took. One whose answer was lost is found by its marker.
func (n *Notifier) write(ctx context.Context, run *checks.Run, id int64, body string) (now int64, writes int, err error) {
	c, number := n.o.Comments, run.PullRequest.Number
	known := id
	if id != 0 {
		err := c.EditComment(ctx, run.Installation, run.Repo, id, body)
		if writes++; checks.KindOf(err) != checks.KindNotFound {
			return id, writes, err
		} // somebody deleted it
	}
	id, err = c.FindOwnComment(ctx, run.Installation, run.Repo, number, marker)
	if err != nil {
		return 0, writes, err
	}
	if writes++; id != 0 && id != known {
		err = c.EditComment(ctx, run.Installation, run.Repo, id, body)
	} else {
		id, err = c.CreateComment(ctx, run.Installation, run.Repo, number, body)
	}
	if err != nil {
		return 0, writes, err
	}
	bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	return id, writes, n.o.Store.SetPullComment(bound, run.Repo.ID, number, id)
}

// body is the comment: the aggregate check's title and what it says below.
func (n *Notifier) body(run *checks.Run, jobs []checks.Job) string {
	cr := report.Aggregate(*run, jobs, n.o.BaseURL)
	icon := map[State]string{StateFailed: "❌", StateFault: "⚠️", StateWaiting: "⏸️", StateStopped: "🚫"}[standing(run, jobs)]
	if icon == "" {
		icon = "✅"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s **%s** at %s, [%s](%s)\n\n", marker, icon, markdown.Text(cr.Title), markdown.Code(checks.ShortSHA(run.HeadSHA)),
		run.Finished.UTC().Format("Jan 2, 15:04 MST"), report.RunURL(n.o.BaseURL, run.ID))
	if s := strings.TrimSpace(cr.Summary); s != "" {
		b.WriteString("<details><summary>What was tested</summary>\n\n")
		const end = "\n\n</details>\n"
		b.WriteString(markdown.Clip(s, markdown.MaxText-b.Len()-len(end)))
		b.WriteString(end)
	}
	return b.String()
}
