package infer

import (
	"errors"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/shell"

	"github.com/dudesons/loktar/checks"
)

// unknown stands in an image's path for what only a build knows.
const unknown = "$"

// imagePath is an image's path with its registry, without tag and digest:
// docker.io/library/python for `python:3.12`. Where a variable that only a
// build knows stands before the last element, the path starts with the element
// `$`. It is "" when the last element cannot be told, and of `scratch`.
func imagePath(image string) string {
	image, _, _ = strings.Cut(strings.ToLower(image), "@")
	slash := strings.LastIndexByte(image, '/')
	name, _, _ := strings.Cut(image[slash+1:], ":")
	folder := image[:max(slash, 0)]
	if rest := strings.TrimLeft(name, unknown); rest != name {
		name, folder = rest, unknown
	}
	name = strings.TrimRight(name, unknown) // a tag with its colon
	first, _, _ := strings.Cut(folder, "/")
	switch {
	case name == "" || strings.Contains(name, unknown) || name == "scratch" && slash < 0:
		return ""
	case strings.Contains(folder, unknown) || slash == 0:
		return unknown + "/" + name
	case folder == "":
		return "docker.io/library/" + name
	case isHost(first):
		return folder + "/" + name
	}
	return "docker.io/" + folder + "/" + name
}

// imageName is the last element of an image's path. Images are named in lower
// case whatever their package is called.
func imageName(path string) string {
	return strings.ToLower(path[strings.LastIndexByte(path, '/')+1:])
}

// isHost reports whether the first element of an image's path is a registry:
// https://pkg.go.dev/github.com/distribution/reference
func isHost(elem string) bool {
	return strings.ContainsAny(elem, ".:") || elem == "localhost"
}

// imageOf reports whether an image whose last element is the package's name is
// the package's. With a registry_prefix in the package's build_info the path
// before the name has to be that: then `python` is Docker's, not that of a
// package which is called python too. Without one the name decides, as it
// always did in Loktar. A path that a build's variable decides counts as the
// package's, and so does a name without a path, as that of a service.
func imageOf(p *checks.Package, image string) bool {
	prefix := strings.ToLower(p.BuildInfo.RegistryPrefix)
	if _, rest, ok := strings.Cut(prefix, "://"); ok {
		prefix = rest
	}
	prefix = strings.Trim(prefix, "/")
	slash := strings.LastIndexByte(image, '/')
	if prefix == "" || slash < 0 || strings.HasPrefix(image, unknown) {
		return true
	}
	folder := image[:slash]
	if first, _, _ := strings.Cut(prefix, "/"); isHost(first) {
		return folder == prefix
	}
	return folder == prefix || strings.HasSuffix(folder, "/"+prefix)
}

// variables are those that a file gives a value to.
type variables map[string]string

// Get is a variable's value: shell.EnvGetter.
func (v variables) Get(name string) (string, bool) {
	value, ok := v[name]
	return value, ok
}

// Keys are the variables' names: shell.EnvGetter.
func (v variables) Keys() []string { return nil }

// anything gives every variable a value, unknown where v has none.
type anything struct{ v variables }

func (a anything) Get(name string) (string, bool) {
	if value := a.v[name]; value != "" {
		return value, true
	}
	return unknown, true // a build may set what is empty here
}

func (a anything) Keys() []string { return nil }

// The bounds of what words with variables may grow to: a few lines that double
// each other's values would fill any memory.
const (
	maxWord     = 1024     // bytes of a word, and of a variable's value
	maxDollars  = 64       // variables of a word
	maxExpanded = 16 << 20 // bytes of all the words of a file
)

// expander tells what the words of one file may say.
type expander struct {
	lex  *shell.Lex
	vars variables
	size int // bytes expanded; more than maxExpanded: some words were left out
}

// expand is what a word with variables may say: first with the defaults that
// stand in it, then, if it differs, with unknown for what has no value. A word
// that is no valid text, or too long, gives nothing.
func (x *expander) expand(word string) []string {
	if len(word) > maxWord || strings.Count(word, "$") > maxDollars || x.size > maxExpanded {
		return nil
	}
	plain, err := x.process(word, x.vars)
	if !strings.Contains(word, "$") {
		if err != nil {
			return nil
		}
		return []string{plain}
	}
	loose, looseErr := x.process(word, anything{x.vars})
	switch {
	case looseErr != nil && err != nil:
		return nil
	case looseErr != nil:
		return []string{plain}
	case err != nil, strings.ReplaceAll(loose, unknown, "") == plain:
		return []string{loose} // it has no default, and empty is no answer
	}
	return []string{plain, loose}
}

func (x *expander) process(word string, vars shell.EnvGetter) (string, error) {
	text, _, err := x.lex.ProcessWord(word, vars)
	x.size += len(word) + len(text)
	if len(text) > maxWord && err == nil {
		err = errors.New("the value is too long")
	}
	return text, err
}

// images are the needs that an image with variables stands for.
func (x *expander) images(word string, line int) []Need {
	var needs []Need
	for _, image := range x.expand(word) {
		if p := imagePath(image); p != "" {
			needs = append(needs, Need{Name: p, Line: line})
		}
	}
	return needs
}

// problem is an error when words were left out because of their size.
func (x *expander) problem() error {
	if x.size <= maxExpanded {
		return nil
	}
	return problemf(1, "the variables of this file stand for more than %d MiB, so it is not read", maxExpanded>>20)
}
