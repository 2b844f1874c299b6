package annotate

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The standard library's reader of XML holds each text as a whole, and a
// report's may be what a job printed all day. xmlReader holds a bounded part
// of each, resolves no entities but XML's own, and loads nothing.

const (
	xmlChunk = 64 << 10
	maxWord  = 256      // bytes of an element's or attribute's name
	maxValue = 16 << 10 // bytes of an attribute's value; the rest is left out
	maxAttrs = 64       // of one element
	maxDepth = 100
)

type xmlKind int

const (
	xmlStart xmlKind = iota
	xmlEnd
	xmlText
)

// xmlToken is a part of a document. Its strings and bytes are good until the
// next one is asked for.
type xmlToken struct {
	kind  xmlKind
	name  string // of the element, without its prefix
	attrs []xmlAttr
	text  []byte // of a text, which may come in many parts
}

type xmlAttr struct{ name, value string }

func (t *xmlToken) attr(name string) string {
	for _, a := range t.attrs {
		if a.name == name {
			return a.value
		}
	}
	return ""
}

// The errors of documents that are none.
var (
	errXML   = errors.New("it is not well-formed XML")
	errDepth = errors.New("its elements are nested too deep")
)

// xmlReader reads a document part by part.
type xmlReader struct {
	// mute leaves texts out.
	mute bool

	r     *bufio.Reader
	open  []string // the names of the elements that are open
	ended string   // of an element that ends where it began
	cdata bool
	tail  [2]byte // what the last part of a CDATA section ended with
	text  []byte
	attrs []xmlAttr
}

func newXML(r io.Reader) *xmlReader { return &xmlReader{r: bufio.NewReaderSize(r, xmlChunk)} }

// next is the next part; io.EOF once the document has ended as it should.
func (x *xmlReader) next() (xmlToken, error) {
	if x.ended != "" {
		name := x.ended
		x.ended = ""
		x.open = x.open[:len(x.open)-1]
		return xmlToken{kind: xmlEnd, name: name}, nil
	}
	for {
		if x.cdata {
			part, err := x.section()
			if err != nil {
				return xmlToken{}, err
			}
			if len(part) > 0 && !x.mute {
				return xmlToken{kind: xmlText, text: part}, nil
			}
			continue
		}
		part, err := x.r.ReadSlice('<')
		whole := err == nil
		switch {
		case whole:
			part = part[:len(part)-1]
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(x.open) > 0:
			return xmlToken{}, io.ErrUnexpectedEOF
		default:
			return xmlToken{}, err
		}
		if len(part) > 0 && !x.mute && len(x.open) > 0 {
			x.text = unentity(x.text[:0], part)
			if whole {
				if err := x.r.UnreadByte(); err != nil {
					return xmlToken{}, err
				}
			}
			return xmlToken{kind: xmlText, text: x.text}, nil
		}
		if !whole {
			continue
		}
		t, ok, err := x.markup()
		if err != nil || ok {
			return t, err
		}
	}
}

// markup reads what follows a <. It is not ok when that says nothing.
func (x *xmlReader) markup() (t xmlToken, ok bool, err error) {
	c, err := x.byte()
	if err != nil {
		return t, false, err
	}
	switch c {
	case '?':
		return t, false, x.skip("?>")
	case '!':
		if head, _ := x.r.Peek(7); string(head) == "[CDATA[" {
			_, err = x.r.Discard(7)
			x.cdata, x.tail = true, [2]byte{}
			return t, false, err
		} else if bytes.HasPrefix(head, []byte("--")) {
			_, _ = x.r.Discard(2)
			return t, false, x.skip("-->")
		}
		return t, false, x.doctype()
	case '/':
		name, err := x.word()
		if err != nil {
			return t, false, err
		}
		if err := x.blank('>'); err != nil {
			return t, false, err
		}
		name = local(name)
		if n := len(x.open) - 1; n < 0 || x.open[n] != name {
			return t, false, errXML
		}
		x.open = x.open[:len(x.open)-1]
		return xmlToken{kind: xmlEnd, name: name}, true, nil
	}
	if err := x.r.UnreadByte(); err != nil {
		return t, false, err
	}
	t, err = x.element()
	return t, err == nil, err
}

// element reads a start tag.
func (x *xmlReader) element() (xmlToken, error) {
	name, err := x.word()
	if err != nil {
		return xmlToken{}, err
	}
	if len(x.open) == maxDepth {
		return xmlToken{}, errDepth
	}
	t := xmlToken{kind: xmlStart, name: local(name)}
	x.attrs = x.attrs[:0]
	for {
		c, err := x.solid()
		if err != nil {
			return xmlToken{}, err
		}
		switch c {
		case '/':
			if c, err = x.byte(); err != nil || c != '>' {
				return xmlToken{}, errors.Join(errXML, err)
			}
			x.ended = t.name
			fallthrough
		case '>':
			x.open = append(x.open, t.name)
			t.attrs = x.attrs
			return t, nil
		}
		if err := x.r.UnreadByte(); err != nil {
			return xmlToken{}, err
		}
		if err := x.attribute(); err != nil {
			return xmlToken{}, err
		}
	}
}

func (x *xmlReader) attribute() error {
	name, err := x.word()
	if err != nil {
		return err
	}
	if err := x.blank('='); err != nil {
		return err
	}
	quote, err := x.solid()
	if err != nil {
		return err
	}
	if quote != '"' && quote != '\'' {
		return errXML
	}
	var value []byte
	for {
		part, err := x.r.ReadSlice(quote)
		done := err == nil
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return unexpected(err)
		}
		if done {
			part = part[:len(part)-1]
		}
		value = append(value, part[:min(len(part), maxValue-len(value))]...)
		if done {
			break
		}
	}
	if len(x.attrs) < maxAttrs {
		x.attrs = append(x.attrs, xmlAttr{local(name), string(unentity(nil, value))})
	}
	return nil
}

// section reads a part of a CDATA section, and finds its end.
func (x *xmlReader) section() ([]byte, error) {
	part, err := x.r.ReadSlice('>')
	if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
		return nil, unexpected(err)
	}
	// The two brackets before the > may have come with an earlier part: what
	// was given out of them stays.
	head := append(x.tail[:2:2], part...)
	if err == nil && bytes.HasSuffix(head, []byte("]]>")) {
		x.cdata = false
		return part[:max(0, len(part)-3)], nil
	}
	copy(x.tail[:], head[len(head)-2:])
	return part, nil
}

// doctype skips a declaration, with what it declares.
func (x *xmlReader) doctype() error {
	depth, quote := 1, byte(0)
	for depth > 0 {
		c, err := x.byte()
		switch {
		case err != nil:
			return err
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '<':
			if depth++; depth > maxDepth {
				return errDepth
			}
		case c == '>':
			depth--
		}
	}
	return nil
}

// skip reads to the end of what ends with end.
func (x *xmlReader) skip(end string) error {
	last := end[len(end)-1]
	var tail []byte
	for {
		part, err := x.r.ReadSlice(last)
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return unexpected(err)
		}
		tail = append(tail, part[max(0, len(part)-len(end)):]...)
		if err == nil && bytes.HasSuffix(tail, []byte(end)) {
			return nil
		}
		tail = append(tail[:0], tail[max(0, len(tail)-len(end)):]...)
	}
}

// word reads a name.
func (x *xmlReader) word() (string, error) {
	var name []byte
	for {
		c, err := x.byte()
		if err != nil {
			return "", err
		}
		if isSpace(c) || strings.IndexByte("=/><\"'&", c) >= 0 {
			if len(name) == 0 {
				return "", errXML
			}
			return string(name), x.r.UnreadByte()
		}
		if name = append(name, c); len(name) > maxWord {
			return "", errXML
		}
	}
}

// blank reads want, with blanks before it.
func (x *xmlReader) blank(want byte) error {
	c, err := x.solid()
	if err == nil && c != want {
		return errXML
	}
	return err
}

// solid is the next byte that is no blank.
func (x *xmlReader) solid() (byte, error) {
	for {
		c, err := x.byte()
		if err != nil || !isSpace(c) {
			return c, err
		}
	}
}

func (x *xmlReader) byte() (byte, error) {
	c, err := x.r.ReadByte()
	return c, unexpected(err)
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func local(name string) string { return name[strings.LastIndexByte(name, ':')+1:] }

// unentity appends text with XML's own entities and references to characters
// resolved. Others stay as they are written.
func unentity(dst, text []byte) []byte {
	for {
		i := bytes.IndexByte(text, '&')
		if i < 0 {
			return append(dst, text...)
		}
		dst, text = append(dst, text[:i]...), text[i:]
		end := bytes.IndexByte(text[:min(len(text), 12)], ';')
		r := rune(-1)
		if end > 0 {
			r = entity(string(text[1:end]))
		}
		if r < 0 {
			dst, text = append(dst, '&'), text[1:]
			continue
		}
		dst, text = utf8.AppendRune(dst, r), text[end+1:]
	}
}

func entity(name string) rune {
	switch name {
	case "lt":
		return '<'
	case "gt":
		return '>'
	case "amp":
		return '&'
	case "quot":
		return '"'
	case "apos":
		return '\''
	}
	digits, ok := strings.CutPrefix(name, "#")
	if !ok {
		return -1
	}
	base := 10
	if hex, ok := strings.CutPrefix(digits, "x"); ok {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	if err != nil || n > utf8.MaxRune {
		return -1
	}
	return rune(n)
}
