package annotate_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// BenchmarkReport reads reports and logs of 8 MB, each beside what the standard library
// takes to part the same into its words, or its lines. "x-floor" is how many
// times as long that is.
func BenchmarkReport(b *testing.B) {
	const size = 8 << 20
	for _, bench := range []struct {
		name  string
		data  io.Reader
		floor func(io.Reader) error
	}{
		{"junit", repeat("<testsuite>", greenXML, "</testsuite>", size), xmlWords},
		{"junit-red", repeat("<testsuite>", caseXML, "</testsuite>", size), xmlWords},
		{"gotest", repeat("", goLines, "", size), jsonValues},
		{"sarif", repeat(`{"runs":[{"results":[`, sarifLine, "{}]}]}", size), jsonValues},
		{"log", repeat("", "gcc -O2 -c x.c -o x.o\nok  \texample.com/x\t0.1s\nplain words: nothing of note 12:30\n\n    at some place with words\n", "", size), onlyLines},
		{"log-red", repeat("", "gcc -c x.c\nlib.go:3:1: undefined: x\nok  \texample.com/x\t0.1s\nplain words: nothing of note 12:30\n", "", size), onlyLines},
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
				if strings.HasPrefix(bench.name, "log") {
					for line := range bytes.Lines(data) {
						c.Line(line)
					}
				} else {
					c.Report("r", bytes.NewReader(data))
				}
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

const greenXML = `<testcase classname="com.acme.PetTest" name="legs" time="0.031"/>` + "\n"

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
