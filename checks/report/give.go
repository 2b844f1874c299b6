package report

import (
	"context"
	"strings"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/markdown"
)

// give does what is left of a reply. Each part stands for itself: one that
// fails or is refused does not keep the other back.
func (r *Replier) give(ctx context.Context, reply checks.Reply, s steps) given {
	g := given{reply: reply, steps: s}
	if !g.reacted {
		g.reacted = r.settled(&g, "reaction", r.react(ctx, reply))
	}
	if !g.spoken {
		g.spoken = r.settled(&g, "comment", r.speak(ctx, &g))
	}
	if g.reacted && g.spoken {
		ctx, cancel := context.WithTimeout(ctx, requestTimeout)
		defer cancel()
		if err := r.o.Store.ReplyDone(ctx, reply.Delivery); err != nil {
			g.errs = append(g.errs, err)
		} else {
			g.done = true
		}
	}
	return g
}

// settled reports whether a part of a reply that ended with err needs nothing
// more: it was given, or never will be.
func (r *Replier) settled(g *given, part string, err error) bool {
	if err == nil {
		return true
	}
	switch checks.KindOf(err) {
	case checks.KindRefused, checks.KindNotFound:
		r.log(g.reply).Error().Err(err).Str("part", part).
			Msg(`GitHub does not take a reply; given up. Where the comment is still there, give the App the permission "Issues: read and write", and have the installation accept it`)
		return true
	}
	g.errs = append(g.errs, err)
	return false
}

func (r *Replier) react(ctx context.Context, reply checks.Reply) error {
	if reply.Reaction == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return r.o.Budget.Write(ctx, reply.Installation, UseReply, replyPatience, func() error {
		return r.o.Sink.React(ctx, reply.Installation, reply.Repo, reply.Comment, reply.Reaction)
	})
}

// speak posts the comment of a reply, unless it is found to be there.
func (r *Replier) speak(ctx context.Context, g *given) error {
	reply := g.reply
	if reply.Body == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	marker := replyMarker(reply.Delivery)
	if g.doubted {
		there, err := r.o.Sink.FindComment(ctx, reply.Installation, reply.Repo, reply.Number, marker, reply.Since.Add(-lookBack))
		if err != nil || there {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return r.o.Budget.Write(ctx, reply.Installation, UseReply, replyPatience, func() error {
		err := r.o.Sink.Comment(ctx, reply.Installation, reply.Repo, reply.Number, replyBody(reply.Body, marker))
		if err != nil {
			g.doubted, g.lost = true, true
		}
		return err
	})
}

// replyMarker is what a reply's comment is known by. It does not show.
func replyMarker(delivery string) string {
	id := strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' {
			return c
		}
		return '_'
	}, delivery)
	return "<!-- loktar:" + id[:min(len(id), 100)] + " -->"
}

// replyBody is a comment with its marker, as long as GitHub takes it.
func replyBody(body, marker string) string {
	const gap = "\n\n"
	return markdown.Clip(body, markdown.MaxText-len(gap)-len(marker)) + gap + marker
}
