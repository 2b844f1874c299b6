package manifest

import (
	"bytes"
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/dudesons/loktar/checks"
)

// node is one JSON value and where it stands.
type node struct {
	kind   jsontext.Kind // n, t, f, ", 0, { or [
	off    int32         // of the value's first byte
	keyOff int32         // of the key's first byte; off for an element of an array
	key    string        // empty but for a member of an object
	text   string        // what a string says, or a number as it is written
	kids   []node        // members or elements
}

// member is the value of a key of an object, nil when it has none.
func (n *node) member(key string) *node {
	for i := range n.kids {
		if n.kids[i].key == key {
			return &n.kids[i]
		}
	}
	return nil
}

// kindName is what a reader calls a value of this kind.
func (n *node) kindName() string {
	switch n.kind {
	case '"':
		return "a string"
	case '0':
		return "a number"
	case '{':
		return "an object"
	case '[':
		return "a list"
	case 't':
		return "`true`"
	case 'f':
		return "`false`"
	}
	return "`null`"
}

// builder reads a file into a tree.
type builder struct {
	p      *parser
	dec    *jsontext.Decoder
	stack  []node // kids of the values that are not read to their end yet
	values int
}

// errStop ends the reading of a file that is beyond a bound; the problem is
// reported already.
var errStop = errors.New("stop")

// tree reads the whole file. It returns nil after it reported why the file
// cannot be read at all.
func (p *parser) tree() *node {
	if p.bound() {
		return nil
	}
	b := &builder{p: p, dec: jsontext.NewDecoder(bytes.NewBuffer(p.data), jsontext.AllowDuplicateNames(true))}
	root, err := b.value(1)
	switch {
	case err == nil:
		end := int(b.dec.InputOffset())
		rest := bytes.TrimLeft(p.data[end:], " \t\r\n")
		if len(rest) == 0 {
			return &root
		}
		p.at(len(p.data)-len(rest), "", "the file goes on after its end; remove everything from here on")
	case !errors.Is(err, errStop):
		p.malformed(err)
	}
	return nil
}

func (b *builder) value(depth int) (node, error) {
	switch kind := b.dec.PeekKind(); kind {
	case '{', '[':
		if _, err := b.dec.ReadToken(); err != nil {
			return node{}, err
		}
		n := node{kind: kind, off: int32(b.dec.InputOffset()) - 1}
		if depth > maxDepth {
			b.p.at(int(n.off), "", "the file nests deeper than %d levels here; no key of "+checks.ManifestFile+" needs that", maxDepth)
			return n, errStop
		}
		err := b.kids(&n, depth)
		return n, err
	}
	v, err := b.dec.ReadValue()
	if err != nil {
		return node{}, err
	}
	n := node{kind: v.Kind(), off: int32(int(b.dec.InputOffset()) - len(v))}
	switch n.kind {
	case '"':
		n.text = unquote(v)
	case '0':
		n.text = string(v)
	}
	return n, nil
}

// kids reads what is in the object or array n, its end included.
func (b *builder) kids(n *node, depth int) error {
	mark := len(b.stack)
	for {
		if k := b.dec.PeekKind(); k == '}' || k == ']' {
			break
		}
		if b.values++; b.values > maxValues {
			b.p.at(int(b.dec.InputOffset()), "", "the file holds more than %d values; list fewer packages, or move what they share into `defaults`", maxValues)
			return errStop
		}
		var key string
		var keyOff int
		if n.kind == '{' {
			v, err := b.dec.ReadValue()
			if err != nil {
				return err
			}
			keyOff = int(b.dec.InputOffset()) - len(v)
			key = unquote(v)
		}
		kid, err := b.value(depth + 1)
		if err != nil {
			return err
		}
		kid.key, kid.keyOff = key, kid.off
		if n.kind == '{' {
			kid.keyOff = int32(keyOff)
		}
		b.stack = append(b.stack, kid)
	}
	if _, err := b.dec.ReadToken(); err != nil {
		return err
	}
	n.kids = append(make([]node, 0, len(b.stack)-mark), b.stack[mark:]...)
	b.stack = b.stack[:mark]
	if n.kind == '{' {
		b.duplicates(n)
	}
	return nil
}

// duplicates reports every key that an object has already.
func (b *builder) duplicates(n *node) {
	report := func(kid *node) {
		b.p.at(int(kid.keyOff), "", "key %s is there twice; remove one of the two", show(kid.key))
	}
	const few = 24
	if len(n.kids) <= few {
		for i := range n.kids {
			for j := range i {
				if n.kids[i].key == n.kids[j].key {
					report(&n.kids[i])
					break
				}
			}
		}
		return
	}
	seen := make(map[string]bool, len(n.kids))
	for i := range n.kids {
		if seen[n.kids[i].key] {
			report(&n.kids[i])
		}
		seen[n.kids[i].key] = true
	}
}

// unquote is what the JSON string v says. Keys of the format and words that
// many packages have in common cost no memory.
func unquote(v jsontext.Value) string {
	if bytes.IndexByte(v, '\\') >= 0 {
		s, _ := jsontext.AppendUnquote(nil, v) // the decoder has checked it
		return string(s)
	}
	inner := v[1 : len(v)-1]
	if s, ok := common[string(inner)]; ok {
		return s
	}
	return string(inner)
}
