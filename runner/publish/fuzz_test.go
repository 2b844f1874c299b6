package publish_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/dudesons/loktar/runner/publish"
)

func FuzzNormalVersion(f *testing.F) {
	for _, v := range []string{"1.0", "v1.0-RC.1", "1!2.post", "1.0.dev3+a_b.01", "1-2", "1.0.0", "x"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v string) {
		n, ok := publish.NormalVersion(v)
		if !ok {
			return
		}
		if again, ok := publish.NormalVersion(n); !ok || again != n {
			t.Errorf("%q is normally %q, and that %q, %v", v, n, again, ok)
		}
		if !publish.SameVersion(v, n) {
			t.Errorf("%q is not %q", v, n)
		}
	})
}

func TestSameVersion(t *testing.T) {
	for _, pair := range [][2]string{{"1", "1.0"}, {"1.0.0", "v01"}, {"1.0rc1", "1.0.0-C1"}, {"1.0.post2", "1-2"}, {"1.0+a.b", "1+A_b"}, {"10", "10.0.0"}} {
		if !publish.SameVersion(pair[0], pair[1]) {
			t.Errorf("%q is not %q", pair[0], pair[1])
		}
	}
	for _, pair := range [][2]string{{"1", "10"}, {"1.0", "1.0.1"}, {"1", "1!1"}, {"1a1", "1b1"}, {"1", "x"}, {"x", "x"}} {
		if publish.SameVersion(pair[0], pair[1]) {
			t.Errorf("%q is %q", pair[0], pair[1])
		}
	}
}

func FuzzMetadata(f *testing.F) {
	f.Add([]byte("Metadata-Version: 2.1\nName: a\nVersion: 1\nDescription: x\n        y\n\nbody"))
	f.Add([]byte(" x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		name, err := publish.ParseMetadata(data, "Name")
		if err == nil && len(name) > len(data)+1 {
			t.Errorf("the name %q is longer than all", name)
		}
	})
}

func FuzzIndex(f *testing.F) {
	for _, kind := range []string{"text/html", "application/vnd.pypi.simple.v1+json"} {
		f.Add(kind, []byte(`<!DOCTYPE html><body><a href="../../f/a-1.tar.gz#sha256=00">a-1.tar.gz</a><br></body>`))
		f.Add(kind, []byte(`{"files":[{"filename":"a-1.tar.gz","url":"javascript:x","hashes":{"sha256":"zz"}}]}`))
	}
	at, _ := url.Parse("https://pypi.example.com/simple/a/")
	f.Fuzz(func(t *testing.T, kind string, data []byte) {
		if _, sound, _ := publish.ParseIndex(kind, data, at); !sound {
			t.Error("a file has a bad URL or digest")
		}
	})
}

func FuzzFields(f *testing.F) {
	f.Add([]byte{0x0a, 2, 8, 1, 0x15, 1, 2, 3, 4})
	f.Fuzz(func(t *testing.T, data []byte) {
		total := 0
		_ = publish.Fields(data, func(number int, value []byte) { total += len(value) })
		if total > len(data) {
			t.Errorf("%d bytes of %d", total, len(data))
		}
	})
}

func FuzzIgnored(f *testing.F) {
	f.Add("*.log\n!a\n**/x\n", "a/x")
	f.Fuzz(func(t *testing.T, rules, name string) {
		if !publish.CleanName(name) {
			return
		}
		if out, err := publish.Ignored(strings.ReplaceAll(rules, "!", ""), name); err == nil && !out {
			if again, err := publish.Ignored(strings.ReplaceAll(rules, "!", "")+"\n**\n", name); err == nil && !again {
				t.Errorf("%q is not ignored by **", name)
			}
		}
	})
}

func FuzzBranch(f *testing.F) {
	f.Add("feature/jürgen#1", "%2F")
	f.Fuzz(func(t *testing.T, a, b string) {
		if (publish.EscapeBranch(a) == publish.EscapeBranch(b)) != (a == b) {
			t.Errorf("%q and %q are written alike", a, b)
		}
	})
}
