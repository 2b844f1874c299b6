package manifest_test

import (
	"bytes"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/configs/manifest"
)

func FuzzParse(f *testing.F) {
	f.Add([]byte(first))
	f.Add([]byte(every))
	for _, c := range broken {
		f.Add([]byte(c.file))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, ps := manifest.Parse(data, tree)
		if (m == nil) == (len(ps) == 0) {
			t.Fatalf("manifest %v and %d problems", m, len(ps))
		}
		all := ps
		if m != nil {
			all = m.Warnings
		}
		text := bytes.Split(data, []byte{'\n'})
		for _, p := range all {
			if p.Line < 1 || p.Line > len(text) || p.Column < 1 || p.Column > utf8.RuneCount(text[p.Line-1])+1 {
				t.Errorf("%d:%d is not in the file", p.Line, p.Column)
			}
			if p.Message == "" || !utf8.ValidString(p.Message) || bytes.ContainsAny([]byte(p.Message), "\n\r\x00\x1b") {
				t.Errorf("message %q", p.Message)
			}
		}
		again, psAgain := manifest.Parse(data, tree)
		if diff := cmp.Diff(m, again); diff != "" {
			t.Errorf("another manifest the second time:\n%s", diff)
		}
		if diff := cmp.Diff(ps, psAgain); diff != "" {
			t.Errorf("other problems the second time:\n%s", diff)
		}
	})
}
