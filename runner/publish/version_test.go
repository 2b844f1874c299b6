package publish_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner/publish"
)

func TestTemplateVersions(t *testing.T) {
	values := publish.ValuesAt(7, time.Date(2026, 3, 4, 23, 0, 0, 0, time.FixedZone("", -3600)), "0123456789abcdef0123456789abcdef01234567")
	for _, tt := range []struct{ pkgType, template, want string }{
		{"docker", "{{.Next}}", "7"},
		{"docker", "v1.{{ .Next }}-{{.ShortSHA}}", "v1.7-0123456789ab"},
		{"jar", "{{.Date}}.{{.Next}}", "20260305.7"},
		{"whl", "v1.0.{{.Next}}", "1.0.7"},
		{"whl", "1.0.dev{{.Next}}+g{{.ShortSHA}}", "1.0.dev7+g0123456789ab"},
		{"whl", "01.{{.Next}}-RC.1", "1.7rc1"},
		{"file", "fixed", "fixed"},
	} {
		tmpl, err := publish.ParseTemplate(tt.pkgType, tt.template)
		if err != nil {
			t.Errorf("%s %q: %v", tt.pkgType, tt.template, err)
			continue
		}
		got, err := tmpl.Version(values)
		if err != nil || got != tt.want {
			t.Errorf("%s %q makes %q, %v, want %q", tt.pkgType, tt.template, got, err, tt.want)
		}
		if n, ok := tmpl.Number(got); strings.Contains(tt.template, "Next") && (!ok || n != 7) {
			t.Errorf("%s %q: the number of %q is %d, %v", tt.pkgType, tt.template, got, n, ok)
		}
	}
}

func TestTemplateRefuses(t *testing.T) {
	for _, tt := range []struct{ pkgType, template string }{
		{"docker", ""}, {"docker", "latest"}, {"docker", "1.0+{{.Next}}"}, {"docker", "-{{.Next}}"},
		{"docker", "{{.Next}}" + strings.Repeat("x", 130)}, {"docker", strings.Repeat("{{.Next}}", 400)},
		{"docker", "{{.Commit}}"}, {"docker", "{{.Next.X}}"}, {"docker", "{{printf \"%d\" .Next}}"},
		{"docker", "{{range .Date}}{{end}}"}, {"docker", "{{.Next | print}}"}, {"docker", "{{$x := .Next}}1"},
		{"docker", `{{define "a"}}1{{end}}1`}, {"docker", `{{template "version"}}`}, {"docker", "{{if .Next}}1{{end}}"},
		{"docker", "{{.Next"}, {"docker", "{{1}}"},
		{"whl", "1.0-{{.ShortSHA}}"}, {"whl", "release-{{.Next}}"},
		{"jar", "../{{.Next}}"}, {"jar", "a/{{.Next}}"}, {"file", ".."}, {"file", "{{.Next}}\n"},
	} {
		tmpl, err := publish.ParseTemplate(tt.pkgType, tt.template)
		if err == nil {
			t.Errorf("%s %.60q is a template: %+v", tt.pkgType, tt.template, tmpl)
			continue
		}
		wantKind(t, err, checks.KindRefused)
	}
}

func TestNumber(t *testing.T) {
	tmpl, err := publish.ParseTemplate("docker", "1.{{.Next}}-{{.Date}}")
	if err != nil {
		t.Fatal(err)
	}
	for version, want := range map[string]int64{
		"12": 12, "1.5-20260101": 5, "1.5-2026": 0, "01": 0, "0": 0, "-1": 0, "1.5": 0, "latest": 0, "x1.5-20260101": 0,
		"999999999999999999": 999999999999999999, "9999999999999999999": 0, "٣": 0,
	} {
		if n, ok := tmpl.Number(version); n != want || ok != (want != 0) {
			t.Errorf("the number of %q is %d, %v, want %d", version, n, ok, want)
		}
	}
}

func TestNext(t *testing.T) {
	for _, tt := range []struct {
		in   []int64
		want int64
	}{{nil, 1}, {[]int64{0, 0}, 1}, {[]int64{3, 8, 5}, 9}, {[]int64{-4}, 1}} {
		if n, err := publish.Next(tt.in...); err != nil || n != tt.want {
			t.Errorf("next of %v is %d, %v", tt.in, n, err)
		}
	}
	if _, err := publish.Next(math.MaxInt64); err == nil {
		t.Error("there is a version after the last")
	}
}

func TestReadTemplate(t *testing.T) {
	files := map[string]string{"VERSION": "  1.2.{{.Next}}\r\nmore\n", "sub/v": "3", "empty": "\n"}
	read := func(name string) ([]byte, error) {
		if text, ok := files[name]; ok {
			return []byte(text), nil
		}
		return nil, fmt.Errorf("read %s: %w", name, os.ErrNotExist)
	}
	for value, want := range map[string]string{
		"": "{{.Next}}", "2.{{.Next}}": "2.{{.Next}}", "VERSION": "1.2.{{.Next}}", "./sub//v": "3",
		"empty": "", "none": "", "../VERSION": "", "/etc/passwd": "", "sub/../../VERSION": "", ".": "", `..\x`: "",
	} {
		got, err := publish.ReadTemplate(value, read)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q gives %q, %v, want %q", value, got, err, want)
		}
		if value == "none" && !errors.Is(err, os.ErrNotExist) {
			t.Errorf("a missing file is %v", err)
		}
	}
}

// Whatever number a template put into a version is found in it again.
func TestNumberFindsNext(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]string{"docker", "whl", "jar"}).Draw(t, "kind")
		text := rapid.SampledFrom([]string{"{{.Next}}", "1.{{.Next}}", "v2.0.{{.Next}}", "{{.Date}}.{{.Next}}", "1.{{.Next}}.{{.Date}}", "3.{{.Next}}.post{{.Next}}"}).Draw(t, "template")
		next := rapid.Int64Range(1, 999_999_999_999).Draw(t, "next")
		at := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "at"), 0)
		tmpl, err := publish.ParseTemplate(kind, text)
		if err != nil {
			t.Fatal(err)
		}
		version, err := tmpl.Version(publish.ValuesAt(next, at, "abc"))
		if err != nil {
			t.Fatal(err)
		}
		if n, ok := tmpl.Number(version); !ok || n != next {
			t.Fatalf("%s: the number of %q is %d, %v, want %d", text, version, n, ok, next)
		}
	})
}

func FuzzTemplate(f *testing.F) {
	for _, text := range []string{"{{.Next}}", "1.0.{{ .Next }}+{{.ShortSHA}}", "{{.Date}}", "{{", `{{define "x"}}{{end}}`, "{{.Next}}{{.Next}}", "{{/**/}}1"} {
		for _, kind := range []string{"docker", "whl", "jar"} {
			f.Add(kind, text, "1.0.5")
		}
	}
	f.Fuzz(func(t *testing.T, kind, text, other string) {
		tmpl, err := publish.ParseTemplate(kind, text)
		if err != nil {
			return
		}
		tmpl.Number(other)
		version, err := tmpl.Version(publish.ValuesAt(3, time.Unix(0, 0), "abcdef0123456789"))
		if err != nil {
			return
		}
		if err := publish.CheckVersion(kind, version); err != nil || len(version) > 160 || strings.ContainsAny(version, "/\\ \n") {
			t.Errorf("%s %q makes %q: %v", kind, text, version, err)
		}
	})
}
