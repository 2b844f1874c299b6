package manifest

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/dudesons/loktar/checks"
)

// bound reports a file that is not to be read at all.
func (p *parser) bound() bool {
	switch {
	case len(p.data) > MaxSize:
		p.at(0, "", "the file has %d bytes, more than the %d that are read; list fewer packages, or move what they share into `defaults`", len(p.data), MaxSize)
	case len(bytes.TrimSpace(p.data)) == 0:
		p.at(0, "", "the file is empty; write {\"packages\": []} and list the packages in it")
	case bytes.HasPrefix(p.data, []byte("\xef\xbb\xbf")):
		p.at(0, "", "the file starts with a byte order mark; save it as UTF-8 without one")
	case bytes.HasPrefix(p.data, []byte("\xff\xfe")), bytes.HasPrefix(p.data, []byte("\xfe\xff")):
		p.at(0, "", "the file is UTF-16; save it as UTF-8")
	default:
		return false
	}
	return true
}

// malformed reports where and why the file is not JSON.
func (p *parser) malformed(err error) {
	var se *jsontext.SyntacticError
	if !errors.As(err, &se) {
		p.at(len(p.data), "", "the file ends too early; close what is open")
		return
	}
	off := min(int(se.ByteOffset), len(p.data))
	rest := p.data[off:]
	next := bytes.TrimLeft(rest[min(1, len(rest)):], " \t\r\n")
	what := se.Err.Error()
	remedy := "correct the file there"
	switch {
	case errors.Is(se.Err, io.ErrUnexpectedEOF), len(rest) == 0:
		what, remedy = "the file ends too early", "close every string, list and object that is open"
	case strings.HasPrefix(what, "invalid UTF-8"):
		what, remedy = "a byte is not UTF-8", "save the file as UTF-8"
	case errors.Is(se.Err, jsontext.ErrNonStringName), rest[0] == '\'', word(rest[0]) && strings.HasSuffix(what, "at start of value"):
		what, remedy = "a key or a word stands without quotes", "write keys and strings in double quotes"
		if rest[0] == '\'' {
			what = "single quotes are not JSON"
		}
	case rest[0] == '/' || rest[0] == '#':
		what, remedy = "comments are not JSON", "remove it"
	case rest[0] == ',' && len(next) > 0 && (next[0] == '}' || next[0] == ']'):
		what, remedy = "a comma stands before "+show(string(next[:1])), "remove the comma"
	case strings.Contains(what, "expecting ','") && (rest[0] == '"' || rest[0] == '{' || rest[0] == '['):
		what, remedy = "a comma is missing", "write one before "+show(string(rest[:1]))
	case strings.Contains(what, "expecting ':'"):
		what, remedy = "a colon is missing", "write one after the key"
	case strings.Contains(what, "non-control character"):
		what, remedy = "a string goes over the end of its line or holds a control character", "close it, or write \\n or \\t"
	case strings.Contains(what, "escape sequence"):
		remedy = "write \\\\ for a backslash"
	}
	what = strings.NewReplacer("`", "'", "\n", " ").Replace(what)
	p.at(off, "", "%s is not valid JSON: %s; %s", checks.ManifestFile, shorten(what), remedy)
}

func word(c byte) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
