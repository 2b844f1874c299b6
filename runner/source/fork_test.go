package source

import (
	"strings"
	"testing"

	"github.com/dudesons/loktar/checks"
)

// fromFork is a pull request of branch topic as if it were in a fork.
func (o *origin) fromFork() checks.Event {
	o.t.Helper()
	ev := o.event("topic", "main")
	ev.PullRequest.Head.Repo = checks.Repo{ID: 43, Owner: "eve", Name: "mono"}
	return ev
}

func TestForksDoNotSayWhatIsRun(t *testing.T) {
	const tip = "the base's"
	huge := strings.Repeat(" ", 20<<20)
	for name, change := range map[string]files{
		"its own":   {"loktar.json": "evil"},
		"none":      {"loktar.json": "-"},
		"link":      {"loktar.json": "link:evil.json", "evil.json": "evil"},
		"link out":  {"loktar.json": "link:/etc/passwd"},
		"folder":    {"loktar.json": "-", "loktar.json/x": "evil"},
		"20 MB":     {"loktar.json": huge},
		"submodule": {"loktar.json": "sub:" + strings.Repeat("1", 40)},
		"untouched": {"b": "1"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOrigin(t)
			root := o.commit("main", files{"loktar.json": "older", "a": "1"})
			o.commit("topic", change, root)
			o.commit("topic", files{"libs/evil/x": "1", "link": "link:a"})
			// The conflict in loktar.json is solved in favour of the head, or
			// is one: the file at the base's tip counts in either case.
			base := o.commit("main", files{"loktar.json": tip})
			ev := o.fromFork()
			l := load(t, o.source(t), ev)
			c := l.Change
			if !l.Forked || string(l.Manifest) != tip || c.ManifestBlob != o.git("rev-parse", base+":loktar.json") || len(c.Problems) > 0 {
				t.Errorf("manifest is %.20q, blob %s, problems %+v", l.Manifest, c.ManifestBlob, c.Problems)
			}
			if string(l.BaseManifest) != "older" || c.MergeBase != root || c.BaseSHA != base {
				t.Errorf("the base's manifest is %q, change %+v", l.BaseManifest, c)
			}
			if tree, text, blob, err := l.Tip(); tree == nil || string(text) != tip || blob != c.ManifestBlob || err != nil {
				t.Errorf("the tip's manifest is %q: %v", text, err)
			}
			// All else is as for any pull request.
			ev.PullRequest.Head.Repo = testRepo
			own := load(t, o.source(t), ev)
			if own.Forked || own.Change.ManifestBlob == c.ManifestBlob && name != "untouched" {
				t.Errorf("the own pull request's manifest is %.20q", own.Manifest)
			}
			if c.Tree != own.Change.Tree || len(c.Conflicts) != len(own.Change.Conflicts) || len(c.Files) != len(own.Change.Files) || len(c.Links) == 0 || !l.Dirs().Exists("libs/evil") {
				t.Errorf("change is %+v, without the fork %+v", c, own.Change)
			}
		})
	}
}

func TestForksAreToldOfTheBasesFaults(t *testing.T) {
	for name, tc := range map[string]struct {
		base    files
		problem string
	}{
		"none":   {files{"a": "1"}, ""},
		"link":   {files{"loktar.json": "link:a"}, "symbolic link"},
		"folder": {files{"loktar.json/x": "1"}, "not a file"},
		"20 MB":  {files{"loktar.json": strings.Repeat(" ", 20<<20)}, "16 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOrigin(t)
			root := o.commit("main", tc.base)
			o.commit("topic", files{"loktar.json/x": "-", "loktar.json": "{}"}, root)
			ev := o.fromFork()
			if name == "link" {
				ev.PullRequest.Head.Repo = checks.Repo{} // a fork that was deleted
			}
			l := load(t, o.source(t), ev)
			if !l.Forked || l.Manifest != nil || (l.Change.ManifestBlob == "") != (name == "none") {
				t.Errorf("manifest is %.20q, blob %q", l.Manifest, l.Change.ManifestBlob)
			}
			if (len(l.Change.Problems) == 1) != (tc.problem != "") || tc.problem != "" && !strings.Contains(l.Change.Problems[0].Message, tc.problem) {
				t.Errorf("problems are %+v", l.Change.Problems)
			}
			if _, text, _, err := l.Tip(); text != nil || err != nil {
				t.Errorf("the tip's manifest is %.20q: %v", text, err)
			}
		})
	}
}
