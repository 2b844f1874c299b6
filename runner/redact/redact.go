// Package redact replaces secrets in text and in streams, in whatever form
// they are printed: see forms.go for which.
package redact

// Mask stands in place of a secret.
const Mask = "***"

// MinLength is the length in bytes from which a value can be told from other
// text. Shorter ones are not replaced.
const MinLength = 4

// Set is what is replaced. It does not change, and is safe for concurrent use.
// A nil Set replaces nothing.
type Set struct {
	nodes []node
	root  [256]int32 // nodes by their first byte; 0 is the root itself

	// In the root a search looks at two bytes, those before the least length
	// of a form, and skips as many bytes as shift tells for them: no form
	// begins there (Wu and Manber, 1994).
	least int
	shift []uint8
}

// node is a state of an automaton (Aho and Corasick, 1975): what was read last
// is the beginning of a form.
type node struct {
	child, sibling int32 // nodes with one byte more, as a list
	fail           int32 // the node of the longest part of its end that begins a form
	depth          int32 // its length
	match          int32 // length of the longest form at its end, or 0
	char           byte
}

// maxShift bounds a skip.
const maxShift = 255

// New makes the Set of all forms of the values.
func New(values ...string) *Set {
	forms := make(map[string]bool)
	for _, v := range values {
		addForms(forms, v)
	}
	if len(forms) == 0 {
		return nil
	}
	s := &Set{nodes: make([]node, 1), least: maxShift + 1}
	for form := range forms {
		s.add(form)
		s.least = min(s.least, len(form))
	}
	s.link()
	s.shift = make([]uint8, 1<<16)
	for i := range s.shift {
		s.shift[i] = uint8(s.least - 1)
	}
	for form := range forms {
		for i := 1; i < s.least; i++ {
			at := &s.shift[pair(form[i-1], form[i])]
			*at = min(*at, uint8(s.least-1-i))
		}
	}
	return s
}

func pair(a, b byte) int { return int(a)<<8 | int(b) }

// add puts a form into the tree.
func (s *Set) add(form string) {
	at := int32(0)
	for i := range len(form) {
		next := s.below(at, form[i])
		if next == 0 {
			next = int32(len(s.nodes))
			s.nodes = append(s.nodes, node{sibling: s.nodes[at].child, depth: int32(i + 1), char: form[i]})
			if at == 0 {
				s.root[form[i]] = next
			} else {
				s.nodes[at].child = next
			}
		}
		at = next
	}
	s.nodes[at].match = int32(len(form))
}

// below is the node with one byte more, or 0.
func (s *Set) below(at int32, c byte) int32 {
	if at == 0 {
		return s.root[c]
	}
	next := s.nodes[at].child
	for next != 0 && s.nodes[next].char != c {
		next = s.nodes[next].sibling
	}
	return next
}

// link makes the automaton of the tree, the short ends first.
func (s *Set) link() {
	var queue []int32
	for _, at := range s.root {
		if at != 0 {
			queue = append(queue, at)
		}
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for next := s.nodes[at].child; next != 0; next = s.nodes[next].sibling {
			n := &s.nodes[next]
			n.fail = s.step(s.nodes[at].fail, n.char)
			n.match = max(n.match, s.nodes[n.fail].match)
			queue = append(queue, next)
		}
	}
}

// step is the state after one byte more.
func (s *Set) step(at int32, c byte) int32 {
	for {
		if next := s.below(at, c); next != 0 || at == 0 {
			return next
		}
		at = s.nodes[at].fail
	}
}

// Text is text with the secrets replaced.
func (s *Set) Text(text string) string {
	if s == nil {
		return text
	}
	var out []byte
	st, keep := s.Stream(), func(b []byte) { out = append(out, b...) }
	st.Write([]byte(text), keep)
	st.Flush(keep)
	return string(out)
}
