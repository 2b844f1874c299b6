package discover

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// isPackage reports whether something in the folder can be tested or
// published by itself: not a file that only lists the packages below it.
func (f folder) isPackage() bool {
	switch {
	case f.target("ci"), f.target("test"), f.is("Dockerfile"), f.is("setup.py"), f.is("go.mod"):
		return true
	case f.is("package.json") && !f.node().workspace():
		return true
	case f.is("pyproject.toml") && f.python() != "":
		return true
	case f.is("Cargo.toml") && f.cargo() != "":
		return true
	}
	return f.is("pom.xml") && !strings.Contains(f.has["pom.xml"], "<modules>")
}

// target reports whether the Makefile has a target of that name.
func (f folder) target(name string) bool {
	return f.is("Makefile") && regexp.MustCompile(`(?m)^(?:[^\t#:=\n][^#:=\n]*[ ])?`+name+`(?: [^#:=\n]*)?::?(?:[^=]|$)`).MatchString(f.has["Makefile"])
}

func (f folder) pkgType() string {
	switch {
	case f.is("Dockerfile"):
		return "docker"
	case f.is("setup.py"), f.python() != "":
		return "whl"
	case f.is("package.json") && !f.node().Private && f.node().Name != "":
		return "npm"
	case f.is("pom.xml"):
		return "jar"
	}
	return "none"
}

func (f folder) kind() string {
	if f.is("Dockerfile") {
		return "service"
	}
	return "library"
}

// tests is how the folder is tested: by `make ci` where the Makefile has it,
// else as is usual for what is in it.
func (f folder) tests() (testType string, commands []string) {
	switch {
	case f.target("ci"):
		return "make", nil
	case f.target("test"):
		return "command", []string{"make test"}
	case f.is("go.mod"):
		return "command", []string{"go vet ./...", "go test ./..."}
	case f.is("package.json") && f.node().Scripts["test"] != "":
		return "command", f.npm()
	case f.is("setup.py"), f.python() != "":
		if !f.test {
			return "command", []string{"python3 -m compileall -q ."}
		}
		return "command", []string{"python3 -m pip install .", "python3 -m pytest"}
	case f.cargo() != "":
		return "command", []string{"cargo test"}
	case f.is("pom.xml"):
		return "command", []string{"mvn --batch-mode verify"}
	}
	return "no-test", nil
}

func (f folder) npm() []string {
	switch {
	case slices.Contains(f.lock, "pnpm-lock.yaml"):
		return []string{"pnpm install --frozen-lockfile", "pnpm test"}
	case slices.Contains(f.lock, "yarn.lock"):
		return []string{"yarn install --frozen-lockfile", "yarn test"}
	case slices.Contains(f.lock, "package-lock.json"):
		return []string{"npm ci", "npm test"}
	}
	return []string{"npm install", "npm test"}
}

type nodePackage struct {
	Name       string            `json:"name"`
	Private    bool              `json:"private"`
	Scripts    map[string]string `json:"scripts"`
	Workspaces json.RawMessage   `json:"workspaces"`
}

func (n nodePackage) workspace() bool { return len(n.Workspaces) > 0 }

// node is package.json; what cannot be read of it is left out.
func (f folder) node() (n nodePackage) {
	if json.Unmarshal([]byte(f.has["package.json"]), &n) != nil {
		n.Scripts, n.Workspaces = nil, nil
	}
	return n
}

var setupName = regexp.MustCompile(`\bname\s*=\s*["']([A-Za-z0-9._-]+)["']`)

// python is the name that the folder's Python package declares.
func (f folder) python() string {
	var p struct {
		Project struct{ Name string }
		Tool    struct{ Poetry struct{ Name string } }
	}
	if toml.Unmarshal([]byte(f.has["pyproject.toml"]), &p) == nil {
		if p.Project.Name != "" {
			return p.Project.Name
		}
		if p.Tool.Poetry.Name != "" {
			return p.Tool.Poetry.Name
		}
	}
	if m := setupName.FindStringSubmatch(f.has["setup.py"]); m != nil {
		return m[1]
	}
	return ""
}

// cargo is the name that the folder's crate declares.
func (f folder) cargo() string {
	var c struct{ Package struct{ Name string } }
	if toml.Unmarshal([]byte(f.has["Cargo.toml"]), &c) != nil {
		return ""
	}
	return c.Package.Name
}
