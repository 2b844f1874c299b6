package configs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds a configuration file, in bytes.
const maxFile = 1 << 20

// setting is a key of a file as it stands there.
type setting struct {
	name   string // GROUP.KEY
	source string // FILE:LINE
	value  string
	scalar bool
}

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

// settings are the settings of a mapping, those of groups included.
func settings(path, group string, n *yaml.Node) []setting {
	var out []setting
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		for v.Kind == yaml.AliasNode {
			v = v.Alias
		}
		name := group + k.Value
		switch {
		case v.Kind == yaml.MappingNode && group == "" && isGroup(k.Value):
			out = append(out, settings(path, name+".", v)...)
		case v.Kind == yaml.ScalarNode && v.Tag == "!!null" && (known(name) || group == "" && isGroup(name)):
		default:
			out = append(out, setting{name: name, source: fmt.Sprintf("%s:%d", path, k.Line), value: v.Value, scalar: v.Kind == yaml.ScalarNode})
		}
	}
	return out
}

func known(name string) bool {
	_, ok := find(name)
	return ok
}

// isGroup reports whether keys start with name and a dot.
func isGroup(name string) bool {
	for _, k := range keys {
		if len(k.name) > len(name) && k.name[:len(name)] == name && k.name[len(name)] == '.' {
			return true
		}
	}
	return false
}
