package redact_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dudesons/loktar/runner/redact"
)

// output is what compilers and tests print, in the pieces that an engine sends.
func output() []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < 32<<10; i++ {
		fmt.Fprintf(&b, "=== RUN   TestNumber%d/with_a_name\n    helper_test.go:%d: compared 0x%08x with c2VjcmV0 in %d ms\ngcc -O2 -c -o build/part%d.o src/part%d.c\n", i, i%400, i*7919, i%90, i, i)
	}
	return b.Bytes()
}

// The floor is a copy of the same bytes into a buffer.
func BenchmarkStream(b *testing.B) {
	text := output()
	var key strings.Builder
	key.WriteString("-----BEGIN PRIVATE KEY-----\n")
	for i := range 27 {
		key.WriteString(b64(fmt.Sprintf("%048d", i*i*7919)) + "\n")
	}
	for _, n := range []int{1, 10, 100} {
		for name, value := range map[string]string{"tokens": "", "keys": key.String()} {
			values := make([]string, n)
			for i := range values {
				values[i] = fmt.Sprintf("ghp_%dabcdefghijKLMNOP%d", i*7919, i)
			}
			if value != "" {
				values[0] = value
			}
			b.Run(fmt.Sprintf("%d/%s", n, name), func(b *testing.B) {
				set := redact.New(values...)
				st := set.Stream()
				out := make([]byte, 0, 64<<10)
				var floor time.Duration
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					out = out[:0]
					st.Write(text, func(p []byte) { out = append(out, p...) })
				}
				const rounds = 2000
				began := time.Now()
				for range rounds {
					out = append(out[:0], text...)
				}
				floor = time.Since(began) / rounds
				b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(floor), "x-of-a-copy")
			})
		}
	}
}
