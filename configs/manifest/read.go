package manifest

import (
	"slices"
	"strconv"
	"strings"

	"github.com/dudesons/loktar/configs/internal/value"
)

// The readers below return the zero value after they reported what is wrong.
// example is what a right value looks like, as JSON.

// mistyped reports a value of the wrong kind.
func (p *parser) mistyped(n *node, want, example string) {
	if n.kind == 'n' {
		p.fault(n, "is `null` but must be %s; remove the key or write for example %s", want, example)
		return
	}
	p.fault(n, "is %s but must be %s; write for example %s", n.kindName(), want, example)
}

func (p *parser) text(n *node, example string) (string, bool) {
	switch {
	case n.kind == '0':
		p.fault(n, "is a number but must be a string; write %s in double quotes", show(n.text))
	case n.kind == 't', n.kind == 'f':
		p.fault(n, "is %s but must be a string; write it in double quotes", n.kindName())
	case n.kind != '"':
		p.mistyped(n, "a string", example)
	case strings.IndexByte(n.text, 0) >= 0:
		p.fault(n, "holds a NUL character; remove it")
	default:
		return n.text, true
	}
	return "", false
}

// word is a string that is not blank.
func (p *parser) word(n *node, example string) string {
	s, ok := p.text(n, example)
	if ok && strings.TrimSpace(s) == "" {
		p.fault(n, "is empty; write for example %s or remove it", example)
		return ""
	}
	return s
}

func (p *parser) enum(n *node, words ...string) string {
	s, ok := p.text(n, strconv.Quote(words[0]))
	if !ok || slices.Contains(words, s) {
		return s
	}
	p.fault(n, "%s is no value of %s%s", show(s), n.key, value.Say(p.nearest(s, words), "write "+either(words)))
	return ""
}

func (p *parser) boolean(n *node) bool {
	switch {
	case n.kind == '"' && (n.text == "true" || n.text == "false"):
		p.fault(n, "is a string but must be true or false; write %s without quotes", n.text)
	case n.kind != 't' && n.kind != 'f':
		p.mistyped(n, "true or false", "true")
	}
	return n.kind == 't'
}

func (p *parser) integer(n *node, least, most int64) int64 {
	if n.kind != '0' {
		if _, err := strconv.ParseInt(n.text, 10, 64); n.kind == '"' && err == nil {
			p.fault(n, "is a string but must be a whole number; write %s without quotes", n.text)
		} else {
			p.mistyped(n, "a whole number", strconv.FormatInt(least, 10))
		}
		return 0
	}
	i, err := strconv.ParseInt(n.text, 10, 64)
	if err != nil || i < least || i > most {
		p.fault(n, "%s is out of range; write a whole number from %d to %d", show(n.text), least, most)
		return 0
	}
	return i
}

// list calls each for the elements of a list.
func (p *parser) list(n *node, example string, each func(*node)) {
	if n.kind == '"' && strings.HasPrefix(example, `["`) {
		p.fault(n, "is a string but must be a list of strings; write [%s]", strconv.Quote(shorten(n.text)))
		return
	}
	if n.kind != '[' {
		p.mistyped(n, "a list", example)
		return
	}
	for i := range n.kids {
		each(&n.kids[i])
	}
}

// words reads a list of strings, none of them blank. check looks at each.
func (p *parser) words(n *node, example string, check func(n *node, s string)) []string {
	var out []string
	if n.kind == '[' {
		out = make([]string, 0, len(n.kids))
	}
	p.list(n, example, func(kid *node) {
		s := p.word(kid, strings.Trim(example, "[]"))
		if s == "" {
			return
		}
		if check != nil {
			check(kid, s)
		}
		out = append(out, s)
	})
	return out
}

// set reads a list of strings of which none may come twice.
func (p *parser) set(n *node, example string, check func(n *node, s string)) []string {
	const few = 16
	var seen map[string]bool // of a long list
	if len(n.kids) > few {
		seen = make(map[string]bool, len(n.kids))
	}
	return p.words(n, example, func(kid *node, s string) {
		twice := seen[s]
		for i := 0; seen == nil && &n.kids[i] != kid; i++ {
			twice = twice || n.kids[i].kind == '"' && n.kids[i].text == s
		}
		if twice {
			p.fault(kid, "%s is listed twice; remove one of the two", show(s))
			return
		}
		if seen != nil {
			seen[s] = true
		}
		if check != nil {
			check(kid, s)
		}
	})
}

// variables reads environment variables into what was there before.
func (p *parser) variables(n *node, into map[string]string) map[string]string {
	if n.kind != '{' {
		p.mistyped(n, "an object", `{"NAME": "value"}`)
		return into
	}
	for i := range n.kids {
		kid := &n.kids[i]
		p.variableName(int(kid.keyOff), kid.key)
		if into == nil {
			into = make(map[string]string, len(n.kids))
		}
		into[kid.key], _ = p.text(kid, `"value"`)
	}
	return into
}

// variableName reports a name that no shell could read.
func (p *parser) variableName(off int, s string) {
	for i, c := range []byte(s) {
		if word(c) || i > 0 && '0' <= c && c <= '9' {
			continue
		}
		p.at(off, "", "%s is not the name of a variable; use letters, digits and `_` only, and no digit at the start", show(s))
		return
	}
	if s == "" {
		p.at(off, "", "the name of a variable is empty; write for example NAME")
	}
}

// object calls read for each member of an object; read returns false for a
// key that is not among keys.
func (p *parser) object(n *node, example string, keys []string, read func(*node) bool) {
	if n.kind != '{' {
		p.mistyped(n, "an object", example)
		return
	}
	for i := range n.kids {
		if kid := &n.kids[i]; !read(kid) {
			p.unknown(kid, keys, "remove it or write "+either(keys))
		}
	}
}

func (p *parser) unknown(n *node, keys []string, otherwise string) {
	p.at(int(n.keyOff), "", "unknown key %s%s", show(n.key), value.Say(p.nearest(n.key, keys), otherwise))
}

// either joins words as "`a`, `b` or `c`".
func either(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = "`" + w + "`"
	}
	last := len(quoted) - 1
	if last <= 0 {
		return strings.Join(quoted, "")
	}
	return strings.Join(quoted[:last], ", ") + " or " + quoted[last]
}
