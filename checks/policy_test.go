package checks_test

import (
	"path"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
)

func TestTestsPush(t *testing.T) {
	for name, c := range map[string]struct {
		branches, tags []string
		ref            string
		want           bool
	}{
		"nothing is set up":             {nil, nil, "refs/heads/main", false},
		"nothing is set up, a tag":      {nil, nil, "refs/tags/v1", false},
		"a branch":                      {[]string{"main"}, nil, "refs/heads/main", true},
		"another branch":                {[]string{"main"}, nil, "refs/heads/main2", false},
		"another case":                  {[]string{"main"}, nil, "refs/heads/Main", false},
		"one of several":                {[]string{"main", "release/*"}, nil, "refs/heads/release/1.2", true},
		"a star ends at a slash":        {[]string{"release/*"}, nil, "refs/heads/release/1/2", false},
		"a star needs the slash":        {[]string{"release/*"}, nil, "refs/heads/release", false},
		"a star alone":                  {[]string{"*"}, nil, "refs/heads/main", true},
		"a star alone and a slash":      {[]string{"*"}, nil, "refs/heads/a/b", false},
		"two stars alone":               {[]string{"**"}, nil, "refs/heads/a/b/c", true},
		"two stars in a glob":           {[]string{"release/**"}, nil, "refs/heads/release/1/2", false},
		"a class":                       {[]string{"v[0-9]"}, nil, "refs/heads/v1", true},
		"a bad glob":                    {[]string{"v[0-9"}, nil, "refs/heads/v1", false},
		"a bad glob, word for word":     {[]string{"["}, nil, "refs/heads/[", false},
		"a bad glob before a good one":  {[]string{"[", "main"}, nil, "refs/heads/main", true},
		"an empty glob":                 {[]string{""}, []string{""}, "refs/heads/main", false},
		"an empty name":                 {[]string{"**", ""}, []string{"**", ""}, "refs/heads/", false},
		"an empty tag":                  {[]string{"**", ""}, []string{"**", ""}, "refs/tags/", false},
		"a tag":                         {nil, []string{"v*"}, "refs/tags/v1.2", true},
		"a tag with a slash":            {nil, []string{"v*"}, "refs/tags/v1/2", false},
		"any tag":                       {nil, []string{"**"}, "refs/tags/a/b", true},
		"a tag is no branch":            {[]string{"**"}, nil, "refs/tags/main", false},
		"a branch is no tag":            {nil, []string{"**"}, "refs/heads/v1", false},
		"a merge queue's":               {[]string{"**", "gh-readonly-queue/*"}, nil, "refs/heads/gh-readonly-queue/main/pr-1-abc", false},
		"a merge queue's, word by word": {[]string{"gh-readonly-queue/main"}, nil, "refs/heads/gh-readonly-queue/main", false},
		"not quite a merge queue's":     {[]string{"**"}, nil, "refs/heads/gh-readonly-queue", true},
		"a tag of that name":            {nil, []string{"**"}, "refs/tags/gh-readonly-queue/x", true},
		"neither branch nor tag":        {[]string{"**"}, []string{"**"}, "refs/notes/commits", false},
		"no ref":                        {[]string{"**"}, []string{"**"}, "", false},
		"a ref inside a ref":            {[]string{"**"}, nil, "x/refs/heads/main", false},
	} {
		t.Run(name, func(t *testing.T) {
			p := checks.Policy{Branches: c.branches, Tags: c.tags}
			if got := p.TestsPush(&checks.Push{Ref: c.ref}); got != c.want {
				t.Errorf("%v", got)
			}
		})
	}
}

// Whatever is set up: bad globs match nothing, "**" matches all, a merge
// queue's branches are never tested as pushes, and a list matches what one of
// its globs does.
func TestTestsPushProperties(t *testing.T) {
	piece := rapid.SampledFrom([]string{"*", "**", "[", "]", "[a-", "[^a]", "\\", "?", "/", "a", "main", "é", "\xff", "\x00", "gh-readonly-queue/"})
	word := rapid.OneOf(rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(piece, 0, 6).Draw(t, "pieces"), "")
	}), rapid.String())
	rapid.Check(t, func(t *rapid.T) {
		globs, name := rapid.SliceOfN(word, 0, 5).Draw(t, "globs"), word.Draw(t, "name")
		branch, tag := &checks.Push{Ref: "refs/heads/" + name}, &checks.Push{Ref: "refs/tags/" + name}
		of := func(globs ...string) checks.Policy { return checks.Policy{Branches: globs, Tags: globs} }
		tested := false
		for _, g := range globs {
			one := of(g)
			if _, err := path.Match(g, ""); err != nil && one.TestsPush(tag) {
				t.Fatalf("the bad glob %q matches %q", g, name)
			}
			tested = tested || one.TestsPush(tag)
		}
		if got := of(globs...).TestsPush(tag); got != tested {
			t.Fatalf("%q match the tag %q: %v", globs, name, got)
		}
		queue := strings.HasPrefix(name, "gh-readonly-queue/")
		if got := of(globs...).TestsPush(branch); got != (tested && !queue) {
			t.Fatalf("%q match the branch %q: %v", globs, name, got)
		}
		if got := of(append(globs, "**")...).TestsPush(branch); got != (name != "" && !queue) {
			t.Fatalf("all match the branch %q: %v", name, got)
		}
		if (checks.Policy{Branches: globs}).TestsPush(tag) || (checks.Policy{Tags: globs}).TestsPush(branch) {
			t.Fatalf("branches and tags mix: %q", name)
		}
		if of("**").TestsPush(&checks.Push{Ref: "refs/queue/" + name}) {
			t.Fatalf("refs/queue/%s is neither branch nor tag", name)
		}
	})
}

func FuzzTestsPush(f *testing.F) {
	f.Add("release/*", "release/1")
	f.Add("[", "[")
	f.Add("**", "gh-readonly-queue/main/pr-1")
	f.Fuzz(func(t *testing.T, glob, name string) {
		p := checks.Policy{Branches: []string{glob}, Tags: []string{glob}}
		branch, tag := p.TestsPush(&checks.Push{Ref: "refs/heads/" + name}), p.TestsPush(&checks.Push{Ref: "refs/tags/" + name})
		ok, err := path.Match(glob, name)
		want := name != "" && (glob == "**" || ok && err == nil)
		if tag != want || branch != (want && !strings.HasPrefix(name, "gh-readonly-queue/")) {
			t.Errorf("%q on %q: branch %v, tag %v, want %v", glob, name, branch, tag, want)
		}
	})
}

func TestTries(t *testing.T) {
	own := checks.PullRequest{Labels: []string{"bug", "ship"}, Head: checks.Ref{Repo: checks.Repo{ID: 1}}, Base: checks.Ref{Repo: checks.Repo{ID: 1}}}
	fork, plain := own, own
	fork.Head.Repo.ID, plain.Labels = 2, []string{"bug"}
	publishes := checks.Policy{Publish: true, PublishLabel: "ship"}
	for name, c := range map[string]struct {
		policy checks.Policy
		pr     *checks.PullRequest
		want   bool
	}{
		"asked for":       {publishes, &own, true},
		"a fork":          {publishes, &fork, false},
		"no such label":   {publishes, &plain, false},
		"no pull request": {publishes, nil, false},
		"labels are off":  {checks.Policy{Publish: true}, &own, false},
		"no registry":     {checks.Policy{PublishLabel: "ship"}, &own, false},
		"the empty label": {checks.Policy{Publish: true}, &checks.PullRequest{Labels: []string{""}}, false},
	} {
		if got := c.policy.Tries(c.pr); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
		c.policy.FullLabel = "full"
		if got := c.policy.Means("ship", c.pr); got != c.want || !c.policy.Means("full", c.pr) || c.policy.Means("bug", c.pr) || c.policy.Means("", c.pr) {
			t.Errorf("%s: the label means something: %v", name, got)
		}
	}
}
