package manifest_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dudesons/loktar/configs/manifest"
)

// large is a loktar.json of n packages as they are written.
func large(n int) []byte {
	var b strings.Builder
	b.WriteString("{\n  \"defaults\": {\"timeout\": \"10m\", \"env\": {\"CI\": \"true\"}},\n  \"global_inputs\": [\"go.mod\"],\n  \"packages\": [\n")
	for i := range n {
		fmt.Fprintf(&b, `    { "pkg_name": "package_%d", "pkg_dir": "services/group_%d/package_%d", "pkg_type": "docker",
      "test_type": "make", "type": "service", "inputs": ["proto/group_%d/**", "!**/*.md"],`, i, i%125, i, i%125)
		if i > 3 {
			fmt.Fprintf(&b, "\n      \"depends_on\": [\"package_%d\", \"package_%d\", \"package_%d\"],", i/2, i/3, i-1)
		}
		b.WriteString("\n      \"build_info\": { \"build_type\": \"url\", \"registry_type\": \"quay\", \"storage_type\": \"s3\" } }")
		if i < n-1 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
	}
	b.WriteString("  ]\n}\n")
	return []byte(b.String())
}

// BenchmarkParse reads 5,000 packages and, as the floor, the same bytes with
// encoding/json into a value of any type. x-floor is the ratio of the times.
func BenchmarkParse(b *testing.B) {
	data := large(5000)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	var floor, parse time.Duration
	for b.Loop() {
		var v any
		b.StopTimer()
		start := time.Now()
		if err := json.Unmarshal(data, &v); err != nil {
			b.Fatal(err)
		}
		floor += time.Since(start)
		b.StartTimer()
		start = time.Now()
		if _, ps := manifest.Parse(data, manifest.Options{}); ps != nil {
			b.Fatal(ps)
		}
		parse += time.Since(start)
	}
	b.ReportMetric(float64(len(data))*float64(b.N)/1e6/floor.Seconds(), "floor-MB/s")
	b.ReportMetric(float64(parse)/float64(floor), "x-floor")
}
