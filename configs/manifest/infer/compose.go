package infer

import (
	"bytes"
	"errors"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/shell"
	"go.yaml.in/yaml/v3"
)

// composeParser reads the compose files of a package's folder:
// docker-compose*.yml and compose.yml with its variants, or .yaml.
//
// The package of a service's name is needed, that of its image, those that own
// its build context, its Dockerfile, its additional contexts and the file that
// it extends. Included files count as part of the file. Variables get the
// defaults that stand beside them; an .env file is not read. Files of the
// first version, without `services`, are read too.
var composeParser = parser{
	kind: Compose,
	match: func(dir, file string) bool {
		return path.Dir(file) == dir && composeFile.MatchString(path.Base(file))
	},
	folders:   []string{"."},
	parse:     func(_, file string, data []byte) (Facts, error) { return parseCompose(file, data) },
	name:      imageName,
	byPackage: true,
}

var composeFile = regexp.MustCompile(`^(docker-compose.*|compose([._-].*)?)\.ya?ml$`)

// maxNodes bounds the values of a compose file that are looked at, aliases
// followed: a small file can stand for very many.
const maxNodes = 500_000

// composeKeys are the top-level keys that are no services in a file of the
// first version.
var composeKeys = []string{"version", "name", "include", "services", "networks", "volumes", "configs", "secrets", "models"}

func parseCompose(file string, data []byte) (Facts, error) {
	c := composeReader{file: file, words: expander{lex: shell.NewLex('\\')}, lines: bytes.Count(data, []byte("\n")) + 1}
	c.words.lex.SkipProcessQuotes = true
	for dec := yaml.NewDecoder(bytes.NewReader(data)); ; {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Facts{}, c.invalid(err)
		}
		if len(doc.Content) > 0 {
			if err := c.document(doc.Content[0]); err != nil {
				return Facts{}, err
			}
		}
	}
	if c.nodes > maxNodes {
		return Facts{}, problemf(1, "this file holds more than %d values with its aliases, so it is not read", maxNodes)
	}
	if err := c.words.problem(); err != nil {
		return Facts{}, err
	}
	return inOrder(c.facts), nil
}

type composeReader struct {
	file  string
	lines int
	words expander
	nodes int
	facts Facts
}

var yamlLine = regexp.MustCompile(`line (\d+): `)

// invalid is the error of the YAML parser, which names its line in words.
func (c *composeReader) invalid(err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if m := yamlLine.FindStringSubmatchIndex(text); m != nil {
		if n, err := strconv.Atoi(text[m[2]:m[3]]); err == nil {
			line = min(n, c.lines)
		}
		text = text[:m[0]] + text[m[1]:]
	}
	return problemf(line, "this is not valid YAML: %s", text)
}

func (c *composeReader) document(root *yaml.Node) error {
	root = c.follow(root)
	if root == nil || root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return nil
	}
	if root.Kind != yaml.MappingNode {
		return problemf(c.line(root), "this is not a compose file: it holds no mapping of services")
	}
	top := c.pairs(root, 0)
	hasServices := false
	for _, p := range top {
		switch p.key {
		case "services":
			hasServices = true
			for _, s := range c.pairs(p.value, 0) {
				c.service(s)
			}
		case "version", "networks", "volumes", "configs", "secrets", "models":
			hasServices = hasServices || p.key == "version"
		case "include":
			for _, item := range c.items(p.value) {
				c.includes(item)
			}
		}
	}
	for _, p := range top {
		if !hasServices && !slices.Contains(composeKeys, p.key) && !strings.HasPrefix(p.key, "x-") {
			if v := c.follow(p.value); v != nil && v.Kind == yaml.MappingNode {
				c.service(p)
			}
		}
	}
	return nil
}

// includes reads one element of `include`: a path, or `path` with one or more.
func (c *composeReader) includes(item *yaml.Node) {
	list := []*yaml.Node{item}
	if item.Kind == yaml.MappingNode {
		list = nil
		for _, p := range c.pairs(item, 0) {
			if p.key != "path" {
				continue
			}
			if list = c.items(p.value); list == nil {
				list = []*yaml.Node{p.value}
			}
		}
	}
	for _, n := range list {
		if to, ok := c.place(n, "."); ok {
			c.facts.Includes = append(c.facts.Includes, Include{Path: to, Line: c.line(n)})
		}
	}
}

func (c *composeReader) service(s pair) {
	if s.key != "" {
		c.facts.Needs = append(c.facts.Needs, Need{Name: s.key, Line: s.line})
	}
	for _, p := range c.pairs(s.value, 0) {
		switch p.key {
		case "image":
			c.image(p.value)
		case "build":
			c.build(p.value)
		case "extends":
			for _, e := range c.pairs(p.value, 0) {
				if e.key == "file" {
					c.path(e.value, ".")
				}
			}
		}
	}
}

// build reads a context, or a mapping with one.
func (c *composeReader) build(n *yaml.Node) {
	n = c.follow(n)
	if n == nil || n.Kind != yaml.MappingNode {
		c.path(n, ".")
		return
	}
	context := "."
	pairs := c.pairs(n, 0)
	for _, p := range pairs {
		if p.key == "context" {
			c.path(p.value, ".")
			if v := c.follow(p.value); v != nil && v.Kind == yaml.ScalarNode {
				context = v.Value
			}
		}
	}
	for _, p := range pairs {
		switch p.key {
		case "dockerfile":
			if contexts := c.words.expand(context); len(contexts) > 0 && !remote(contexts[0]) {
				c.path(p.value, contexts[0])
			}
		case "dockerfile_inline":
			if v := c.follow(p.value); v != nil && v.Kind == yaml.ScalarNode {
				inline, err := parseDockerfile([]byte(v.Value))
				if err != nil {
					continue // docker reports it
				}
				for _, need := range inline.Needs {
					c.facts.Needs = append(c.facts.Needs, Need{Name: need.Name, Line: p.line})
				}
			}
		case "additional_contexts":
			for _, a := range c.pairs(p.value, 0) {
				c.context(a.value, "")
			}
			for _, item := range c.items(p.value) {
				if _, place, ok := strings.Cut(item.Value, "="); ok {
					c.context(item, place)
				}
			}
		}
	}
}

// context reads a named build context: a folder, or an image with a scheme.
// The text is the node's own where place is "".
func (c *composeReader) context(n *yaml.Node, place string) {
	if n = c.follow(n); n == nil || n.Kind != yaml.ScalarNode {
		return
	}
	at := *n
	if place != "" {
		at.Value = place
	}
	if image, ok := strings.CutPrefix(at.Value, "docker-image://"); ok {
		at.Value = image
		c.image(&at)
		return
	}
	if !strings.HasPrefix(at.Value, "service:") {
		c.path(&at, ".")
	}
}

func (c *composeReader) image(n *yaml.Node) {
	if n = c.follow(n); n != nil && n.Kind == yaml.ScalarNode {
		c.facts.Needs = append(c.facts.Needs, c.words.images(n.Value, c.line(n))...)
	}
}

func (c *composeReader) path(n *yaml.Node, base string) {
	if n = c.follow(n); n == nil {
		return
	}
	if to, ok := c.place(n, base); ok {
		c.facts.Needs = append(c.facts.Needs, Need{Path: to, Line: c.line(n)})
	}
}

// place is the path from the root that a value names, which counts from base,
// and base from the file's folder.
func (c *composeReader) place(n *yaml.Node, base string) (string, bool) {
	if n = c.follow(n); n == nil || n.Kind != yaml.ScalarNode || n.Value == "" {
		return "", false
	}
	for _, text := range c.words.expand(n.Value) {
		if remote(text) || strings.Contains(text, unknown) || path.IsAbs(text) || path.IsAbs(base) {
			continue
		}
		if to, ok := pathBeside(c.file, path.Join(base, text)); ok {
			return to, true
		}
	}
	return "", false
}

// remote reports whether a context is not of this file system.
func remote(text string) bool {
	return strings.Contains(text, "://") || strings.HasPrefix(text, "git@") || strings.HasPrefix(text, "~")
}
