package infer

import (
	"bytes"
	"encoding/csv"
	"errors"
	"path"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/command"
	dockerfile "github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// dockerParser reads the Dockerfiles of a package's folder: Dockerfile,
// Dockerfile.NAME and NAME.Dockerfile.
//
// The images of FROM, of COPY --from and of RUN --mount=from are needed, those
// of all stages. Stages of the same file are no images. Variables get the
// defaults of the ARG lines before the first FROM. See imagePath and imageOf
// for which package an image is.
var dockerParser = parser{
	kind: Docker,
	match: func(dir, file string) bool {
		name := path.Base(file)
		return path.Dir(file) == dir && !strings.HasSuffix(name, ".dockerignore") &&
			(strings.EqualFold(name, "Dockerfile") || strings.HasPrefix(name, "Dockerfile.") || strings.HasSuffix(name, ".Dockerfile"))
	},
	folders:   []string{"."},
	parse:     func(_, _ string, data []byte) (Facts, error) { return parseDockerfile(data) },
	name:      imageName,
	byPackage: true,
}

// The bounds of what makes buildkit's parser recurse. It reads a line again for
// each variable around it, so their number times the bytes is what counts.
const (
	maxOnbuild   = 1_000
	maxRereading = 128 << 20
)

func parseDockerfile(data []byte) (Facts, error) {
	if bytes.Count(bytes.ToLower(data), []byte(command.Onbuild)) > maxOnbuild {
		return Facts{}, problemf(1, "this file has more than %d words ONBUILD, so it is not read", maxOnbuild)
	}
	if bytes.Count(data, []byte("${"))*len(data) > maxRereading {
		return Facts{}, problemf(1, "this file is too long for its many variables, so it is not read")
	}
	lines := bytes.Count(data, []byte("\n")) + 1
	tree, err := dockerfile.Parse(bytes.NewReader(data))
	if err != nil {
		line := 1
		var at *dockerfile.LocationError
		if errors.As(err, &at) && len(at.Locations) > 0 && len(at.Locations[0]) > 0 {
			line = at.Locations[0][0].Start.Line
		}
		return Facts{}, problemf(min(line, lines), "this is not a valid Dockerfile: %v", err)
	}
	d := dockerFile{words: expander{lex: shell.NewLex(tree.EscapeToken), vars: variables{}}, stages: map[string]bool{}}
	syntax, _, _, _ := dockerfile.DetectSyntax(data)
	foreign := syntax != "" && !strings.Contains(syntax, "docker/dockerfile")
	for _, n := range tree.AST.Children {
		if _, known := command.Commands[strings.ToLower(n.Value)]; !known && !foreign {
			return Facts{}, problemf(n.StartLine, "this is not a valid Dockerfile: unknown instruction %q", n.Value)
		}
		if err := d.instruction(n, n.StartLine); err != nil {
			return Facts{}, err
		}
	}
	facts := d.result()
	if err := d.words.problem(); err != nil {
		return Facts{}, err
	}
	return facts, nil
}

// dockerFile gathers what the instructions of a file say.
type dockerFile struct {
	words  expander // its variables are of the ARG lines before the first FROM
	from   bool     // there was a FROM
	stages map[string]bool
	facts  Facts
	// copies are images of COPY and RUN: only the whole file tells which of
	// them are stages.
	copies []copySource
}

type copySource struct {
	image string
	line  int
}

func (d *dockerFile) instruction(n *dockerfile.Node, line int) error {
	switch strings.ToLower(n.Value) {
	case command.Arg:
		for word := n.Next; word != nil && !d.from; word = word.Next {
			name, value, set := strings.Cut(word.Value, "=")
			if !set {
				continue
			}
			delete(d.words.vars, name)
			if values := d.words.expand(value); len(values) > 0 {
				d.words.vars[name] = values[0]
			}
		}
	case command.From:
		d.from = true
		var words []string
		for word := n.Next; word != nil; word = word.Next {
			words = append(words, word.Value)
		}
		if len(words) != 1 && (len(words) != 3 || !strings.EqualFold(words[1], "as")) {
			return problemf(line, "this is not a valid Dockerfile: FROM takes an image, or an image, `AS` and a name")
		}
		if !d.stages[strings.ToLower(words[0])] {
			d.facts.Needs = append(d.facts.Needs, d.words.images(words[0], line)...)
		}
		if len(words) == 3 {
			d.stages[strings.ToLower(words[2])] = true
		}
	case command.Onbuild:
		if n.Next != nil && len(n.Next.Children) > 0 {
			return d.instruction(n.Next.Children[0], line)
		}
	case command.Copy, command.Add:
		for _, flag := range n.Flags {
			if image, ok := strings.CutPrefix(flag, "--from="); ok {
				d.copies = append(d.copies, copySource{image, line})
			}
		}
	case command.Run:
		for _, flag := range n.Flags {
			if mount, ok := strings.CutPrefix(flag, "--mount="); ok {
				d.mount(mount, line)
			}
		}
	}
	return nil
}

// mount reads `type=bind,from=IMAGE,...`.
func (d *dockerFile) mount(text string, line int) {
	fields, err := csv.NewReader(strings.NewReader(text)).Read()
	if err != nil {
		return // docker refuses it
	}
	for _, f := range fields {
		if key, value, ok := strings.Cut(f, "="); ok && strings.EqualFold(strings.TrimSpace(key), "from") {
			d.copies = append(d.copies, copySource{value, line})
		}
	}
}

func (d *dockerFile) result() Facts {
	for _, c := range d.copies {
		isStage := d.stages[strings.ToLower(c.image)] || strings.Trim(c.image, "0123456789") == ""
		if !isStage {
			d.facts.Needs = append(d.facts.Needs, d.words.images(c.image, c.line)...)
		}
	}
	return inOrder(d.facts)
}
