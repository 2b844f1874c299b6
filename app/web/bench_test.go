package web

import (
	"bytes"
	"fmt"
	"io"
	"testing"
)

func benchLog(colored bool) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < 4<<20; i++ {
		text := fmt.Sprintf("building target %d of many: src/package/file_%d.c -> obj/file_%d.o", i, i, i)
		if colored {
			text = "\x1b[32mok\x1b[0m " + text + " \x1b[1;31m<warning>\x1b[0m"
		}
		fmt.Fprintf(&b, "2026-11-22T10:00:01.000000001Z %s\n", text)
	}
	return b.Bytes()
}

func BenchmarkCopy(b *testing.B) {
	log := benchLog(false)
	b.SetBytes(int64(len(log)))
	for b.Loop() {
		if _, err := io.Copy(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{bytes.NewReader(log)}); err != nil {
			b.Fatal(err)
		}
	}
}

func benchRender(b *testing.B, colored bool) {
	log := benchLog(colored)
	b.SetBytes(int64(len(log)))
	s := &server{}
	for b.Loop() {
		if _, err := s.writeLog(io.Discard, bytes.NewReader(log), mark{Line: 1}, true); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRenderPlain(b *testing.B)   { benchRender(b, false) }
func BenchmarkRenderColours(b *testing.B) { benchRender(b, true) }
