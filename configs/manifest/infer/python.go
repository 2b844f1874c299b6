package infer

import (
	"path"
	"slices"
	"strings"
)

// pythonParser reads requirements.txt and test_requirements.txt of a package's
// folder, of its app/ and of its src/, what they include with -r, and the
// folder's pyproject.toml. setup.py is code and setup.cfg its companion: they
// are not read.
//
// A requirement needs the package of its name, whatever its version, extras
// and marker. Names are compared as PEP 503 says: case, `-`, `_` and `.` make
// no difference. A path needs the package that owns it; pip takes it from the
// folder that it runs in, so it counts from the package's folder and from the
// file's. Constraints (-c) need nothing.
var pythonParser = parser{
	kind: Python,
	match: func(dir, file string) bool {
		folder := path.Dir(file)
		switch path.Base(file) {
		case "requirements.txt", "test_requirements.txt":
			return folder == dir || folder == path.Join(dir, "app") || folder == path.Join(dir, "src")
		case "pyproject.toml":
			return folder == dir
		}
		return false
	},
	folders: []string{".", "app", "src"},
	parse: func(dir, file string, data []byte) (Facts, error) {
		if path.Base(file) == "pyproject.toml" {
			return parsePyproject(dir, file, data)
		}
		return parseRequirements(dir, file, data)
	},
	name:      pep503,
	byPackage: true,
}

// pep503 normalises a project's name:
// https://peps.python.org/pep-0503/#normalized-names
func pep503(name string) string {
	if !strings.ContainsAny(name, "_.ABCDEFGHIJKLMNOPQRSTUVWXYZ") && !strings.Contains(name, "--") {
		return name
	}
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c == '-' || c == '_' || c == '.':
			if i == 0 || !strings.ContainsRune("-_.", rune(name[i-1])) {
				b.WriteByte('-')
			}
		case c >= 'A' && c <= 'Z':
			b.WriteByte(c + 'a' - 'A')
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// parsePyproject reads what https://packaging.python.org specifies of
// pyproject.toml, and the tables of poetry, uv, pdm, hatch and setuptools that
// hold dependencies.
func parsePyproject(dir, file string, data []byte) (Facts, error) {
	values, err := tomlValues(data)
	if err != nil {
		return Facts{}, err
	}
	p := pythonFile{dir: dir, file: file}
	for _, v := range values {
		switch {
		case v.isBool:
			if name := poetryName(v.key); name != "" {
				p.need(name, v.line)
			}
		case v.at("project", "name"), v.at("tool", "poetry", "name"):
			if v.text != "" {
				p.facts.Provides = append(p.facts.Provides, v.text)
			}
		case v.at("project", "dependencies"), v.at("build-system", "requires"),
			len(v.key) == 3 && v.under("project", "optional-dependencies"),
			len(v.key) == 2 && v.under("dependency-groups"):
			err = p.requirement(v.text, v.line)
		case v.at("tool", "uv", "dev-dependencies"),
			len(v.key) == 4 && v.under("tool", "pdm", "dev-dependencies"),
			len(v.key) == 5 && v.under("tool", "hatch", "envs") && (v.key[4] == "dependencies" || v.key[4] == "extra-dependencies"):
			err = p.line(v.text, v.line)
		case len(v.key) == 5 && v.under("tool", "uv", "sources") && v.key[4] == "path":
			p.path(v.text, v.line)
		case v.under("tool", "setuptools", "dynamic") && v.key[len(v.key)-1] == "file" &&
			(v.key[3] == "dependencies" || v.key[3] == "optional-dependencies"):
			p.include(v.text, v.line)
		default:
			if name := poetryName(v.key); name != "" {
				p.need(name, v.line)
				if v.key[len(v.key)-1] == "path" {
					p.path(v.text, v.line)
				}
			}
		}
		if err != nil {
			return Facts{}, err
		}
	}
	return p.facts, nil
}

// poetryName is the dependency that a key of pyproject.toml is about, if it is
// one of poetry's. Its key `python` is the interpreter.
func poetryName(key []string) string {
	if len(key) < 4 || key[0] != "tool" || key[1] != "poetry" {
		return ""
	}
	key = key[2:]
	if len(key) >= 4 && key[0] == "group" {
		key = key[2:]
	}
	if len(key) < 2 || !slices.Contains([]string{"dependencies", "dev-dependencies"}, key[0]) || pep503(key[1]) == "python" {
		return ""
	}
	return key[1]
}
