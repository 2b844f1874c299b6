package infer

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"
)

// ownFile matches the files of these names in a package's own folder alone: a
// folder below it with a file of its own is another module.
func ownFile(names ...string) func(dir, file string) bool {
	return func(dir, file string) bool {
		return path.Dir(file) == path.Clean(dir) && slices.Contains(names, path.Base(file))
	}
}

// pathBeside is what the relative path rel means in a file of the repository,
// from the root and clean. It is false of an absolute path and of one that
// leaves the repository.
func pathBeside(file, rel string) (string, bool) {
	if path.IsAbs(rel) || strings.IndexByte(rel, 0) >= 0 {
		return "", false
	}
	p := path.Join(path.Dir(file), rel)
	if p == ".." || strings.HasPrefix(p, "../") {
		return "", false
	}
	return p, true
}

// trimBOM is data without a UTF-8 byte order mark at its start.
func trimBOM(data []byte) []byte {
	return bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
}

// lineCounter tells the lines of offsets. Offsets that grow cost one reading
// of the data in all.
type lineCounter struct {
	data      []byte
	off, line int // line counts from 0
}

// at is the line of an offset, from 1.
func (c *lineCounter) at(off int) int {
	off = min(off, len(c.data))
	if off < c.off {
		c.off, c.line = 0, 0
	}
	c.line += bytes.Count(c.data[c.off:off], []byte{'\n'})
	c.off = off
	return c.line + 1
}

// problemf is the error of a parser about a line. What it says comes in part
// from the file, so it is made one short line without control characters.
func problemf(line int, format string, args ...any) error {
	const most = 300
	var text strings.Builder
	for _, r := range strings.Join(strings.Fields(fmt.Sprintf(format, args...)), " ") {
		if !unicode.IsPrint(r) {
			r = '?'
		}
		if text.Len() >= most {
			text.WriteString("...")
			break
		}
		text.WriteRune(r)
	}
	return fmt.Errorf("line %d: %s", max(1, line), text.String())
}

// inOrder sorts the needs of a file by their lines.
func inOrder(f Facts) Facts {
	slices.SortStableFunc(f.Needs, func(a, b Need) int { return a.Line - b.Line })
	return f
}
