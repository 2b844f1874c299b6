package annotate_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"testing"
	"time"
)

// BenchmarkReport reads reports of 8 MB, each beside what the standard library
// takes to part the same into its words, or its lines. "x-floor" is how many
// times as long that is.
func BenchmarkReport(b *testing.B) {
	const size = 8 << 20
	for _, bench := range []struct {
		name  string
		data  io.Reader
		floor func(io.Reader) error
	}{
		{"junit", repeat("<testsuite>", caseXML, "</testsuite>", size), xmlWords},
		{"gotest", repeat("", goLines, "", size), jsonValues},
		{"sarif", repeat(`{"runs":[{"results":[`, sarifLine, "{}]}]}", size), jsonValues},
		{"lines", repeat("", "gcc -c x.c\nlib.go:3:1: undefined: x\nok  \texample.com/x\t0.1s\nplain words: nothing of note 12:30\n", "", size), onlyLines},
	} {
		b.Run(bench.name, func(b *testing.B) {
			data, err := io.ReadAll(bench.data)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(data)))
			var took, floor time.Duration
			for b.Loop() {
				began := time.Now()
				c := collector("golib")
				c.Report("r", bytes.NewReader(data))
				took += time.Since(began)
				b.StopTimer()
				began = time.Now()
				if err := bench.floor(bytes.NewReader(data)); err != nil {
					b.Fatal(err)
				}
				floor += time.Since(began)
				b.StartTimer()
			}
			b.ReportMetric(float64(took)/float64(floor), "x-floor")
		})
	}
}

func xmlWords(r io.Reader) error {
	d := xml.NewDecoder(r)
	for {
		if _, err := d.RawToken(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func jsonValues(r io.Reader) error {
	d := json.NewDecoder(r)
	for {
		var v json.RawMessage
		if err := d.Decode(&v); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func onlyLines(r io.Reader) error {
	s := bufio.NewScanner(r)
	for s.Scan() {
		_ = len(s.Text())
	}
	return s.Err()
}
