package infer

import (
	"errors"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// tomlValue is a string or a boolean of a TOML file.
type tomlValue struct {
	// key is the whole dotted path, that of the tables around it included. An
	// element of a list has the path of its list, so the strings of
	// `[project] dependencies = [...]` all have project, dependencies.
	key    []string
	text   string // what the string says; "true" or "false" of a boolean
	isBool bool
	line   int // of the value's first byte, from 1
}

// tomlDepth bounds the parts of a key. The files that are read here need
// seven (tool.poetry.group.dev.dependencies.NAME.path); without a bound a
// small hostile file would cost much memory.
const tomlDepth = 12

// at reports whether the value's path is exactly key.
func (v tomlValue) at(key ...string) bool {
	return len(v.key) == len(key) && v.under(key...)
}

// under reports whether the value's path is key or starts with it.
func (v tomlValue) under(key ...string) bool {
	if len(v.key) < len(key) {
		return false
	}
	for i, k := range key {
		if v.key[i] != k {
			return false
		}
	}
	return true
}

// tomlValues is every string and boolean of a TOML 1.0 file, in the order of
// the file. Values of other types and those with a path of more than
// tomlDepth parts are left out. A key that stands twice gives its values
// twice: to ask for too much is safe. An error names its line.
func tomlValues(data []byte) ([]tomlValue, error) {
	data = trimBOM(data)
	t := tomlReader{lines: lineCounter{data: data}}
	t.p.Reset(data)
	var table []string
	for t.p.NextExpression() {
		e := t.p.Expression()
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			t.key = appendKey(t.key[:0], e.Key())
			table = append(table[:0], t.key...)
		case unstable.KeyValue:
			t.key = append(t.key[:0], table...)
			t.pair(e)
		}
	}
	if err := t.p.Error(); err != nil {
		line := t.lines.at(len(data))
		var pe *unstable.ParserError
		if errors.As(err, &pe) {
			line = t.lines.at(int(t.p.Range(pe.Highlight).Offset))
		}
		return nil, problemf(line, "this is not valid TOML: %s", strings.ReplaceAll(err.Error(), "U+000A", "the end of the line"))
	}
	return t.values, nil
}

type tomlReader struct {
	p      unstable.Parser
	lines  lineCounter
	key    []string // of the value that is being read
	values []tomlValue
}

// pair reads `key = value`, which stands in the table t.key.
func (t *tomlReader) pair(n *unstable.Node) {
	mark := len(t.key)
	t.key = appendKey(t.key, n.Key())
	if len(t.key) <= tomlDepth {
		t.value(n.Value())
	}
	t.key = t.key[:mark]
}

func (t *tomlReader) value(n *unstable.Node) {
	switch n.Kind {
	case unstable.String, unstable.Bool:
		t.values = append(t.values, tomlValue{
			key:    append([]string(nil), t.key...),
			text:   string(n.Data),
			isBool: n.Kind == unstable.Bool,
			line:   t.lines.at(int(n.Raw.Offset)),
		})
	case unstable.Array:
		for it := n.Children(); it.Next(); {
			t.value(it.Node())
		}
	case unstable.InlineTable:
		for it := n.Children(); it.Next(); {
			t.pair(it.Node())
		}
	}
}

// appendKey appends the parts of a dotted key, at most one more than count.
func appendKey(key []string, parts unstable.Iterator) []string {
	for parts.Next() && len(key) <= tomlDepth {
		key = append(key, string(parts.Node().Data))
	}
	return key
}
