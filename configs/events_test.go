package configs

import (
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

var eventDefaults = Events{Forks: "approve", Drafts: "run", FullLabel: "loktar:full", PublishLabel: "loktar:publish", Comment: "never"}

func TestEvents(t *testing.T) {
	inFile := "events: {forks: run, drafts: wait, push: [main, 'release/*', 'a,b'], tags: 'v*, w*', full_label: all of it, publish_label: ship}\n"
	of := Events{Forks: "run", Drafts: "wait", Push: []string{"main", "release/*", "a,b"}, Tags: []string{"v*", "w*"}, FullLabel: "all of it", PublishLabel: "ship", Comment: "never"}
	none := of
	none.Push, none.Tags, none.FullLabel, none.PublishLabel = nil, nil, "", ""
	for _, c := range []struct {
		name, file string
		environ    []string
		want       Events
	}{
		{name: "defaults", want: eventDefaults},
		{name: "file", file: inFile, want: of},
		{name: "variables", file: "events: {push: [x], forks: run}\n", environ: []string{
			"LOKTAR_EVENTS_FORKS=ignore", "LOKTAR_EVENTS_DRAFTS=wait", "LOKTAR_EVENTS_PUSH= main , release/*", "LOKTAR_EVENTS_TAGS=**", "LOKTAR_EVENTS_FULL_LABEL=full", "LOKTAR_EVENTS_PUBLISH_LABEL=ship",
		}, want: Events{Forks: "ignore", Drafts: "wait", Push: []string{"main", "release/*"}, Tags: []string{"**"}, FullLabel: "full", PublishLabel: "ship", Comment: "never"}},
		{name: "empty variables", file: inFile, environ: []string{
			"LOKTAR_EVENTS_FORKS=", "LOKTAR_EVENTS_DRAFTS=", "LOKTAR_EVENTS_PUSH=", "LOKTAR_EVENTS_TAGS= ", "LOKTAR_EVENTS_FULL_LABEL=", "LOKTAR_EVENTS_PUBLISH_LABEL=",
		}, want: none},
		{name: "a variable over a wrong list", file: "events: {push: ['[']}\n", environ: []string{"LOKTAR_EVENTS_PUSH=main"},
			want: Events{Forks: "approve", Drafts: "run", Push: []string{"main"}, FullLabel: "loktar:full", PublishLabel: "loktar:publish", Comment: "never"}},
		{name: "empty lists", file: "events: {push: [], tags: '', full_label: '', publish_label: ''}\n", want: Events{Forks: "approve", Drafts: "run", Comment: "never"}},
		{name: "keys without values", file: "events:\n  forks:\n  drafts: ~\n  push:\n  tags: null\n  full_label:\n  publish_label:\nrepositories:\n", want: Events{Forks: "approve", Drafts: "run", Comment: "never"}},
		{name: "numbers are names", file: "events: {push: [1.10, true, &b main, *b]}\n",
			want: Events{Forks: "approve", Drafts: "run", Push: []string{"1.10", "true", "main", "main"}, FullLabel: "loktar:full", PublishLabel: "loktar:publish", Comment: "never"}},
		{name: "a block", file: "events:\n  tags:\n  - v*\n  - '[0-9]*'\n",
			want: Events{Forks: "approve", Drafts: "run", Tags: []string{"v*", "[0-9]*"}, FullLabel: "loktar:full", PublishLabel: "loktar:publish", Comment: "never"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := ""
			if c.file != "" {
				file = write(t, "loktar.yml", c.file)
			}
			got := load(t, file, enough(t, c.environ...))
			if diff := cmp.Diff(c.want, got.Events); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.want, got.EventsOf("acme", "pets")); diff != "" {
				t.Errorf("of a repository (-want +got):\n%s", diff)
			}
		})
	}
	if got := (Config{}).EventsOf("acme", "pets"); !cmp.Equal(got, Events{}) {
		t.Errorf("of an empty configuration: %+v", got)
	}
}

func TestEventsOf(t *testing.T) {
	file := write(t, "loktar.yml", `
events: {drafts: wait, push: [main], full_label: all}
repositories:
  acme/Pets.io: {forks: run, push: []}
  Acme/*:
    forks: ignore
    tags: [v*]
    full_label:
  other/*: {}
  other/docs:
`)
	c := load(t, file, enough(t, "LOKTAR_EVENTS_DRAFTS=run", "LOKTAR_EVENTS_PUSH=trunk"))
	of := func(forks string, push, tags []string, label string) Events {
		return Events{Forks: forks, Drafts: "run", Push: push, Tags: tags, FullLabel: label, PublishLabel: "loktar:publish", Comment: "never"}
	}
	trunk, tags := []string{"trunk"}, []string{"v*"}
	var wg sync.WaitGroup
	for repo, want := range map[string]Events{
		"acme/pets.io": of("run", nil, tags, ""),
		"ACME/PETS.IO": of("run", nil, tags, ""),
		"acme/pets":    of("ignore", trunk, tags, ""),
		"aCme/x":       of("ignore", trunk, tags, ""),
		"acme2/pets":   of("approve", trunk, nil, "all"),
		"other/docs":   of("approve", trunk, nil, "all"),
		"/":            of("approve", trunk, nil, "all"),
	} {
		wg.Go(func() {
			owner, name, _ := strings.Cut(repo, "/")
			if diff := cmp.Diff(want, c.EventsOf(owner, name)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", repo, diff)
			}
		})
	}
	wg.Wait()
}

// TestEventsOfIsLayered holds EventsOf against the rule that the example file
// states: key by key OWNER/NAME, else OWNER/*, else events.
func TestEventsOfIsLayered(t *testing.T) {
	environ := enough(t)
	dir := t.TempDir()
	word := func(words ...string) *rapid.Generator[any] { return rapid.Map(rapid.SampledFrom(words), anyOf) }
	list := rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]string{"main", "release/*", "**", "v[0-9]"}), 0, 3), anyOf)
	values := map[string]*rapid.Generator[any]{
		"forks": word(forkPolicies...), "drafts": word(draftPolicies...), "push": list, "tags": list, "full_label": word("", "full", "a b"),
		"publish_label": word("", "ship"), "comment": word(commentWords...),
	}
	some := rapid.Custom(func(r *rapid.T) map[string]any {
		out := map[string]any{}
		for _, name := range eventNames() {
			if rapid.Bool().Draw(r, "has "+name) {
				out[name] = values[name].Draw(r, name)
			}
		}
		return out
	})
	shout := func(r *rapid.T, s string) string {
		if rapid.Bool().Draw(r, "upper") {
			return strings.ToUpper(s)
		}
		return s
	}
	rapid.Check(t, func(r *rapid.T) {
		said := map[string]map[string]any{"": some.Draw(r, "events")}
		special := map[string]any{}
		for _, repo := range []string{"acme/*", "acme/pets", "acme/x.y", "b-c/*", "b-c/pets"} {
			if rapid.Bool().Draw(r, repo) {
				said[repo] = some.Draw(r, repo)
				special[shout(r, repo)] = said[repo]
			}
		}
		text, err := yaml.Marshal(map[string]any{"events": said[""], repositories: special})
		if err != nil {
			r.Fatal(err)
		}
		file := path.Join(dir, "loktar.yml")
		overwrite(t, file, text)
		c, err := Load(file, environ)
		if err != nil {
			r.Fatal(err)
		}
		for _, repo := range []string{"acme/pets", "acme/x.y", "acme/other", "b-c/pets", "b-c/d", "e/pets"} {
			owner, name, _ := strings.Cut(repo, "/")
			get := func(key string, fallback any) any {
				for _, layer := range []string{repo, owner + "/*", ""} {
					if v, ok := said[layer][key]; ok {
						return v
					}
				}
				return fallback
			}
			got := c.EventsOf(shout(r, owner), shout(r, name))
			if got.Forks != get("forks", "approve") || got.Drafts != get("drafts", "run") || got.FullLabel != get("full_label", "loktar:full") ||
				got.PublishLabel != get("publish_label", "loktar:publish") || got.Comment != get("comment", "never") ||
				!slices.Equal(got.Push, get("push", []string(nil)).([]string)) || !slices.Equal(got.Tags, get("tags", []string(nil)).([]string)) {
				r.Fatalf("%s: %+v of\n%s", repo, got, text)
			}
		}
	})
}

func anyOf[T any](v T) any { return v }

// TestGlobsCanBeMatched: what is accepted never fails to match later.
func TestGlobsCanBeMatched(t *testing.T) {
	glob := rapid.StringOf(rapid.SampledFrom([]rune(`ab*?[]-^\/!é ,`)))
	rapid.Check(t, func(r *rapid.T) {
		g, name := glob.Draw(r, "glob"), glob.Draw(r, "name")
		if checkGlob(g) != nil {
			return
		}
		if _, err := path.Match(g, name); err != nil {
			r.Fatalf("%q was accepted, and %q: %v", g, name, err)
		}
	})
}

func FuzzRepositories(f *testing.F) {
	key := f.TempDir() + "/key.pem"
	overwrite(f, key, pemKey())
	environ := []string{"LOKTAR_GITHUB_APP_ID=7", "LOKTAR_GITHUB_WEBHOOK_SECRET=hush", "LOKTAR_GITHUB_PRIVATE_KEY_FILE=" + key}
	f.Add("{acme/pets: {forks: run, push: [main]}, acme/*: {drafts: wait}}", "acme", "pets")
	f.Add("{a/b: &a {push: [*a]}, c/d: *a, A/B: }", "a", "b")
	f.Add("&r {a/b: *r}", "a", "b")
	f.Add("\n  a/*:\n    tags: [[a], {b: c}, ~, '[']\n  ? [a]\n  : x\n", "A", "*")
	f.Add("{a/b: {push: a, <<: {tags: b}}}\nevents: {push: 'a,,b'}", "a", "b")
	f.Fuzz(func(t *testing.T, text, owner, name string) {
		c, err := Load(write(t, "loktar.yml", "repositories: "+text), environ)
		if err != nil {
			return
		}
		e := c.EventsOf(owner, name)
		if !slices.Contains(forkPolicies, e.Forks) || !slices.Contains(draftPolicies, e.Drafts) {
			t.Errorf("loaded %+v", e)
		}
		for _, g := range slices.Concat(e.Push, e.Tags) {
			if checkGlob(g) != nil {
				t.Errorf("accepted the glob %q", g)
			}
		}
		if again := c.EventsOf(strings.ToLower(owner), strings.ToLower(name)); !cmp.Equal(e, again) {
			t.Errorf("in lower case %+v, else %+v", again, e)
		}
	})
}
