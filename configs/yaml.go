package configs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds a configuration file, in bytes.
const maxFile = 1 << 20

// setting is a key of a file as it stands there, or an element of a list.
type setting struct {
	name   string // GROUP.KEY
	source string // FILE:LINE
	kind   yaml.Kind
	value  string    // of a scalar
	parts  []setting // the elements of a list; the keys of a mapping
}

// listed are the elements of a list, or of a text that has commas between them,
// without the blanks around each. What check does not take is left out and goes
// to refuse.
func (s setting) listed(check func(string) error, refuse func(source, text string, err error)) []string {
	parts := s.parts
	if s.kind == yaml.ScalarNode {
		for part := range strings.SplitSeq(s.value, ",") {
			parts = append(parts, setting{source: s.source, value: part})
		}
	}
	out := []string{}
	for _, p := range parts {
		text := strings.TrimSpace(p.value)
		if err := check(text); err != nil {
			refuse(p.source, text, err)
			continue
		}
		out = append(out, text)
	}
	return out
}

// empty reports whether it is a list without elements.
func (s setting) empty() bool { return s.kind != yaml.ScalarNode && len(s.parts) == 0 }

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// yaml reads the settings of a file, in its order. Values keep the form in
// which they are written; a key without a value is left out.
func (l *loader) yaml(path string, data []byte) []setting {
	complain := func(source, format string, args ...any) {
		l.problems = append(l.problems, Problem{Source: source, Message: fmt.Sprintf(format, args...)})
	}
	if len(data) > maxFile {
		complain(path, "the configuration file is larger than 1 MiB; it is not one of Loktar's")
		return nil
	}
	var doc, more yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	err := dec.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil {
		if err := dec.Decode(&more); err == nil {
			complain(fmt.Sprintf("%s:%d", path, more.Line), "a second document starts here; keep one")
			return nil
		}
	}
	if err != nil {
		source, text := path, err.Error()
		if at := yamlLine.FindStringSubmatch(text); at != nil {
			text = text[len(at[0]):]
			if at[1] != "" {
				source += ":" + at[1]
			}
		}
		complain(source, "the file is not valid YAML: %s; correct it there", text)
		return nil
	}
	if len(doc.Content) == 0 {
		return nil
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		if root.Tag == "!!null" {
			return nil
		}
		complain(fmt.Sprintf("%s:%d", path, root.Line), "the file has to hold keys with values; write for example \"listen: 127.0.0.1:8080\"")
		return nil
	}
	return settings(path, "", root)
}

// settings are the settings of a mapping, those of groups included. What is
// said of a repository are parts that are named as those of events.
func settings(path, group string, n *yaml.Node) []setting {
	var out []setting
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], follow(n.Content[i+1])
		s := setting{name: group + k.Value, source: at(path, k), kind: v.Kind, value: v.Value}
		known, isKey := find(s.name)
		ownMap := s.name == repositories || s.name == registries || s.name == publish || s.name == secrets || s.name == slack
		top := group == "" && (isGroup(s.name) || ownMap)
		switch {
		case v.Kind == yaml.MappingNode && top && !ownMap:
			out = append(out, settings(path, s.name+".", v)...)
			continue
		case isNull(v) && known.empty:
			s.value = ""
		case isNull(v) && (isKey || top || s.name == artifactsStorage):
			continue
		case v.Kind == yaml.MappingNode && s.name == artifactsStorage:
			s.parts = tree(path, v, 1)
		case v.Kind == yaml.MappingNode && top && s.name == repositories:
			s.parts = repositoriesOf(path, v)
		case v.Kind == yaml.MappingNode && top && s.name == slack:
			s.parts = tree(path, v, 3)
		case v.Kind == yaml.MappingNode && top:
			s.parts = tree(path, v, 2)
		case v.Kind == yaml.SequenceNode:
			s.parts = elements(path, s.name, v)
		}
		out = append(out, s)
	}
	return out
}

func repositoriesOf(path string, n *yaml.Node) []setting {
	var out []setting
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], follow(n.Content[i+1])
		s := setting{name: k.Value, source: at(path, k), kind: v.Kind, value: v.Value}
		switch {
		case v.Kind == yaml.MappingNode:
			s.parts = settings(path, events, v)
		case isNull(v): // nothing differs
			s.kind = yaml.MappingNode
		}
		out = append(out, s)
	}
	return out
}

// tree are the keys of a mapping, with all below them down to depth: an alias
// may hold itself. A key without a value has kind 0.
func tree(path string, n *yaml.Node, depth int) []setting {
	var out []setting
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], follow(n.Content[i+1])
		s := setting{name: k.Value, source: at(path, k), kind: v.Kind, value: v.Value}
		switch {
		case isNull(v):
			s.kind, s.value = 0, ""
		case v.Kind == yaml.MappingNode && depth > 1:
			s.parts = tree(path, v, depth-1)
		case v.Kind == yaml.SequenceNode:
			s.parts = elements(path, s.name, v)
		}
		out = append(out, s)
	}
	return out
}

// elements are those of a list. One without a value is the empty text.
func elements(path, name string, n *yaml.Node) []setting {
	out := make([]setting, len(n.Content))
	for i, e := range n.Content {
		v := follow(e)
		out[i] = setting{name: name, source: at(path, e), kind: v.Kind}
		if !isNull(v) {
			out[i].value = v.Value
		}
	}
	return out
}

func follow(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

func at(path string, n *yaml.Node) string { return fmt.Sprintf("%s:%d", path, n.Line) }

// isGroup reports whether keys start with name and a dot.
func isGroup(name string) bool {
	for _, k := range keys {
		if len(k.name) > len(name) && k.name[:len(name)] == name && k.name[len(name)] == '.' {
			return true
		}
	}
	return false
}
