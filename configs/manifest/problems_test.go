package manifest_test

import (
	"fmt"
	"slices"
	"strings"

	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/configs/manifest"
)

// tree is a repository with a few folders.
var tree = func() manifest.Options {
	dirs := []string{"libs", "libs/awesome", "rest_services", "rest_services/pet_api", "webfront"}
	return manifest.Options{
		DirExists: func(dir string) bool { return slices.Contains(dirs, dir) },
		Dirs:      func() []string { return dirs },
	}
}()

var broken = []struct {
	name string
	opts manifest.Options
	file string
	want []string
}{
	{"empty", manifest.Options{}, ``, []string{
		`1:1 : the file is empty; write {"packages": []} and list the packages in it`,
	}},
	{"only blanks", manifest.Options{}, ` 
	
`, []string{
		`1:1 : the file is empty; write {"packages": []} and list the packages in it`,
	}},
	{"byte order mark", manifest.Options{}, "\ufeff{}", []string{
		`1:1 : the file starts with a byte order mark; save it as UTF-8 without one`,
	}},
	{"utf-16", manifest.Options{}, "\xff\xfe{\x00", []string{
		`1:1 : the file is UTF-16; save it as UTF-8`,
	}},
	{"comma before the end", manifest.Options{}, `{
  "packages": [
    {"pkg_name": "lib"},
  ]
}
`, []string{
		`3:24 : loktar.json is not valid JSON: a comma stands before ']'; remove the comma`,
	}},
	{"comma missing", manifest.Options{}, `{
  "packages": []
  "ignore": []
}`, []string{
		"3:3 : loktar.json is not valid JSON: a comma is missing; write one before `\"`",
	}},
	{"colon missing", manifest.Options{}, `{"packages" []}`, []string{
		`1:13 : loktar.json is not valid JSON: a colon is missing; write one after the key`,
	}},
	{"comment", manifest.Options{}, `{
  // ours
  "packages": []}`, []string{
		`2:3 : loktar.json is not valid JSON: comments are not JSON; remove it`,
	}},
	{"single quotes", manifest.Options{}, `{'packages': []}`, []string{
		`1:2 : loktar.json is not valid JSON: single quotes are not JSON; write keys and strings in double quotes`,
	}},
	{"key without quotes", manifest.Options{}, `{packages: []}`, []string{
		`1:2 : loktar.json is not valid JSON: a key or a word stands without quotes; write keys and strings in double quotes`,
	}},
	{"number as key", manifest.Options{}, `{1: []}`, []string{
		`1:2 : loktar.json is not valid JSON: a key or a word stands without quotes; write keys and strings in double quotes`,
	}},
	{"word that is none", manifest.Options{}, `{"packages": None}`, []string{
		`1:14 : loktar.json is not valid JSON: a key or a word stands without quotes; write keys and strings in double quotes`,
	}},
	{"cut off", manifest.Options{}, `{"packages": [{"pkg_na`, []string{
		`1:23 : loktar.json is not valid JSON: the file ends too early; close every string, list and object that is open`,
	}},
	{"open", manifest.Options{}, `{"packages": [`, []string{
		`1:15 : loktar.json is not valid JSON: the file ends too early; close every string, list and object that is open`,
	}},
	{"too much", manifest.Options{}, `{"packages": []}}`, []string{
		`1:17 : the file goes on after its end; remove everything from here on`,
	}},
	{"two files", manifest.Options{}, `{"packages": []}
{}`, []string{
		`2:1 : the file goes on after its end; remove everything from here on`,
	}},
	{"line in a string", manifest.Options{}, `{"packages": "a
b"}`, []string{
		`1:16 : loktar.json is not valid JSON: a string goes over the end of its line or holds a control character; close it, or write \n or \t`,
	}},
	{"escape", manifest.Options{}, `{"packages": "C:\dir"}`, []string{
		`1:17 : loktar.json is not valid JSON: invalid escape sequence '\d' in string; write \\ for a backslash`,
	}},
	{"not UTF-8", manifest.Options{}, "{\"packages\": \"\xff\"}", []string{
		`1:15 : loktar.json is not valid JSON: a byte is not UTF-8; save the file as UTF-8`,
	}},
	{"wrong bracket", manifest.Options{}, `{"packages": []]`, []string{
		`1:16 : loktar.json is not valid JSON: invalid character ']' after object value (expecting ',' or '}'); correct the file there`,
	}},
	{"not an object", manifest.Options{}, `[]`, []string{
		`1:1 : is a list but must be an object; write for example {"packages": []}`,
	}},
	{"null", manifest.Options{}, `null`, []string{
		"1:1 : is `null` but must be an object; remove the key or write for example {\"packages\": []}",
	}},
	{"a string", manifest.Options{}, `"packages"`, []string{
		`1:1 : is a string but must be an object; write for example {"packages": []}`,
	}},
	{"no packages", manifest.Options{}, `{"ignore": []}`, []string{
		`1:1 packages: is missing; list the packages of the repository in it`,
	}},
	{"packages is an object", manifest.Options{}, `{"packages": {"lib": {}}}`, []string{
		`1:14 packages: is an object but must be a list; write for example [{"pkg_name": "awesome_lib"}]`,
	}},
	{"packages is null", manifest.Options{}, `{"packages": null}`, []string{
		"1:14 packages: is `null` but must be a list; remove the key or write for example [{\"pkg_name\": \"awesome_lib\"}]",
	}},
	{"a package is a string", manifest.Options{}, `{"packages": ["lib"]}`, []string{
		`1:15 packages[0]: is a string but must be an object; write for example {"pkg_name": "awesome_lib"}`,
	}},
	{"unknown keys", manifest.Options{}, `{"pakages": [], "colour": 1, "packages": [{"pkg_name": "lib", "pkgName": "x", "color": 2}]}`, []string{
		"1:2 pakages: unknown key `pakages`; did you mean `packages`?",
		"1:17 colour: unknown key `colour`; remove it or write `packages`, `defaults`, `global_inputs`, `ignore`, `notify` or `$schema`",
		"1:63 packages[0].pkgName: unknown key `pkgName`; did you mean `pkg_name`?",
		"1:79 packages[0].color: unknown key `color`; remove it",
	}},
	{"keys in the wrong place", manifest.Options{}, `{"packages": [{"pkg_name": "lib", "ignore": []}], "timeout": "1m"}`, []string{
		"1:35 packages[0].ignore: `ignore` is a key of the file; move it to the top, beside `packages`",
		"1:51 timeout: `timeout` is a key of a package; move it into a package or into `defaults`",
	}},
	{"keys twice", manifest.Options{}, `{"packages": [{"pkg_name": "lib",
 "type": "library", "type": "service"}], "ignore": [], "ignore": []}`, []string{
		"2:21 packages[0].type: key `type` is there twice; remove one of the two",
		"2:56 ignore: key `ignore` is there twice; remove one of the two",
	}},
	{"defaults is a list", manifest.Options{}, `{"packages": [], "defaults": []}`, []string{
		`1:30 defaults: is a list but must be an object; write for example {"timeout": "10m"}`,
	}},
	{"defaults of a name", manifest.Options{}, `{"packages": [], "defaults": {"pkg_name": "x", "pkg_dir": "y", "tiemout": "1m", "packages": []}}`, []string{
		"1:31 defaults.pkg_name: `pkg_name` has no default; write it in each package",
		"1:48 defaults.pkg_dir: `pkg_dir` has no default; write it in each package",
		"1:64 defaults.tiemout: unknown key `tiemout`; did you mean `timeout`?",
		"1:81 defaults.packages: `packages` is a key of the file; move it to the top, beside `packages`",
	}},
	{"defaults are checked", manifest.Options{}, `{"packages": [{"pkg_name": "a"}, {"pkg_name": "b"}], "defaults": {"timeout": "1x", "build_info": {"registry_type": "ftp", "version": 2, "x": 1}, "depends_on": ["c"]}}`, []string{
		"1:78 defaults.timeout: `1x` is not a duration; write for example \"90s\", \"30m\" or \"1h30m\"",
		"1:116 defaults.build_info.registry_type: `ftp` is no value of registry_type; write `aptly`, `npm`, `oci`, `pypi` or `quay`",
		"1:134 defaults.build_info.version: is a number but must be a string; write `2` in double quotes",
		"1:137 defaults.build_info.x: unknown key `x`; remove it or write `access`, `bucket`, `build_args`, `build_type`, `code_name`, `component`, `extra_versions`, `git_tag`, `github_release`, `index`, `prefix`, `registry`, `registry_prefix`, `registry_type`, `repository`, `storage_type` or `version`",
		"1:161 defaults.depends_on[0]: package `c` is not listed; add it to `packages` or remove it here",
	}},
	{"notify", manifest.Options{}, `{"packages": [], "notify": "me", "$schema": 1}`, []string{
		`1:28 notify: is a string but must be an object; write for example {"slack": [{"channel": "#team-pets"}]}`,
		"1:45 $schema: is a number but must be a string; write `1` in double quotes",
	}},
	{"notify slack", manifest.Options{}, `{"notify": {"slack": [{"channel": "CI", "on": ["fail"]}, {"packages": ["libs", "li*", "a b"]}, {"channel": "#a", "events": ["pr"]}], "comment": true, "mail": 1},
"packages": [{"pkg_name": "lib"}]}`, []string{
		"1:35 notify.slack[0].channel: `CI` is not a channel; did you mean `#ci`?",
		"1:48 notify.slack[0].on[0]: `fail` is nothing that is told of; write `failure`, `fixed`, `published` or `always`",
		`1:58 notify.slack[1].channel: is missing; name the channel, for example "#team-pets"`,
		"1:72 notify.slack[1].packages[0]: `libs` is not a package of this file; did you mean `lib`?",
		"1:87 notify.slack[1].packages[2]: `a b` is not the name of a package; `*` stands for any characters",
		"1:125 notify.slack[2].events[0]: `pr` is no kind of run; write `pull_request`, `push`, `tag` or `merge_group`",
		"1:145 notify.comment: is `true`, which does not say when; write \"failure\" or \"always\"",
		"1:151 notify.mail: unknown key `mail`; remove it or write `slack` or `comment`",
	}},
	{"names", manifest.Options{}, `{"packages": [{}, {"pkg_name": ""}, {"pkg_name": "a b"}, {"pkg_name": ".a"}, {"pkg_name": "loktar"}, {"pkg_name": 7}, {"pkg_name": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}]}`, []string{
		`1:15 packages[0].pkg_name: is missing; give the package a name`,
		`1:32 packages[1].pkg_name: is empty; write for example "awesome_lib" or remove it`,
		"1:50 packages[2].pkg_name: `a b` is not a package name; use letters, digits, `.`, `_` and `-` only, and a letter or digit at the start",
		"1:71 packages[3].pkg_name: `.a` is not a package name; use letters, digits, `.`, `_` and `-` only, and a letter or digit at the start",
		"1:91 packages[4].pkg_name: `loktar` is the name of the check run that stands for all packages; write another name",
		"1:115 packages[5].pkg_name: is a number but must be a string; write `7` in double quotes",
		"1:132 packages[6].pkg_name: `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…` has 101 characters, more than 100; write a shorter name",
	}},
	{"a name twice", manifest.Options{}, `{"packages": [
{"pkg_name": "lib"},
{"pkg_name": "lib", "pkg_dir": "other"}]}`, []string{
		"3:14 packages[1].pkg_name: `lib` is the name of packages[0] too; give one of the two another name",
	}},
	{"a folder twice", manifest.Options{}, `{"packages": [
{"pkg_name": "lib"},
{"pkg_name": "app", "pkg_dir": "lib"}, {"pkg_name": "z", "pkg_dir": "."}, {"pkg_name": "y", "pkg_dir": "."}]}`, []string{
		"3:32 packages[1].pkg_dir: folder `lib` is that of package `lib` too; give each package a folder of its own",
		"3:104 packages[3].pkg_dir: folder `.` is that of package `z` too; give each package a folder of its own",
	}},
	{"a folder twice by name", manifest.Options{}, `{"packages": [{"pkg_name": "app", "pkg_dir": "lib"}, {"pkg_name": "lib"}]}`, []string{
		"1:67 packages[1].pkg_dir: folder `lib` is that of package `app` too; give each package a folder of its own",
	}},
	{"paths", manifest.Options{}, `{"packages": [{"pkg_name": "p0", "pkg_dir": ""}, {"pkg_name": "p1", "pkg_dir": "/srv/a"}, {"pkg_name": "p2", "pkg_dir": "../a"}, {"pkg_name": "p3", "pkg_dir": "a/../../b"}, {"pkg_name": "p4", "pkg_dir": "a/.."}, {"pkg_name": "p5", "pkg_dir": "./a"}, {"pkg_name": "p6", "pkg_dir": "a//b"}, {"pkg_name": "p7", "pkg_dir": "a/"}, {"pkg_name": "p8", "pkg_dir": "a\\b"}, {"pkg_name": "p9", "pkg_dir": "a\u0000b"}, {"pkg_name": "p10", "pkg_dir": "a\nb"}, {"pkg_name": "p11", "pkg_dir": 5}]}`, []string{
		`1:45 packages[0].pkg_dir: is empty; write "." for the root of the repository`,
		"1:80 packages[1].pkg_dir: `/srv/a` starts with `/`; write it from the root of the repository, as `srv/a`",
		"1:121 packages[2].pkg_dir: `../a` goes up by `..`; write the path from the root of the repository",
		"1:160 packages[3].pkg_dir: `a/../../b` goes up by `..`; write the path from the root of the repository",
		"1:204 packages[4].pkg_dir: `a/..` goes up by `..`; write the path from the root of the repository",
		"1:243 packages[5].pkg_dir: `./a` is not in its plain form; write `a`",
		"1:281 packages[6].pkg_dir: `a//b` is not in its plain form; write `a/b`",
		"1:320 packages[7].pkg_dir: `a/` is not in its plain form; write `a`",
		"1:357 packages[8].pkg_dir: `a\\b` holds a backslash; write `/` between folders",
		`1:396 packages[9].pkg_dir: holds a NUL character; remove it`,
		"1:440 packages[10].pkg_dir: `a�b` holds a control character; remove it",
		"1:480 packages[11].pkg_dir: is a number but must be a string; write `5` in double quotes",
	}},
	{"folders that do not exist", tree, `{"packages": [{"pkg_name": "pet_api"}, {"pkg_name": "web-front"}, {"pkg_name": "lib", "pkg_dir": "libs/awesom"}, {"pkg_name": "nothing_like_it"}, {"pkg_name": "root", "pkg_dir": "."}]}`, []string{
		"1:28 packages[0].pkg_dir: folder `pet_api` does not exist; did you mean `rest_services/pet_api`?",
		"1:53 packages[1].pkg_dir: folder `web-front` does not exist; did you mean `webfront`?",
		"1:98 packages[2].pkg_dir: folder `libs/awesom` does not exist; did you mean `libs/awesome`?",
		"1:127 packages[3].pkg_dir: folder `nothing_like_it` does not exist; create it or write the folder that is meant",
	}},
	{"a .git folder and declared files", manifest.Options{}, `{"defaults": {"git": true}, "packages": [{"pkg_name": "a", "sandbox": "declared"},
{"pkg_name": "b", "git": true, "sandbox": "declared"}, {"pkg_name": "c"}, {"pkg_name": "d", "sandbox": "declared", "git": false}]}`, []string{
		"1:71 packages[0].sandbox: with sandbox `declared` the steps see declared files alone, and with git all files of all commits; write \"git\": false or \"sandbox\": \"repository\"",
		"2:26 packages[1].git: with sandbox `declared` the steps see declared files alone, and with git all files of all commits; write \"git\": false or \"sandbox\": \"repository\"",
	}},
	{"a .git folder and declared files for all", manifest.Options{}, `{"defaults": {"sandbox": "declared", "git": true}, "packages": [{"pkg_name": "a"}, {"pkg_name": "b"}]}`, []string{
		"1:45 defaults.git: with sandbox `declared` the steps see declared files alone, and with git all files of all commits; write \"git\": false or \"sandbox\": \"repository\"",
	}},
	{"values of words", manifest.Options{}, `{"packages": [{"pkg_name": "lib", "pkg_type": "dokcer", "test_type": "mvn", "type": "librari", "sandbox": "none"}]}`, []string{
		"1:47 packages[0].pkg_type: `dokcer` is no value of pkg_type; did you mean `docker`?",
		"1:70 packages[0].test_type: `mvn` is no value of test_type; write `make`, `command` or `no-test`",
		"1:85 packages[0].type: `librari` is no value of type; did you mean `library`?",
		"1:107 packages[0].sandbox: `none` is no value of sandbox; write `repository` or `declared`",
	}},
	{"kinds of value", manifest.Options{}, `{"packages": [{"pkg_name": "lib", "type": 1, "image": true, "commands": "make ci", "env": [], "retries": "3", "timeout": 30, "network": "false", "git": 1, "resources": "2GiB", "services": [], "cache": {}, "build_info": "s3", "depends_on": null}]}`, []string{
		"1:43 packages[0].type: is a number but must be a string; write `1` in double quotes",
		"1:55 packages[0].image: is `true` but must be a string; write it in double quotes",
		"1:61 packages[0].commands: test_type `make` runs `make ci` and `make clean`, not this; add \"test_type\": \"command\" or remove commands",
		`1:73 packages[0].commands: is a string but must be a list of strings; write ["make ci"]`,
		`1:91 packages[0].env: is a list but must be an object; write for example {"NAME": "value"}`,
		`1:106 packages[0].retries: is a string but must be a whole number; write 3 without quotes`,
		`1:122 packages[0].timeout: is a number but must be a duration; write for example "30m"`,
		`1:137 packages[0].network: is a string but must be true or false; write false without quotes`,
		`1:153 packages[0].git: is a number but must be true or false; write for example true`,
		`1:169 packages[0].resources: is a string but must be an object; write for example {"memory": "2GiB"}`,
		`1:189 packages[0].services: is a list but must be an object; write for example {"db": {"image": "postgres:16"}}`,
		`1:202 packages[0].cache: is an object but must be a list; write for example [{"key": "pip", "paths": ["~/.cache/pip"]}]`,
		`1:220 packages[0].build_info: is a string but must be an object; write for example {"registry_type": "oci"}`,
		"1:240 packages[0].depends_on: is `null` but must be a list; remove the key or write for example [\"awesome_lib\"]",
	}},
	{"image", manifest.Options{}, `{"packages": [{"pkg_name": "lib", "image": "Debian Latest"}]}`, []string{
		"1:44 packages[0].image: `Debian Latest` is not an image reference; write NAME:TAG in lower case, for example debian:13",
	}},
	{"image is blank", manifest.Options{}, `{"packages": [{"pkg_name": "lib", "image": " "}]}`, []string{
		`1:44 packages[0].image: is empty; write for example "debian:13" or remove it`,
	}},
	{"durations", manifest.Options{}, `{"packages": [{"pkg_name": "p0", "timeout": "30"}, {"pkg_name": "p1", "timeout": "0s"}, {"pkg_name": "p2", "timeout": "-5m"}, {"pkg_name": "p3", "timeout": "25h"}, {"pkg_name": "p4", "timeout": "half an hour"}]}`, []string{
		"1:45 packages[0].timeout: `30` is not a duration; write for example \"90s\", \"30m\" or \"1h30m\"",
		"1:82 packages[1].timeout: `0s` is not above zero; write for example \"30m\"",
		"1:119 packages[2].timeout: `-5m` is not above zero; write for example \"30m\"",
		"1:157 packages[3].timeout: `25h` is too long; write \"24h\" or less",
		"1:195 packages[4].timeout: `half an hour` is not a duration; write for example \"90s\", \"30m\" or \"1h30m\"",
	}},
	{"sizes", manifest.Options{}, `{"packages": [{"pkg_name": "p0", "resources": {"memory": "lots"}}, {"pkg_name": "p1", "resources": {"memory": "512"}}, {"pkg_name": "p2", "resources": {"memory": 512}}, {"pkg_name": "p3", "resources": {"memory": "1e30"}}]}`, []string{
		"1:58 packages[0].resources.memory: `lots` is not a size; write for example 4GiB",
		"1:111 packages[1].resources.memory: `512` is below 6MiB, the least that Docker accepts; write for example 512MiB",
		`1:163 packages[2].resources.memory: is a number but must be a size; write for example "2GiB"`,
		"1:213 packages[3].resources.memory: `1e30` is not a size; write for example 4GiB",
	}},
	{"other limits", manifest.Options{}, `{"packages": [{"pkg_name": "lib", "resources": {"cpus": 0, "pids": 1.5, "cpu": 1}}]}`, []string{
		"1:57 packages[0].resources.cpus: `0` is out of range; write a number from 0.01 to 1024",
		"1:68 packages[0].resources.pids: `1.5` is out of range; write a whole number from 1 to 2147483647",
		"1:73 packages[0].resources.cpu: unknown key `cpu`; did you mean `cpus`?",
	}},
	{"cpus of another kind", manifest.Options{}, `{"packages": [{"pkg_name": "lib", "resources": {"cpus": "2"}}]}`, []string{
		`1:57 packages[0].resources.cpus: is a string but must be a number; write for example 1.5`,
	}},
	{"retries", manifest.Options{}, `{"packages": [{"pkg_name": "a", "retries": 6}, {"pkg_name": "b", "retries": -1}, {"pkg_name": "c", "retries": 1.5}]}`, []string{
		"1:44 packages[0].retries: `6` is out of range; write a whole number from 0 to 5",
		"1:77 packages[1].retries: `-1` is out of range; write a whole number from 0 to 5",
		"1:111 packages[2].retries: `1.5` is out of range; write a whole number from 0 to 5",
	}},
	{"depends on", manifest.Options{}, `{"packages": [{"pkg_name": "pet_api", "pkg_dir": "services/pet"}, {"pkg_name": "web", "depends_on": ["pet-api", "web", "stock", "services/pet", "pet_api", "pet_api", ""]}]}`, []string{
		"1:102 packages[1].depends_on[0]: package `pet-api` is not listed; did you mean `pet_api`?",
		"1:113 packages[1].depends_on[1]: package `web` depends on itself; remove it here",
		"1:120 packages[1].depends_on[2]: package `stock` is not listed; add it to `packages` or remove it here",
		"1:129 packages[1].depends_on[3]: package `services/pet` is not listed; did you mean `pet_api`?",
		"1:156 packages[1].depends_on[5]: `pet_api` is listed twice; remove one of the two",
		`1:167 packages[1].depends_on[6]: is empty; write for example "awesome_lib" or remove it`,
	}},
	{"cycle", manifest.Options{}, `{"packages": [
{"pkg_name": "a", "depends_on": ["b"]},
{"pkg_name": "b", "depends_on": ["c"]},
{"pkg_name": "c", "depends_on": ["a"]}]}`, []string{
		`4:34 packages[2].depends_on[0]: dependency cycle a -> b -> c -> a; remove one of these dependencies`,
	}},
	{"two cycles", manifest.Options{}, `{"packages": [{"pkg_name": "z", "depends_on": ["a"]}, {"pkg_name": "a", "depends_on": ["b", "c"]}, {"pkg_name": "b", "depends_on": ["a"]}, {"pkg_name": "c", "depends_on": ["a"]}]}`, []string{
		`1:133 packages[2].depends_on[0]: dependency cycle a -> b -> a; remove one of these dependencies`,
		`1:173 packages[3].depends_on[0]: dependency cycle a -> c -> a; remove one of these dependencies`,
	}},
	{"cycle by the defaults", manifest.Options{}, `{"packages": [{"pkg_name": "a"}, {"pkg_name": "b", "depends_on": ["c"]}, {"pkg_name": "c"}], "defaults": {"depends_on": ["b"]}}`, []string{
		`1:122 defaults.depends_on[0]: dependency cycle b -> c -> b; remove one of these dependencies`,
	}},
	{"dependencies_type", manifest.Options{}, `{"packages": [{"pkg_name": "lib", "dependencies_type": ["gomod", "none", "pip"]}]}`, []string{
		"1:57 packages[0].dependencies_type[0]: `gomod` is not a kind of dependency file; did you mean `go_mod`?",
		"1:66 packages[0].dependencies_type[1]: `none` stands beside others; write [\"none\"] alone or remove it",
		"1:74 packages[0].dependencies_type[2]: `pip` is not a kind of dependency file; write `python_requirements`, `dockerfile`, `docker_compose`, `go_mod`, `package_json`, `cargo`, `maven` or `none`",
	}},
	{"commit prefixes", manifest.Options{}, `{"packages": [{"pkg_name": "lib", "exclude_dependencies_only_on_keywords": ["doc", "FEATURE"]}]}`, []string{
		"1:77 packages[0].exclude_dependencies_only_on_keywords[0]: `doc` is not a commit prefix; did you mean `DOC`?",
		"1:84 packages[0].exclude_dependencies_only_on_keywords[1]: `FEATURE` is not a commit prefix; write `ENH`, `BUG`, `DOC`, `TST`, `BLD`, `PERF`, `CLN` or `RFR`",
	}},
	{"globs", manifest.Options{}, `{"packages": [{"pkg_name": "lib", "inputs": ["!a", "/a", "../b", "c/", "d\\e", "[", "./f", "g//h", "i\tj", "!", 1, "/"]}]}`, []string{
		"1:52 packages[0].inputs[1]: `/a` starts with `/`; write it from the root of the repository, as `a`",
		"1:58 packages[0].inputs[2]: `../b` goes up by `..`; write it from the root of the repository",
		"1:72 packages[0].inputs[4]: `d\\e` holds a backslash that escapes nothing; write `/` between folders",
		"1:80 packages[0].inputs[5]: `[` is not a glob; close every `[` and `{`, or write a backslash before one that is meant as it is",
		"1:85 packages[0].inputs[6]: `./f` matches no file, for no path has an empty or `.` part; write for example `docs/**`",
		"1:92 packages[0].inputs[7]: `g//h` matches no file, for no path has an empty or `.` part; write for example `docs/**`",
		"1:100 packages[0].inputs[8]: `i�j` holds a control character; remove it",
		"1:108 packages[0].inputs[9]: `!` is empty; write for example `docs/**`",
		"1:113 packages[0].inputs[10]: is a number but must be a string; write `1` in double quotes",
		"1:116 packages[0].inputs[11]: `/` starts with `/`; write it from the root of the repository, as `**`",
	}},
	{"globs elsewhere", manifest.Options{}, `{"packages": [{"pkg_name": "a", "artifacts": ["!dist", "../x"], "reports": "junit.xml"}], "global_inputs": ["!go.mod", "{a"], "ignore": ["/docs"]}`, []string{
		"1:47 packages[0].artifacts[0]: `!dist` excludes by `!`, which artifacts cannot; write what is meant without it",
		"1:56 packages[0].artifacts[1]: `../x` goes up by `..`; write it from the folder of the package",
		`1:76 packages[0].reports: is a string but must be a list of strings; write ["junit.xml"]`,
		"1:120 global_inputs[1]: `{a` is not a glob; close every `[` and `{`, or write a backslash before one that is meant as it is",
		"1:138 ignore[0]: `/docs` starts with `/`; write it from the root of the repository, as `docs`",
	}},
	{"globs that do too much", manifest.Options{}, `{"packages": [], "ignore": ["{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}", "{a,b}{a,b}{a,b}{a,b}{a,b}{a,b,{c,d}}", "` + strings.Repeat("x", 4097) + `"]}`, []string{
		"1:63 ignore[1]: `{a,b}{a,b}{a,b}{a,b}{a,b}{a,b,{c,d}}` has more than 64 alternatives in its braces; write several globs",
		"1:103 ignore[2]: `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…` is longer than 4096 bytes; write several globs",
	}},
	{"globs that only exclude", manifest.Options{}, `{"packages": [{"pkg_name": "a", "inputs": ["!a", "!b"]}], "ignore": ["!docs", "**/*.md", "docs/"]}`, []string{
		"1:43 packages[0].inputs: only excludes; add a glob without `!` for what it excludes from",
	}},
	{"env", manifest.Options{}, `{"packages": [{"pkg_name": "lib", "env": {"1A": "x", "A-B": "x", "": "x", "PORT": 8080, "DEBUG": true, "NIL": null, "NUL": "a\u0000"}}]}`, []string{
		"1:43 packages[0].env.1A: `1A` is not the name of a variable; use letters, digits and `_` only, and no digit at the start",
		"1:54 packages[0].env.A-B: `A-B` is not the name of a variable; use letters, digits and `_` only, and no digit at the start",
		`1:66 packages[0].env[""]: the name of a variable is empty; write for example NAME`,
		"1:83 packages[0].env.PORT: is a number but must be a string; write `8080` in double quotes",
		"1:98 packages[0].env.DEBUG: is `true` but must be a string; write it in double quotes",
		"1:111 packages[0].env.NIL: is `null` but must be a string; remove the key or write for example \"value\"",
		`1:124 packages[0].env.NUL: holds a NUL character; remove it`,
	}},
	{"secrets", manifest.Options{}, `{"packages": [{"pkg_name": "lib", "env": {"TOKEN": "x"}, "secrets": ["TOKEN", "a b", "KEY", "KEY"]}]}`, []string{
		"1:70 packages[0].secrets[0]: `TOKEN` is in both env and secrets; remove it from one of the two",
		"1:79 packages[0].secrets[1]: `a b` is not the name of a variable; use letters, digits and `_` only, and no digit at the start",
		"1:93 packages[0].secrets[3]: `KEY` is listed twice; remove one of the two",
	}},
	{"secrets of the defaults", manifest.Options{}, `{"defaults": {"secrets": ["TOKEN"]}, "packages": [{"pkg_name": "lib", "env": {"TOKEN": "x"}}]}`, []string{
		"1:79 packages[0].env.TOKEN: `TOKEN` is in both env and secrets; remove it from one of the two",
	}},
	{"secrets within the defaults", manifest.Options{}, `{"defaults": {"secrets": ["TOKEN"], "env": {"TOKEN": "x"}}, "packages": [{"pkg_name": "lib"}]}`, []string{
		"1:27 defaults.secrets[0]: `TOKEN` is in both env and secrets; remove it from one of the two",
	}},
	{"commands are missing", manifest.Options{}, `{"packages": [{"pkg_name": "lib", "test_type": "command"}]}`, []string{
		"1:15 packages[0].commands: is missing; test_type `command` needs at least one line",
	}},
	{"commands are empty", manifest.Options{}, `{"packages": [{"pkg_name": "lib", "test_type": "command", "commands": []}]}`, []string{
		"1:71 packages[0].commands: is empty; test_type `command` needs at least one line",
	}},
	{"a command is blank", manifest.Options{}, `{"packages": [{"pkg_name": "lib", "test_type": "command", "commands": [" "]}]}`, []string{
		`1:72 packages[0].commands[0]: is empty; write for example "go test ./..." or remove it`,
	}},
	{"commands with make", manifest.Options{}, `{"packages": [{"pkg_name": "lib", "commands": ["go test"], "clean": ["rm -r x"]}]}`, []string{
		"1:35 packages[0].commands: test_type `make` runs `make ci` and `make clean`, not this; add \"test_type\": \"command\" or remove commands",
		"1:60 packages[0].clean: test_type `make` runs `make ci` and `make clean`, not this; add \"test_type\": \"command\" or remove clean",
	}},
	{"services", manifest.Options{}, `{"packages": [{"pkg_name": "lib", "services": {"d b": {"image": "postgres:16"}, "db": {"img": "x", "ports": [0, "5432", "x"], "ready": true, "env": {"A B": "x"}}, "q": 1}}]}`, []string{
		"1:48 packages[0].services[\"d b\"]: `d b` is not the name of a host; use at most 63 letters, digits, `.`, `_` and `-`, and a letter or digit at the start",
		`1:87 packages[0].services.db.image: is missing; name the image that the service runs in`,
		"1:88 packages[0].services.db.img: unknown key `img`; remove it or write `image`, `env`, `ports` or `ready`",
		"1:110 packages[0].services.db.ports[0]: `0` is out of range; write a whole number from 1 to 65535",
		`1:113 packages[0].services.db.ports[1]: is a string but must be a whole number; write 5432 without quotes`,
		`1:121 packages[0].services.db.ports[2]: is a string but must be a whole number; write for example 1`,
		"1:136 packages[0].services.db.ready: is `true` but must be a string; write it in double quotes",
		"1:150 packages[0].services.db.env[\"A B\"]: `A B` is not the name of a variable; use letters, digits and `_` only, and no digit at the start",
		`1:169 packages[0].services.q: is a number but must be an object; write for example {"image": "postgres:16"}`,
	}},
	{"names of services", manifest.Options{}, `{"packages": [{"pkg_name": "lib", "services": {"db": {"image": "x"}, "DB": {"image": "x"}, "LocalHost": {"image": "x"}, "10.0.0.1": {"image": "x"}, "q": {"image": "x", "ports": [1, 2, 1], "ready": "70000"}}}]}`, []string{
		"1:70 packages[0].services.DB: `DB` is the same host as `db`; write another name",
		"1:92 packages[0].services.LocalHost: `LocalHost` is the name of another host already; write for example `db`",
		"1:121 packages[0].services[\"10.0.0.1\"]: `10.0.0.1` would be read as an address; write a name with a letter in it",
		"1:185 packages[0].services.q.ports[2]: 1 is listed twice; remove one of the two",
		"1:198 packages[0].services.q.ready: `70000` is no port; write a number from 1 to 65535, or a command",
	}},
	{"many services", manifest.Options{}, `{"packages": [{"pkg_name": "lib", "services": {` + manyServices(21) + `}}]}`, []string{
		"1:47 packages[0].services: lists 21 services, more than the 20 that a package may have",
	}},
	{"cache", manifest.Options{}, `{"packages": [{"pkg_name": "lib", "cache": [{}, {"key": "a", "paths": ["../x", "/", "a\\b", "a\nb"]}, {"key": "a", "paths": [], "path": "x"}, 1]}]}`, []string{
		`1:45 packages[0].cache[0].key: is missing; name the cache`,
		`1:45 packages[0].cache[0].paths: is missing; list what it keeps`,
		"1:72 packages[0].cache[1].paths[0]: `../x` goes up by `..`; write the whole path",
		"1:80 packages[0].cache[1].paths[1]: `/` is not the plain path of a folder; write for example `~/.cache/pip`",
		"1:85 packages[0].cache[1].paths[2]: `a\\b` holds a backslash; write `/` between folders",
		"1:93 packages[0].cache[1].paths[3]: `a�b` holds a control character; remove it",
		"1:111 packages[0].cache[2].key: `a` is the key of another cache of this package; join the two or write another key",
		`1:125 packages[0].cache[2].paths: is empty; list what the cache keeps`,
		"1:129 packages[0].cache[2].path: unknown key `path`; did you mean `paths`?",
		`1:143 packages[0].cache[3]: is a number but must be an object; write for example {"key": "pip", "paths": ["~/.cache/pip"]}`,
	}},
	{"folders that cannot be kept", manifest.Options{}, `{"packages": [{"pkg_name": "lib", "cache": [{"key": "a", "paths": ["/etc", "/workspace/a", "/.loktar", "/proc/self", "~"]}]}]}`, []string{
		"1:68 packages[0].cache[0].paths[0]: `/etc` has what programs need, which a cache would hide; write another folder",
		"1:76 packages[0].cache[0].paths[1]: `/workspace/a` is where the repository's files are; write the path from the package's folder",
		"1:92 packages[0].cache[0].paths[2]: `/.loktar` is Loktar's own; write another folder",
		"1:104 packages[0].cache[0].paths[3]: `/proc/self` is the kernel's; no folder can be kept there",
		"1:118 packages[0].cache[0].paths[4]: `~` holds more than can be kept, and would hide it; write a folder in it",
	}},
	{"folders that cannot be kept together", manifest.Options{}, `{"packages": [{"pkg_name": "lib", "cache": [{"key": "a", "paths": ["~/x"]}, {"key": "b", "paths": ["/root/x/y"]}]}, {"pkg_name": "api", "cache": [{"key": "a", "paths": ["~/x"]}], "env": {"HOME": "here"}}]}`, []string{
		"1:44 packages[0].cache: `/root/x/y` is, or has inside, a folder that is kept already; list it once",
		"1:146 packages[1].cache: `~/x` leads nowhere, as HOME in env is `here`; write there the whole path of a folder",
	}},
	{"concurrency", manifest.Options{}, `{"packages": [{"pkg_name": "lib", "concurrency": "a b"}]}`, []string{
		"1:50 packages[0].concurrency: `a b` is not the name of a group; use at most 100 letters, digits, `.`, `_` and `-`, and a letter or digit at the start",
	}},
	{"build_info by pkg_type", manifest.Options{}, `{"packages": [{"pkg_name": "a", "build_info": {"bucket": "x"}}, {"pkg_name": "b", "pkg_type": "whl", "build_info": {"registry_type": "quay", "code_name": "x", "storage_type": "s3", "indx": ""}}]}`, []string{
		"1:48 packages[0].build_info.bucket: a package of pkg_type `none` has no `bucket`; remove it or write pkg_type `docker`, `jar` or `file`",
		"1:134 packages[1].build_info.registry_type: `quay` is no value of registry_type; write `pypi`",
		"1:142 packages[1].build_info.code_name: a package of pkg_type `whl` has no `code_name`; remove it or write pkg_type `deb`",
		"1:176 packages[1].build_info.storage_type: `s3` is no value of storage_type; write `file`",
		"1:182 packages[1].build_info.indx: unknown key `indx`; did you mean `index`?",
	}},
	{"build_info values", manifest.Options{}, `{"packages": [{"pkg_name": "b", "pkg_type": "whl", "build_info": {"index": "pypi", "version": "1.{{.Nxt}}"}}, {"pkg_name": "c", "pkg_type": "npm", "build_info": {"registry": "https://u:p@npm.example.com", "access": "secret", "version": "1.{{.Next"}}]}`, []string{
		"1:76 packages[0].build_info.index: `pypi` is not a URL; write for example \"https://pypi.example.com/simple\"",
		"1:95 packages[0].build_info.version: `{{.Nxt}}` is not known in a version; write {{.Next}}, {{.Date}} or {{.ShortSHA}}",
		`1:175 packages[1].build_info.registry: the URL holds a user name or password; remove it, the server holds the credentials`,
		"1:216 packages[1].build_info.access: `secret` is no value of access; write `public` or `restricted`",
		"1:237 packages[1].build_info.version: `1.{{.Next` opens {{ and does not close it; write for example \"1.0.{{.Next}}\"",
	}},
	{"build_info.git_tag", manifest.Options{}, `{"packages": [
{"pkg_name": "a", "pkg_type": "whl", "build_info": {"git_tag": "{{.Name}}-{{.Next}}"}},
{"pkg_name": "b", "pkg_type": "whl", "build_info": {"git_tag": "{{.Name}}-v{{.Version"}},
{"pkg_name": "c", "pkg_type": "whl", "build_info": {"git_tag": "{{.Name}}"}},
{"pkg_name": "d", "pkg_type": "whl", "build_info": {"git_tag": "{{.Name}} {{.Version}}"}},
{"pkg_name": "e", "pkg_type": "whl", "build_info": {"git_tag": "v{{.Version}}.", "github_release": "true"}},
{"pkg_name": "f..f", "pkg_type": "whl", "build_info": {"git_tag": "{{.Name}}-{{.Version}}"}},
{"pkg_name": "g", "pkg_type": "whl", "build_info": {"github_release": true}},
{"pkg_name": "h", "build_info": {"git_tag": "v{{.Version}}"}},
{"pkg_name": "i", "pkg_type": "npm", "build_info": {"git_tag": "i-v{{.Version}}"}},
{"pkg_name": "j", "pkg_type": "deb", "build_info": {"git_tag": "i-v{{ .Version }}", "git_release": true}},
{"pkg_name": "k", "pkg_type": "jar", "build_info": {"git_tag": ""}}]}`, []string{
		"2:64 packages[0].build_info.git_tag: `{{.Next}}` is not known in a tag; write {{.Name}} or {{.Version}}",
		"3:64 packages[1].build_info.git_tag: `{{.Version` is not known in a tag; write {{.Name}} or {{.Version}}",
		"4:64 packages[2].build_info.git_tag: `{{.Name}}` holds no {{.Version}}, and so all versions would have one tag; write for example \"{{.Name}}-v{{.Version}}\"",
		"5:64 packages[3].build_info.git_tag: `lib 1` cannot be the name of a tag: it holds a blank or a character that cannot be seen; write for example \"{{.Name}}-v{{.Version}}\"",
		"6:64 packages[4].build_info.git_tag: `v1.` cannot be the name of a tag: it ends with a dot; write for example \"{{.Name}}-v{{.Version}}\"",
		"6:100 packages[4].build_info.github_release: is a string but must be true or false; write true without quotes",
		"7:67 packages[5].build_info.git_tag: `f..f-1` cannot be the name of a tag: it holds `..` or `@{`; write a tag without {{.Name}}, or give the package another name",
		"8:71 packages[6].build_info.github_release: a release needs a tag, and package `g` has none; add for example \"git_tag\": \"{{.Name}}-v{{.Version}}\" or remove this",
		"9:34 packages[7].build_info.git_tag: a package of pkg_type `none` has no `git_tag`; remove it or write pkg_type `docker`, `whl`, `deb`, `jar`, `npm` or `file`",
		"11:64 packages[9].build_info.git_tag: the tags of package `j` would be those of package `i`; write {{.Name}} into it",
		"11:85 packages[9].build_info.git_release: unknown key `git_release`; did you mean `github_release`?",
		"12:64 packages[10].build_info.git_tag: is empty; write for example \"{{.Name}}-v{{.Version}}\" or remove it",
	}},
	{"git_tag of the defaults", manifest.Options{}, `{"defaults": {"pkg_type": "file", "build_info": {"git_tag": "v{{.Version}}", "github_release": true}}, "packages": [{"pkg_name": "a"}, {"pkg_name": "b"}, {"pkg_name": "c"}]}`, []string{
		"1:61 defaults.build_info.git_tag: the tags of package `b` would be those of package `a`; write {{.Name}} into it",
	}},
	{"github_release of the defaults", manifest.Options{}, `{"defaults": {"build_info": {"github_release": true}}, "packages": [{"pkg_name": "a"}, {"pkg_name": "b", "pkg_type": "whl"}, {"pkg_name": "c", "pkg_type": "file"}, {"pkg_name": "d", "pkg_type": "whl", "build_info": {"git_tag": "v{{.Version}}"}}]}`, []string{
		"1:48 defaults.build_info.github_release: a release needs a tag, and package `b` has none; add for example \"git_tag\": \"{{.Name}}-v{{.Version}}\" or remove this",
	}},
	{"build_info with a wrong pkg_type", manifest.Options{}, `{"packages": [{"pkg_name": "lib", "pkg_type": "wheel", "build_info": {"index": "x"}}]}`, []string{
		"1:47 packages[0].pkg_type: `wheel` is no value of pkg_type; did you mean `whl`?",
	}},
	{"hostile words", manifest.Options{}, "{\"packages\": [{\"pkg_name\": \"lib\", \"a`b\\u001b[31m\\u202e\": 1, \"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk\": 2, \"type\": \"\\n`\"}]}", []string{
		"1:35 packages[0][\"a`b\\x1b[31m\\u202e\"]: unknown key `a'b�[31m�`; remove it",
		"1:61 packages[0][\"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk…\"]: unknown key `kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk…`; remove it",
		"1:276 packages[0].type: `�'` is no value of type; write `service` or `library`",
	}},
	{"place after other alphabets", manifest.Options{}, `{"packages": [{"pkg_name": "lib", "env": {"A": "日本語"}, "retries": 9}]}`, []string{
		"1:67 packages[0].retries: `9` is out of range; write a whole number from 0 to 5",
	}},
	{"place after windows lines", manifest.Options{}, "{\r\n\"packages\": [\r\n{\"pkg_name\": 1}]}", []string{
		"3:14 packages[0].pkg_name: is a number but must be a string; write `1` in double quotes",
	}},
}

func TestProblems(t *testing.T) {
	for _, c := range broken {
		t.Run(c.name, func(t *testing.T) {
			m, ps := manifest.Parse([]byte(c.file), c.opts)
			if m != nil {
				t.Error("there is a manifest beside the problems")
			}
			if diff := cmp.Diff(c.want, lines(ps)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func manyServices(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`"s%d": {"image": "x"}`, i))
	}
	return strings.Join(list, ", ")
}
