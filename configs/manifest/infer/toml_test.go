package infer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTOMLValues(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		want []string // line key = text, the parts of a key joined by /
		err  string
	}{
		"empty": {"", nil, ""},
		"tables and dotted keys": {
			"a = 'x'\n\n[t.\"u.v\"]\nb.c = \"y\\u0041\" # why\nd = true\n[[l]]\ne = 'z'\n[[l]]\ne = 'w'\n",
			[]string{"1 a = x", "4 t/u.v/b/c = yA", "5 t/u.v/d = true!", "7 l/e = z", "9 l/e = w"}, ""},
		"lists and inline tables": {
			"[project]\ndependencies = [\n  \"a>=1\", # one\n\n  'b',\n]\nx = { p = \"../q\", o = [{ r = 's' }], f = false }\n",
			[]string{"3 project/dependencies = a>=1", "5 project/dependencies = b", "7 project/x/p = ../q", "7 project/x/o/r = s", "7 project/x/f = false!"}, ""},
		"strings over many lines": {"a = \"\"\"\nx\ny\"\"\"\nb = '''z'''\n", []string{"1 a = x\ny", "4 b = z"}, ""},
		"other types":             {"a = 1\nb = 1.5\nc = 1979-05-27\nd = inf\ne = 0x1f\nf = 07:32:00\ng = ''\n", []string{"7 g = "}, ""},
		"byte order mark, CRLF":   {"\xef\xbb\xbfa = 'x'\r\nb = 'y'\r\n", []string{"1 a = x", "2 b = y"}, ""},
		"a key twice":             {"a = 'x'\na = 'y'\n", []string{"1 a = x", "2 a = y"}, ""},
		"no end of line":          {"a = 'x'", []string{"1 a = x"}, ""},
		"deep keys are left out":  {"[" + strings.Repeat("a.", 11) + "a]\nb = 'x'\n[c]\nd = 'y'\n", []string{"4 c/d = y"}, ""},

		"no value":         {"a = 'x'\nb =\n", nil, "line 2: this is not valid TOML: unexpected character the end of the line at start of value"},
		"open string":      {"a = 'x'\nb = \"y\nc = 'z'\n", nil, "line 2: this is not valid TOML: basic strings cannot have new lines"},
		"open list":        {"a = [\n'x',\n", nil, "line 2: this is not valid TOML: array is incomplete"},
		"open table":       {"[a\nb = 'x'\n", nil, "line 1: this is not valid TOML: expected ']' to close table name"},
		"conflict markers": {"[a]\n<<<<<<< HEAD\nb = 'x'\n", nil, "line 2: this is not valid TOML: invalid character at start of key: U+003C '<'"},
	} {
		t.Run(name, func(t *testing.T) {
			values, err := tomlValues([]byte(c.file))
			var got []string
			for _, v := range values {
				text := fmt.Sprintf("%d %s = %s", v.line, strings.Join(v.key, "/"), v.text)
				if v.isBool {
					text += "!"
				}
				got = append(got, text)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
			if text := parseErrText(err); text != c.err {
				t.Errorf("error %q, want %q", text, c.err)
			}
		})
	}
}

func TestTOMLValueAt(t *testing.T) {
	v := tomlValue{key: []string{"a", "b"}}
	if !v.at("a", "b") || v.at("a") || v.at("a", "b", "c") || !v.under("a") || !v.under() || !v.under("a", "b") || v.under("b") || v.under("a", "b", "c") {
		t.Error("a key does not compare")
	}
}

// A small file cannot ask for memory that grows with the square of its size.
func TestTOMLHostile(t *testing.T) {
	for name, file := range map[string]string{
		"a long table name": "[" + strings.Repeat("a.", 100_000) + "a]\n" + strings.Repeat("b=''\n", 50_000),
		"deep lists":        "a = " + strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000),
		"deep tables":       "a = " + strings.Repeat("{a=", 9_000) + "''" + strings.Repeat("}", 9_000),
	} {
		if _, err := tomlValues([]byte(file)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := tomlValues([]byte("a = " + strings.Repeat("[", 1_000_000))); err == nil {
		t.Error("a million open lists are read")
	}
}

func FuzzTOML(f *testing.F) {
	f.Add([]byte("[a.b]\nc = {d = ['e', true], f.g = \"h\"}\n[[i]]\nj = '''k\n'''\n"))
	f.Add([]byte("a = [\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		values, err := tomlValues(data)
		checkError(t, data, err)
		last := 0
		for _, v := range values {
			if v.line < max(1, last) || v.line > lineCount(data) {
				t.Errorf("line %d of %d after line %d", v.line, lineCount(data), last)
			}
			last = v.line
			if len(v.key) == 0 || len(v.key) > tomlDepth || v.isBool && v.text != "true" && v.text != "false" {
				t.Errorf("%+v", v)
			}
		}
	})
}
