package infer

import "testing"

var cargoCases = map[string]parseCase{
	"a crate of a workspace": {
		file: "crates/api/Cargo.toml",
		data: `[package]
name = "acme-api"
version.workspace = true
edition = "2024"

[lib]
name = "acme_api_lib"
path = "src/api.rs"

[dependencies]
serde = "1"
tokio = { version = "1", features = ["full"] }
acme-core = { path = "../core", version = "0.3" }
acme-log.workspace = true
acme-tls = { workspace = true, optional = true, features = ["ring"] }
acme-git = { git = "https://github.com/acme/git" }
core2 = { package = "acme-core-next", path = "../core-next" }

[dependencies.acme-store]
version = "1"
path = "../../stores/store"

[dev-dependencies]
acme-mock = { path = "../mock" }

[build-dependencies]
acme-gen = { path = "gen" }

[target.'cfg(unix)'.dependencies]
acme-unix = { path = "../unix" }

[target.x86_64-pc-windows-gnu.dev-dependencies]
acme-win.workspace = true

[features]
default = ["acme-tls"]
path = ["acme-log"]

[package.metadata.x.dependencies.y]
path = "../metadata"
`,
		provides: []string{"acme-api"},
		needs: []string{
			"13 ./crates/core", "14 acme-log", "15 acme-tls", "17 ./crates/core-next", "21 ./stores/store",
			"24 ./crates/mock", "27 ./crates/api/gen", "30 ./crates/unix", "33 acme-win",
		},
	},
	"the root of a workspace": {
		file: "Cargo.toml",
		data: `[workspace]
members = ["crates/*"]
[workspace.package]
version = "1.0.0"
[workspace.dependencies]
acme-core = { path = "crates/core" }
log = { path = "crates/log", package = "acme-log" }
[patch.crates-io]
serde = { path = "vendor/serde" }
[patch.'https://github.com/acme/git']
git = { path = 'crates/git' }
[replace]
"foo:0.1.0" = { path = "vendor/foo" }
`,
		needs: []string{"9 ./vendor/serde", "11 ./crates/git", "13 ./vendor/foo"},
	},
	"root and crate in one": {
		file:     "Cargo.toml",
		data:     "package.name = 'root'\ndependencies.log.workspace = true\n[workspace.dependencies]\nlog = { path = 'crates/log', package = 'acme-log' }\n",
		provides: []string{"root"}, needs: []string{"2 acme-log"},
	},
	"renamed, of the workspace": {file: "a/Cargo.toml", data: "[dependencies]\nb = { workspace = true, package = 'real' }\n", needs: []string{"2 real"}},
	"not of the workspace":      {file: "a/Cargo.toml", data: "[dependencies]\nb.workspace = false\nc.workspace = 'true'\nd.path = true\n"},
	"out of the root":           {file: "a/Cargo.toml", data: "[dependencies]\nb = { path = '../../b' }\nc = { path = '/srv/c' }\nd = { path = '..' }\n", needs: []string{"4 ./."}},
	"old spelling":              {file: "a/Cargo.toml", data: "[dev_dependencies]\nb = { path = '../b' }\n[build_dependencies.c]\npath = '../c'\n", needs: []string{"2 ./b", "4 ./c"}},
	"byte order mark, CRLF":     {file: "a/Cargo.toml", data: "\xef\xbb\xbf[package]\r\nname = \"a\"\r\n[dependencies]\r\nb.path = \"../b\"\r\n", provides: []string{"a"}, needs: []string{"4 ./b"}},
	"a name that is none":       {file: "a/Cargo.toml", data: "[package]\nname = true\n[dependencies]\n''.workspace = true\n"},
	"empty":                     {file: "a/Cargo.toml"},
	"a multi-line inline table": {file: "a/Cargo.toml", data: "[dependencies]\nb = {\n  version = '1',\n  path = '../b',\n}\n", needs: []string{"4 ./b"}},

	"broken":        {file: "a/Cargo.toml", data: "[package]\nname = acme\n", err: "line 2: this is not valid TOML: unexpected character U+0061 'a' at start of value"},
	"control bytes": {file: "a/Cargo.toml", data: "[package]\n\x1b[31m\n", err: "line 2: this is not valid TOML: invalid character at start of key: U+001B"},
}

func TestCargo(t *testing.T) { testParser(t, cargoParser, cargoCases) }

func FuzzCargo(f *testing.F) { fuzzParser(f, cargoParser, "crates/a/Cargo.toml", cargoCases) }
