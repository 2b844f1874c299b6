package annotate

import (
	"errors"
	"io"
	"strings"
)

// Outline is a document as xmlReader reads it: its elements with their
// attributes, and its texts.
func Outline(r io.Reader) (string, error) {
	x := newXML(r)
	var b, text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			b.WriteString("text " + text.String() + "\n")
			text.Reset()
		}
	}
	for {
		t, err := x.next()
		if errors.Is(err, io.EOF) {
			return b.String(), nil
		}
		if err != nil {
			return b.String(), err
		}
		switch t.kind {
		case xmlText:
			text.Write(t.text)
			continue
		case xmlStart:
			flush()
			b.WriteString("start " + t.name)
			for _, a := range t.attrs {
				b.WriteString(" " + a.name + "=" + a.value)
			}
			b.WriteString("\n")
		case xmlEnd:
			flush()
			b.WriteString("end " + t.name + "\n")
		}
	}
}
