package docker_test

import (
	"testing"
	"time"

	"github.com/dudesons/loktar/runner/docker"
)

// BenchmarkService runs a trivial job with one service and one without in turn.
// ratio is the one's time by the other's; ms/PART is where the time of the one
// with a service goes.
func BenchmarkService(b *testing.B) {
	spent := map[string]time.Duration{}
	counts := false
	bed := benchUp(b, docker.Timed(func(part string, took time.Duration) {
		if counts {
			spent[part] += took
		}
	}))
	with := bed.with("nc -ll -p 7000 -e echo pong", "7000", "make ci")
	without := bed.task("make ci")
	bed.run(without) // warm
	bed.run(with)
	var one, other time.Duration
	for b.Loop() {
		began := time.Now()
		counts = true
		if exit, out := bed.run(with); exit.Code != 0 {
			b.Fatalf("exit %+v\n%s", exit, out)
		}
		counts = false
		middle := time.Now()
		if exit, out := bed.run(without); exit.Code != 0 {
			b.Fatalf("exit %+v\n%s", exit, out)
		}
		one, other = one+middle.Sub(began), other+time.Since(middle)
	}
	b.ReportMetric(one.Seconds()/other.Seconds(), "ratio")
	for _, part := range []string{"network", "services", "create", "start", "remove"} {
		b.ReportMetric(spent[part].Seconds()*1000/float64(b.N), "ms/"+part)
	}
}
