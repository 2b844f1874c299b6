package redact

// Stream replaces the secrets in a text that comes in pieces. What comes out
// hangs on the text alone, not on how it was cut: forms that overlap are
// replaced together by one Mask. Held back is no more than what may yet turn
// out to be the beginning of a secret. It is for one goroutine.
type Stream struct {
	set   *Set
	state int32
	held  []byte // the text before the next piece that was not given out
	base  int64  // place of the next piece in the text
	given int64  // place up to which the text was given out
	spans []span // forms found behind given, in order, none overlaps another
}

// span is a part of the text that is replaced.
type span struct {
	start, end int64
	masked     bool // its Mask was given out
}

// Stream begins a text.
func (s *Set) Stream() *Stream { return &Stream{set: s} }

// Write takes a piece of the text and calls give with what can be told of the
// masked text, in any number of pieces, which are valid during the call.
func (st *Stream) Write(p []byte, give func([]byte)) {
	if st.set == nil {
		give(p)
		return
	}
	s, at := st.set, st.state
	for i := 0; i < len(p); {
		if at == 0 {
			for i+s.least <= len(p) {
				skip := int(s.shift[pair(p[i+s.least-2], p[i+s.least-1])])
				if skip == 0 {
					break
				}
				i += skip
			}
			if i >= len(p) {
				break
			}
		}
		at = s.step(at, p[i])
		i++
		n := &s.nodes[at]
		if n.match > 0 {
			st.found(st.base+int64(i), int64(n.match))
		}
		if at == 0 && len(st.spans) > 0 {
			st.giveTo(st.base+int64(i), p, give)
		}
	}
	st.state = at
	end := st.base + int64(len(p))
	st.giveTo(end-int64(s.nodes[at].depth), p, give)
	if from := st.given - st.base; from >= 0 {
		st.held = append(st.held[:0], p[from:]...)
	} else {
		kept := copy(st.held, st.held[len(st.held)+int(from):])
		st.held = append(st.held[:kept], p...)
	}
	st.base = end
}

// Flush gives out what is held back: the text ended, or is to be cut here, so
// that no secret goes across.
func (st *Stream) Flush(give func([]byte)) {
	st.giveTo(st.base, nil, give)
	st.state, st.held = 0, st.held[:0]
}

// found notes the form of that length that ends at end.
func (st *Stream) found(end, length int64) {
	found := span{start: end - length, end: end}
	for len(st.spans) > 0 {
		last := st.spans[len(st.spans)-1]
		if last.end <= found.start {
			break
		}
		found.start, found.masked = min(found.start, last.start), found.masked || last.masked
		st.spans = st.spans[:len(st.spans)-1]
	}
	st.spans = append(st.spans, found)
}

var mask = []byte(Mask)

// giveTo gives out the text up to a place. No form that is found later begins
// before it. p is the piece at base.
func (st *Stream) giveTo(to int64, p []byte, give func([]byte)) {
	done := 0
	for st.given < to {
		next := to
		if done < len(st.spans) {
			next = min(next, st.spans[done].start)
		}
		if next > st.given {
			st.give(st.given, next, p, give)
			st.given = next
			continue
		}
		sp := &st.spans[done]
		if !sp.masked {
			give(mask)
			sp.masked = true
		}
		if st.given = min(sp.end, to); sp.end <= to {
			done++
		}
	}
	st.spans = st.spans[:copy(st.spans, st.spans[done:])]
}

// give gives out the text between two places.
func (st *Stream) give(from, to int64, p []byte, give func([]byte)) {
	if from < st.base {
		at := st.held[len(st.held)-int(st.base-from):]
		n := min(int64(len(at)), to-from)
		give(at[:n])
		from += n
	}
	if from < to {
		give(p[from-st.base : to-st.base])
	}
}
