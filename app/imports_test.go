package app_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/dudesons/loktar/"

// arrows are the imports inside the module that the architecture allows. A
// package that is not listed may import no other of the module.
var arrows = []struct {
	from   string   // a folder; "/..." is it and all below
	to     []string // likewise
	reason string
}{
	{"checks", nil, "checks is the domain: everyone speaks in its terms, so it depends on nobody"},
	{"checks/markdown", nil, "escaping is a leaf"},
	{"checks/graph", []string{"checks"}, "the affected set is pure"},
	{"checks/keys", []string{"checks", "checks/graph"}, "a package's key is pure: what it needs of git is given to it"},
	{"checks/plan", []string{"checks", "checks/graph", "checks/markdown"}, "planning is pure: what it needs is given to it"},
	{"checks/annotate", []string{"checks"}, "reading what tools wrote is pure: the files of the tree are asked for"},
	{"checks/command", []string{"checks", "checks/markdown"}, "commands and their answers are pure"},
	{"checks/engine", []string{"checks", "checks/command", "checks/plan", "checks/markdown"}, "the engine declares what it needs of store, source and runner"},
	{"checks/report", []string{"checks", "checks/markdown"}, "reporting declares what it needs of store and sink"},
	{"checks/notify", []string{"checks", "checks/markdown", "checks/report"}, "telling people declares what it needs of store and sinks, and says what the aggregate check says"},
	{"configs", []string{"configs/internal/value"}, "configuration is read by app alone and knows nobody"},
	{"configs/manifest", []string{"checks", "configs/internal/value"}, "loktar.json becomes the domain's terms"},
	{"configs/manifest/infer", []string{"checks"}, "dependencies are read from any tree that can be listed"},
	{"configs/manifest/discover", []string{"checks"}, "packages are found in any tree of files, before there is a loktar.json"},
	{"configs/internal/value", nil, "reading sizes, image names and words nearly right is a leaf"},
	{"store", []string{"checks"}, "the store keeps the domain's values"},
	{"store/storetest", []string{"checks", "store"}, "the suite knows the store's records, and no implementation's insides"},
	{"store/logs", nil, "how old logs are kept is a leaf: whose they are is known by who asks"},
	{"store/blob", []string{"checks"}, "files under keys are an edge of their own: what they are for is known by who puts them"},
	{"store/blob/blobtest", []string{"checks", "store/blob"}, "the suite knows the contract, and no implementation's insides"},
	{"runner", []string{"checks", "checks/annotate", "runner/redact"}, "the runner carries out the domain's jobs, and keeps secrets out of their logs"},
	{"runner/redact", nil, "finding secrets in a text is a leaf"},
	{"runner/disk", nil, "how much a disk has left is a leaf"},
	{"runner/source", []string{"checks", "runner/disk"}, "git is an edge of its own"},
	{"runner/docker", []string{"checks", "runner", "runner/disk", "runner/rmtree"}, "a sandbox implements the runner's interface"},
	{"runner/caches", []string{"checks", "runner", "runner/rmtree"}, "a store of caches implements the runner's interface, and knows no engine: a view is plain folders"},
	{"runner/rmtree", nil, "removing what strangers nested is a leaf"},
	{"runner/docker/dockertest", nil, "a helper of tests"},
	{"runner/sandboxtest", []string{"checks", "runner"}, "the suite knows the contract, and no implementation's insides"},
	{"runner/publish", []string{"checks", "store/blob"}, "publishing brings the domain's artifacts to registries; storage is one of them"},
	{"runner/publish/publishtest", nil, "stand-ins share no code with what is tested against them"},
	{"app/webhook", []string{"checks"}, "siblings under app do not import one another: app joins them"},
	{"app/github", []string{"checks", "checks/markdown"}, "siblings under app do not import one another: app joins them; the bounds of GitHub's texts are kept in one place"},
	{"app/web", []string{"checks"}, "siblings under app do not import one another: app joins them"},
	{"app/slack", []string{"checks", "checks/notify"}, "siblings under app do not import one another: app joins them; a channel is told the facts of a run"},
	{"app/slack/slacktest", nil, "the stand-in for Slack shares no code with what is tested against it"},
	{"app/minihub", nil, "the stand-in for GitHub shares no code with what is tested against it"},
	{"app/minihub/minihubtest", []string{"app/minihub"}, "a helper of tests"},
	{"app", []string{"checks/...", "configs/...", "store", "store/blob", "store/logs", "runner/...", "app/webhook", "app/github", "app/slack", "app/web"}, "app is the composition root: the one place that sees all parts"},
	{"app/loktar", []string{"app", "app/demo", "configs/...", "checks", "checks/graph"}, "the command line starts what app composed, and speaks of it in the domain's terms"},
	{"app/demo", []string{"app", "app/minihub", "configs"}, "the demo is the real server beside the stand-in"},
}

// TestImports holds the architecture: each import inside the module is an
// arrow of the list above.
func TestImports(t *testing.T) {
	seen := 0
	err := filepath.WalkDir("..", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && d.Name() != ".." {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel("..", filepath.Dir(file))
		if err != nil {
			return err
		}
		from := filepath.ToSlash(rel)
		for _, spec := range f.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if from == "checks" && strings.Contains(strings.SplitN(imported, "/", 2)[0], ".") {
				t.Errorf("%s imports %s: checks imports the standard library alone", file, imported)
			}
			if to, ok := strings.CutPrefix(imported, module); ok {
				seen++
				if reason, ok := allowed(from, to); !ok {
					t.Errorf("%s imports %s: %s", file, to, reason)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen == 0 {
		t.Error("no import inside the module was seen: the test looks in the wrong place")
	}
}

func allowed(from, to string) (reason string, ok bool) {
	reason = "the package has no rule yet; add one with its reason to arrows"
	for _, a := range arrows {
		if !within(from, a.from) {
			continue
		}
		reason = a.reason
		for _, target := range a.to {
			if within(to, target) {
				return "", true
			}
		}
	}
	return reason, false
}

func within(dir, pattern string) bool {
	tree, ok := strings.CutSuffix(pattern, "/...")
	return dir == path.Clean(tree) || ok && strings.HasPrefix(dir, tree+"/")
}
