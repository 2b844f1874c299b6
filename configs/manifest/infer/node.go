package infer

import (
	"bytes"
	"errors"
	"io"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// nodeParser reads the package.json in a package's own folder.
//
// A package provides its name and needs what dependencies, devDependencies,
// peerDependencies, optionalDependencies and bundleDependencies name. A name
// with a version counts too: where a workspace has a package of that name, npm,
// yarn and pnpm take it before the registry's. What overrides and resolutions
// (of yarn and pnpm too) put in a package's place counts where it is a folder.
// `workspaces` tells where packages are and needs none of them.
var nodeParser = parser{
	kind:    Node,
	match:   ownFile("package.json"),
	folders: []string{"."},
	parse:   parseNode,
}

func parseNode(_, file string, data []byte) (Facts, error) {
	data = trimBOM(data)
	p := packageJSON{
		file:  file,
		lines: lineCounter{data: data},
		// As in JavaScript: a key may stand twice, and a byte that is not
		// UTF-8 is read as U+FFFD.
		dec: jsontext.NewDecoder(bytes.NewBuffer(data), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)),
	}
	kind := p.dec.PeekKind()
	err := p.object(p.member)
	if err == nil {
		// Nothing may follow.
		if _, err = p.dec.ReadToken(); errors.Is(err, io.EOF) {
			err = nil
		} else if err == nil {
			err = &jsontext.SyntacticError{ByteOffset: p.dec.InputOffset(), Err: errors.New("the file goes on after its end")}
		}
	}
	if err != nil {
		return Facts{}, p.problem(err)
	}
	if kind != '{' {
		return Facts{}, problemf(1, "the file must hold a JSON object, as {\"name\": \"...\"}")
	}
	return p.facts, nil
}

type packageJSON struct {
	file  string
	dec   *jsontext.Decoder
	lines lineCounter
	facts Facts
}

// member reads a member of the outermost object.
func (p *packageJSON) member(key string) error {
	switch key {
	case "name":
		return p.text(func(name string, _ int) {
			p.facts.Provides = nil
			if name != "" {
				p.facts.Provides = []string{name}
			}
		})
	case "dependencies", "devDependencies", "peerDependencies", "optionalDependencies":
		return p.object(func(name string) error {
			return p.text(func(spec string, line int) { p.need(name, spec, line) })
		})
	case "bundleDependencies", "bundledDependencies":
		return p.list(func() error {
			return p.text(func(name string, line int) { p.need(name, "*", line) })
		})
	case "overrides", "resolutions":
		return p.object(p.override)
	case "pnpm":
		return p.object(func(key string) error {
			if key != "overrides" {
				return p.dec.SkipValue()
			}
			return p.object(p.override)
		})
	}
	return p.dec.SkipValue()
}

// override reads what stands for a package, which may depend on where it is
// needed and then is an object again.
func (p *packageJSON) override(string) error {
	if p.dec.PeekKind() == '{' && p.dec.StackDepth() < maxOverride {
		return p.object(p.override)
	}
	return p.text(func(spec string, line int) {
		if rel, ok := nodePath(spec); ok {
			p.needPath(rel, line)
		}
	})
}

// maxOverride bounds the nesting of overrides that is looked into.
const maxOverride = 100

// object calls each for the members of an object; each reads the value. Any
// other value is passed over: package managers ignore a `"dependencies": []`.
func (p *packageJSON) object(each func(key string) error) error {
	if p.dec.PeekKind() != '{' {
		return p.dec.SkipValue()
	}
	_, err := p.dec.ReadToken()
	for err == nil && p.dec.PeekKind() != '}' {
		var key jsontext.Token
		if key, err = p.dec.ReadToken(); err == nil {
			err = each(key.String())
		}
	}
	if err != nil {
		return err
	}
	_, err = p.dec.ReadToken()
	return err
}

// list calls each before every element of a list; each reads it.
func (p *packageJSON) list(each func() error) error {
	if p.dec.PeekKind() != '[' {
		return p.dec.SkipValue()
	}
	_, err := p.dec.ReadToken()
	for err == nil && p.dec.PeekKind() != ']' {
		err = each()
	}
	if err != nil {
		return err
	}
	_, err = p.dec.ReadToken()
	return err
}

// text calls do with a string and its line; any other value is passed over.
func (p *packageJSON) text(do func(s string, line int)) error {
	if p.dec.PeekKind() != '"' {
		return p.dec.SkipValue()
	}
	t, err := p.dec.ReadToken()
	if err != nil {
		return err
	}
	do(t.String(), p.lines.at(int(p.dec.InputOffset())))
	return nil
}

// need adds what `"name": "spec"` asks for.
func (p *packageJSON) need(name, spec string, line int) {
	if rel, ok := nodePath(spec); ok {
		p.needPath(rel, line)
		return
	}
	for _, n := range nodeNames(name, spec) {
		if n != "" {
			p.facts.Needs = append(p.facts.Needs, Need{Name: n, Line: line})
		}
	}
}

func (p *packageJSON) needPath(rel string, line int) {
	if path, ok := pathBeside(p.file, rel); ok {
		p.facts.Needs = append(p.facts.Needs, Need{Path: path, Line: line})
	}
}

// nodePath is the path that a dependency is at, where its spec is one.
func nodePath(spec string) (string, bool) {
	spec = strings.TrimSpace(spec)
	scheme, rest, ok := strings.Cut(spec, ":")
	switch strings.ToLower(scheme) {
	case "file":
		// npm reads what follows as part of a URL.
		rest = strings.TrimPrefix(rest, "//")
		if plain, err := url.PathUnescape(rest); err == nil {
			rest = plain
		}
		return rest, ok
	case "link", "portal":
		return rest, ok
	case "workspace":
		return rest, strings.HasPrefix(rest, ".")
	}
	return spec, spec == "." || spec == ".." || strings.HasPrefix(spec, "./") || strings.HasPrefix(spec, "../") ||
		strings.HasPrefix(spec, "/") || strings.HasPrefix(spec, "~/")
}

// nodeNames are the packages that a spec other than a path may mean: name
// itself, the one that name is an alias of, or none where it is fetched from
// git or by URL.
func nodeNames(name, spec string) []string {
	spec = strings.TrimSpace(spec)
	scheme, rest, ok := strings.Cut(spec, ":")
	if !ok {
		if strings.Contains(spec, "/") { // owner/repository at GitHub
			return nil
		}
		return []string{name}
	}
	scheme = strings.ToLower(scheme)
	switch {
	case strings.HasPrefix(scheme, "git"), scheme == "http", scheme == "https", scheme == "ssh", scheme == "bitbucket", scheme == "gist":
		return nil
	case scheme != "npm" && scheme != "workspace":
		return []string{name} // catalog:, patch: and what may come
	}
	if at := strings.LastIndexByte(rest, '@'); at > 0 {
		return []string{rest[:at]}
	}
	switch {
	case scheme == "workspace", rest == "", strings.IndexByte("0123456789^~*<>=", rest[0]) >= 0:
		return []string{name}
	}
	// npm reads the name of a package here, yarn a tag of name.
	return []string{rest, name}
}

// problem says where and why the file is not JSON.
func (p *packageJSON) problem(err error) error {
	var se *jsontext.SyntacticError
	if !errors.As(err, &se) || errors.Is(err, io.ErrUnexpectedEOF) {
		return problemf(p.lines.at(len(p.lines.data)), "this is not valid JSON: the file ends too early")
	}
	off := min(int(se.ByteOffset), len(p.lines.data))
	rest := p.lines.data[off:]
	what := se.Err.Error()
	switch {
	case bytes.HasPrefix(rest, []byte("/")):
		what = "comments are not allowed"
	case bytes.HasPrefix(rest, []byte(",")):
		what = "a comma stands where a value or a key should"
		if next := bytes.TrimLeft(rest[1:], " \t\r\n"); len(next) > 0 && (next[0] == '}' || next[0] == ']') {
			what = "the last comma before " + string(next[:1]) + " is one too many"
		}
	}
	return problemf(p.lines.at(off), "this is not valid JSON: %s", what)
}
