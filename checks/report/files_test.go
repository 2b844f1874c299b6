package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dudesons/loktar/checks"
)

func TestFilesInCheck(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	r := checks.Result{Outcome: checks.OutcomeFailed, Detail: "`make ci` exited with 1.", Artifacts: []checks.Artifact{
		{Name: "reports/junit.xml", Kind: checks.KindReport, SHA256: sum, Size: 1234},
		{Name: `shots/[x](evil) |<b>@ann/100%.png`, Kind: checks.KindArtifact, SHA256: sum, Size: 0},
	}}
	got := Package(testRun(), ended(testJob("lib"), r, time.Second), base).Summary
	for _, want := range []string{
		"| File | Kind | SHA-256 | Bytes |\n| --- | --- | --- | ---: |\n",
		"| [reports/junit.xml](https://ci.example.org/runs/r1/lib/files/reports/junit.xml) | report | `abababababab` | 1234 |\n",
		"](https://ci.example.org/runs/r1/lib/files/shots/%5Bx%5D%28evil%29%20%7C%3Cb%3E@ann/100%25.png) | artifact | `abababababab` | 0 |\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	for _, bad := range []string{"[x](evil)", "<b>", " |<"} {
		if strings.Contains(got, bad) {
			t.Errorf("%q in\n%s", bad, got)
		}
	}

	r.Artifacts = nil
	for i := range 1000 {
		r.Artifacts = append(r.Artifacts, checks.Artifact{Name: fmt.Sprint(i, strings.Repeat("x", 500)), Kind: checks.KindReport, SHA256: sum, Size: 1})
	}
	j := ended(testJob("lib"), r, time.Second)
	j.CarriedFrom = "r0"
	got = Package(testRun(), j, base).Summary
	if n := strings.Count(got, "| report |"); n != 20 || !strings.Contains(got, "[980 more files](https://ci.example.org/runs/r0/lib) on the job's page.") {
		t.Errorf("%d files in\n%s", n, got)
	}
	if !strings.Contains(got, "[Open the log](") {
		t.Error("the log is not there any more")
	}
}

func TestItemsInCheck(t *testing.T) {
	r := checks.Result{Outcome: checks.OutcomePassed, Version: "1.2", Items: []checks.PublishedItem{
		{Name: "a.whl", URL: "https://pypi.example.com/a b(1)|.whl", SHA256: "abc", Size: 5},
		{Name: "image", URL: "registry.example.com/image:1.2", Digest: "sha256:def"},
		{Name: "x|y", URL: "javascript:alert(1)", SHA256: "0"},
		{Name: "v1.2", URL: "https://github.com/acme/pets/releases/tag/v1.2"},
	}}
	j := ended(testJob("lib / publish"), r, time.Second)
	j.Release = &checks.Release{Package: "lib"}
	got := Package(testRun(), j, base).Summary
	for _, want := range []string{
		"**Published:** version `1.2`\n\n| File | SHA-256 or digest | Bytes |",
		"| [a.whl](https://pypi.example.com/a%20b%281%29%7C.whl) | `abc` | 5 |\n",
		"| `image` at `registry.example.com/image:1.2` | `sha256:def` |  |\n",
		"| <code>x&#124;y</code> at `javascript:alert(1)` | `0` |  |\n",
		"\n**At GitHub:** [v1.2](https://github.com/acme/pets/releases/tag/v1.2)\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}
