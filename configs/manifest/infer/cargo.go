package infer

import "strings"

// cargoParser reads the Cargo.toml in a package's own folder.
//
// A package provides its crate's name. It needs the folders of its path
// dependencies (of tests, of build scripts and of single targets too, optional
// ones as well) and those that [patch] and [replace] put in a crate's place.
// A dependency with `workspace = true` is written out in the Cargo.toml of a
// folder above, which is another file: it is needed by its crate's name. (Where
// that file gives the crate another name, only depends_on can tell of it.) A
// dependency that has a version alone comes from the registry, never from a
// folder of the repository: a crate there may well bear the name of one here,
// so such a name says nothing. `[workspace] members` needs none of its members.
var cargoParser = parser{
	kind:    Cargo,
	match:   ownFile("Cargo.toml"),
	folders: []string{"."},
	parse:   parseCargo,
}

func parseCargo(_, file string, data []byte) (Facts, error) {
	values, err := tomlValues(data)
	if err != nil {
		return Facts{}, err
	}
	// A dependency may have another name here than its crate has.
	crates := map[string]string{}
	for _, v := range values {
		if table, ok := cargoDependency(v.key); ok && v.key[len(v.key)-1] == "package" && !v.isBool {
			crates[table] = v.text
		}
		if len(v.key) == 4 && v.under("workspace", "dependencies") && v.key[3] == "package" && !v.isBool {
			crates["workspace\x00"+v.key[2]] = v.text
		}
	}
	var facts Facts
	for _, v := range values {
		if v.at("package", "name") && !v.isBool && v.text != "" {
			facts.Provides = append(facts.Provides, v.text)
			continue
		}
		table, ok := cargoDependency(v.key)
		if !ok {
			continue
		}
		switch last := v.key[len(v.key)-1]; {
		case last == "path" && !v.isBool:
			if p, ok := pathBeside(file, v.text); ok {
				facts.Needs = append(facts.Needs, Need{Path: p, Line: v.line})
			}
		case last == "workspace" && v.isBool && v.text == "true":
			name := v.key[len(v.key)-2]
			for _, key := range []string{table, "workspace\x00" + name} {
				if crates[key] != "" {
					name = crates[key]
					break
				}
			}
			if name != "" {
				facts.Needs = append(facts.Needs, Need{Name: name, Line: v.line})
			}
		}
	}
	return facts, nil
}

// cargoDependency says whether the path of a value is that of a field of a
// dependency, as dependencies.NAME.path is, and names the dependency.
func cargoDependency(key []string) (string, bool) {
	if len(key) == 0 {
		return "", false
	}
	rest := key[:len(key)-1]
	name := strings.Join(rest, "\x00")
	if len(rest) == 4 && rest[0] == "target" {
		rest = rest[2:]
	}
	switch {
	case len(rest) == 2:
		switch rest[0] {
		// Cargo takes the spellings with _ too.
		case "dependencies", "dev-dependencies", "dev_dependencies", "build-dependencies", "build_dependencies", "replace":
			return name, true
		}
	case len(rest) == 3 && rest[0] == "patch":
		return name, true
	}
	return "", false
}
