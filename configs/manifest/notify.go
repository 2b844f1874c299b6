package manifest

import (
	"slices"
	"strings"
	"unicode"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/configs/internal/value"
)

const (
	notifyExample = `{"slack": [{"channel": "#team-pets"}]}`
	slackExample  = `[{"channel": "#team-pets"}]`
	// maxRules bounds how many channels one run may write to.
	maxRules = 20
)

// usual is what a channel is told that names nothing.
var usual = []checks.When{checks.WhenFailure, checks.WhenFixed}

// notify reads who is to be told.
func (p *parser) notify(n *node) *checks.Notify {
	out := &checks.Notify{}
	p.object(n, notifyExample, notifyKeys, func(kid *node) bool {
		switch kid.key {
		case "slack":
			p.list(kid, slackExample, func(rule *node) { out.Slack = append(out.Slack, p.slackRule(rule)) })
			if len(out.Slack) > maxRules {
				p.fault(kid, "has %d entries, more than %d; join some", len(out.Slack), maxRules)
			}
		case "comment":
			out.Comment = p.comment(kid)
		default:
			return false
		}
		return true
	})
	if len(out.Slack) == 0 && out.Comment == "" {
		return nil
	}
	return out
}

func (p *parser) slackRule(n *node) checks.SlackRule {
	r := checks.SlackRule{On: usual}
	p.object(n, slackExample[1:len(slackExample)-1], slackKeys, func(kid *node) bool {
		switch kid.key {
		case "channel":
			r.Channel = p.channel(kid)
		case "on":
			r.On = choices(p, kid, `["failure", "fixed"]`, "nothing that is told of", checks.Whens)
		case "events":
			r.Events = choices(p, kid, `["pull_request"]`, "no kind of run", checks.NotifyEvents)
		case "packages":
			r.Packages = p.set(kid, `["awesome_lib"]`, func(name *node, s string) {
				if wrong := packageGlobFault(s); wrong != "" {
					p.fault(name, "%s %s", show(s), wrong)
				}
			})
			p.some(kid)
		default:
			return false
		}
		return true
	})
	if n.kind == '{' {
		p.need(n, "channel", "name the channel, for example \"#team-pets\"")
	}
	return r
}

func (p *parser) channel(n *node) string {
	s := p.word(n, `"#team-pets"`)
	if s == "" {
		return ""
	}
	if err := value.Channel(s); err != nil {
		p.fault(n, "%s %v", show(s), err)
		return ""
	}
	return s
}

// choices reads a list of words of which each has a meaning.
func choices[T ~string](p *parser, n *node, example, not string, all []T) []T {
	words := make([]string, len(all))
	for i, w := range all {
		words[i] = string(w)
	}
	var out []T
	p.set(n, example, func(kid *node, s string) {
		if !slices.Contains(words, s) {
			p.fault(kid, "%s is %s%s", show(s), not, value.Say(p.nearest(s, words), "write "+either(words)))
		}
		out = append(out, T(s))
	})
	p.some(n)
	return out
}

// some reports a list without elements.
func (p *parser) some(n *node) {
	if n.kind == '[' && len(n.kids) == 0 {
		p.fault(n, "is empty; list at least one, or remove it")
	}
}

func (p *parser) comment(n *node) checks.When {
	words := []string{string(checks.WhenFailure), string(checks.WhenAlways)}
	switch n.kind {
	case 'f':
		return checks.WhenNever
	case 't':
		p.fault(n, "is `true`, which does not say when; write \"failure\" or \"always\"")
		return ""
	}
	return checks.When(p.enum(n, words...))
}

// packageGlobFault says what is wrong with a package's name that may have "*"
// for any characters, or nothing.
func packageGlobFault(s string) string {
	if len(s) > maxName || strings.ContainsFunc(s, func(r rune) bool {
		return r != '*' && (r > unicode.MaxASCII || !nameLike("a"+string(r)))
	}) {
		return "is not the name of a package; `*` stands for any characters"
	}
	return ""
}

// told reports names in notify that no package has. n may be nil.
func (p *parser) told(n *node, packages []checks.Package) {
	if n == nil || n.kind != '{' || n.member("slack") == nil {
		return
	}
	known := make(map[string]bool, len(packages))
	names := make([]string, len(packages))
	for i := range packages {
		names[i] = packages[i].Name
		known[names[i]] = true
	}
	for i := range n.member("slack").kids {
		list := n.member("slack").kids[i].member("packages")
		if list == nil || list.kind != '[' {
			continue
		}
		for j := range list.kids {
			kid := &list.kids[j]
			if kid.kind == '"' && kid.text != "" && packageGlobFault(kid.text) == "" && !strings.Contains(kid.text, "*") && !known[kid.text] {
				p.fault(kid, "%s is not a package of this file%s", show(kid.text), value.Say(p.nearest(kid.text, names), "list it in `packages`, or remove it here"))
			}
		}
	}
}
