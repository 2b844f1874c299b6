package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestCommands runs testdata/cli: what a person sees of the commands for a
// local repository, on a terminal and off it. There is no server and no
// Docker.
func TestCommands(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/cli", RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: alone, Cmds: map[string]func(*testscript.TestScript, bool, []string){"git": git, "json": jsonField, "sample": sample, "exit": exitCode},
	})
}

// alone sets up a story without a server.
func alone(env *testscript.Env) error {
	home := filepath.Join(env.WorkDir, ".home")
	for k, v := range map[string]string{
		"HOME": home, "XDG_CACHE_HOME": filepath.Join(home, "cache"), "GIT_CONFIG_NOSYSTEM": "1", "TERM": "xterm", "NO_COLOR": "",
		"GIT_AUTHOR_NAME": "Ann", "GIT_AUTHOR_EMAIL": "ann@example.org", "GIT_COMMITTER_NAME": "Ann", "GIT_COMMITTER_EMAIL": "ann@example.org",
		"GITHUB_BASE_REF": "", "GITHUB_EVENT_NAME": "", "GITHUB_EVENT_PATH": "",
	} {
		env.Setenv(k, v)
	}
	return os.Mkdir(home, 0o700)
}

// git ARG...: git, which must not fail. "commit MESSAGE" commits everything,
// "repo [DIR]" makes a repository of what is in DIR.
func git(ts *testscript.TestScript, _ bool, args []string) {
	run := func(args ...string) { ts.Check(ts.Exec("git", args...)) }
	commit := func(dir, message string) {
		run("-C", dir, "add", "--all")
		run("-C", dir, "commit", "--quiet", "--allow-empty", "--message", message)
	}
	switch args[0] {
	case "repo":
		dir := "."
		if len(args) > 1 {
			dir = args[1]
		}
		run("init", "--quiet", "--initial-branch=main", dir)
		commit(dir, "first")
	case "commit":
		commit(".", args[1])
	default:
		run(args...)
	}
}

// json PATH VALUE: what was printed last is JSON that has VALUE, as
// JSON, at PATH: keys and indexes with dots between them; "len" is a length.
func jsonField(ts *testscript.TestScript, _ bool, args []string) {
	var v any
	kept := filepath.Join(ts.Getenv("HOME"), "json")
	if text := ts.ReadFile("stdout"); text != "" { // it is forgotten after one command
		ts.Check(os.WriteFile(kept, []byte(text), 0o600))
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(kept)), &v))
	for key := range strings.SplitSeq(args[0], ".") {
		switch at := v.(type) {
		case map[string]any:
			v = at[key]
		case []any:
			if key == "len" {
				v = len(at)
				continue
			}
			var i int
			ts.Check(json.Unmarshal([]byte(key), &i))
			if i >= len(at) {
				ts.Fatalf("%s: there are %d", args[0], len(at))
			}
			v = at[i]
		default:
			ts.Fatalf("%s: %v has no %s", args[0], v, key)
		}
	}
	b, err := json.Marshal(v)
	ts.Check(err)
	if string(b) != args[1] {
		ts.Fatalf("%s is %s, want %s", args[0], b, args[1])
	}
}

// sample DIR: a repository of the demo's sample monorepo.
func sample(ts *testscript.TestScript, _ bool, args []string) {
	root, err := filepath.Abs("../demo/sample")
	ts.Check(err)
	ts.Check(os.CopyFS(ts.MkAbs(args[0]), os.DirFS(root)))
	git(ts, false, []string{"repo", args[0]})
}

// exit CODE ARG...: loktar with these arguments ends with CODE.
func exitCode(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec("sh", append([]string{"-c", `loktar "$@"; test $? -eq "$0"`}, args...)...)
	if err != nil {
		ts.Fatalf("loktar %q does not exit with %s", args[1:], args[0])
	}
}

// TestAffectedHere runs testdata/affected without server and Docker: that what
// the check of a pull request names is what `loktar affected --merge` names
// in a clone. The stories about people have no meaning there, and the one of
// 100,000 files is long enough once.
func TestAffectedHere(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/affected/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	about := []string{"fork_manifest", "nobuild", "nobuild_in_passing", "nobuild_untrusted", "skip_ci", "files_100000"}
	asked := 0
	t.Cleanup(func() {
		if asked < 60 && !t.Failed() && testing.CoverMode() == "" && len(files) > 70 {
			t.Errorf("only %d questions were asked", asked)
		}
	})
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		if slices.Contains(about, name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			c := &clone{}
			nothing := func(*testscript.TestScript, bool, []string) {}
			testscript.Run(t, testscript.Params{
				Files: []string{file}, RequireExplicitExec: true, RequireUniqueNames: true, Setup: c.setup,
				Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
					"repo": c.repo, "affected": func(ts *testscript.TestScript, _ bool, args []string) { asked++; c.affected(ts, args) },
					"open": c.open, "up": nothing, "owned": nothing, "head": c.open, "check": nothing, "summary": nothing, "annotation": nothing, "nocheck": nothing,
				},
			})
		})
	}
}

// clone is a local look at a story's repository.
type clone struct{ program, origin, topic string }

func (c *clone) setup(env *testscript.Env) error {
	if err := alone(env); err != nil {
		return err
	}
	path := env.Getenv("PATH")
	for dir := range strings.SplitSeq(path, ":") {
		if p, err := exec.LookPath(filepath.Join(dir, "loktar")); err == nil {
			c.program = p
			break
		}
	}
	// The story's server is none.
	stub := filepath.Join(env.WorkDir, ".stub")
	env.Setenv("PATH", stub+":"+path)
	if err := os.Mkdir(stub, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(stub, "loktar"), []byte("#!/bin/sh\n"), 0o700)
}

func (c *clone) repo(ts *testscript.TestScript, _ bool, args []string) {
	git(ts, false, []string{"repo", args[1]})
	c.origin = ts.MkAbs(".origin.git")
	git(ts, false, []string{"clone", "--quiet", "--bare", args[1], c.origin})
	ts.Setenv("URL", c.origin)
}

func (c *clone) open(_ *testscript.TestScript, _ bool, args []string) { c.topic = args[0] }

func (c *clone) affected(ts *testscript.TestScript, want []string) {
	dir := ts.MkAbs(".look")
	ts.Check(os.RemoveAll(dir))
	git(ts, false, []string{"clone", "--quiet", "--no-checkout", c.origin, dir})
	for range 2 { // the second time from what is kept
		ts.Check(ts.Exec("sh", "-c", `cd "$0" && exec "$@"`, dir, c.program, "affected", "--merge", "--head", "origin/"+c.topic, "--format", "names"))
		got := strings.Fields(ts.ReadFile("stdout"))
		slices.Sort(got)
		if !slices.Equal(got, slices.Sorted(slices.Values(want))) {
			ts.Fatalf("affected are %q, want %q\n%s", got, want, ts.ReadFile("stderr"))
		}
	}
}
