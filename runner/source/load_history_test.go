package source

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLoadHistory(t *testing.T) {
	t.Run("base moved on", func(t *testing.T) {
		o := newOrigin(t)
		fork := o.commit("main", files{"a": "1", "loktar.json": "old"})
		o.commit("topic", files{"b": "1"}, fork)
		ev := o.event("topic", "main")
		tip := o.commit("main", files{"c": "1", "loktar.json": "new"})
		l := load(t, o.source(t), ev)
		if l.Change.BaseSHA != tip || l.Change.MergeBase != fork {
			t.Errorf("base is %s, merge base %s", l.Change.BaseSHA, l.Change.MergeBase)
		}
		if diff := cmp.Diff([]string{"b"}, l.Change.Files); diff != "" {
			t.Error(diff)
		}
		if string(l.Manifest) != "new" || string(l.BaseManifest) != "old" {
			t.Errorf("manifests are %q and %q", l.Manifest, l.BaseManifest)
		}
	})
	t.Run("merge commits on the branch", func(t *testing.T) {
		o := newOrigin(t)
		fork := o.commit("main", files{"a": "1"})
		one := o.commit("topic", files{"b": "1"}, fork)
		two := o.commit("main", files{"c": "1"})
		o.commit("topic", files{"c": "1", "d": "1"}, one, two)
		l := load(t, o.source(t), o.event("topic", "main"))
		if diff := cmp.Diff([]string{"b", "d"}, l.Change.Files); diff != "" || l.Change.MergeBase != two {
			t.Errorf("merge base %s: %s", l.Change.MergeBase, diff)
		}
	})
	t.Run("several merge bases", func(t *testing.T) {
		o := newOrigin(t)
		fork := o.commit("main", files{"a": "1"})
		x := o.commit("main", files{"x": "1"}, fork)
		y := o.commit("topic", files{"y": "1"}, fork)
		o.commit("main", files{"y": "1"}, x, y)
		o.commit("topic", files{"x": "1", "new": "1"}, y, x)
		l := load(t, o.source(t), o.event("topic", "main"))
		picked := o.git("merge-base", "refs/heads/main", "refs/heads/topic")
		if l.Change.MergeBase != picked || l.Change.Tree == "" || l.Change.Unbounded != "" {
			t.Errorf("change is %+v, git picks %s", l.Change, picked)
		}
	})
	t.Run("force push", func(t *testing.T) {
		o := newOrigin(t)
		fork := o.commit("main", files{"a": "1"})
		o.commit("topic", files{"b": "1"}, fork)
		s := o.source(t)
		load(t, s, o.event("topic", "main"))
		head := o.commit("topic", files{"c": "1"}, fork)
		l := load(t, s, o.event("topic", "main"))
		if diff := cmp.Diff([]string{"c"}, l.Change.Files); diff != "" || l.Change.HeadSHA != head {
			t.Error(diff)
		}
	})
	t.Run("rewritten base", func(t *testing.T) {
		o := newOrigin(t)
		fork := o.commit("main", files{"a": "1"})
		second := o.commit("main", files{"b": "1"})
		o.commit("topic", files{"c": "1"}, second)
		s := o.source(t)
		load(t, s, o.event("topic", "main"))
		o.commit("main", files{"d": "1"}, fork)
		l := load(t, s, o.event("topic", "main"))
		if diff := cmp.Diff([]string{"b", "c"}, l.Change.Files); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("orphan branch", func(t *testing.T) {
		o := newOrigin(t)
		o.commit("main", files{"a": "1"})
		o.commit("topic", files{"loktar.json": "{}"})
		l := load(t, o.source(t), o.event("topic", "main"))
		if l.Change.Unbounded == "" || l.Change.MergeBase != "" || l.Change.Files != nil || l.Change.Tree == "" || string(l.Manifest) != "{}" {
			t.Errorf("change is %+v", l.Change)
		}
	})
	t.Run("first files", func(t *testing.T) {
		o := newOrigin(t)
		base := o.commit("main", files{})
		o.commit("topic", files{"a": "1", "l": "link:a"}, base)
		s := o.source(t)
		for head, want := range map[string][]string{"topic": {"a", "l"}, "main": {}} {
			l := load(t, s, o.event(head, "main"))
			if diff := cmp.Diff(want, l.Change.Files); diff != "" || len(l.Change.Links) != len(want)/2 {
				t.Errorf("links %v: %s", l.Change.Links, diff)
			}
		}
	})
	t.Run("base branch is gone", func(t *testing.T) {
		o := newOrigin(t)
		base := o.commit("main", files{"a": "1"})
		o.commit("topic", files{"b": "1"}, base)
		ev := o.event("topic", "main")
		o.git("update-ref", "-d", "refs/heads/main")
		if l := load(t, o.source(t), ev); l.Change.BaseSHA != base {
			t.Errorf("base is %s, want %s", l.Change.BaseSHA, base)
		}
	})
	t.Run("branch turned into folder", func(t *testing.T) {
		o := newOrigin(t)
		base := o.commit("rel", files{"a": "1"})
		o.commit("topic", files{"b": "1"}, base)
		s := o.source(t)
		load(t, s, o.event("topic", "rel"))
		o.git("update-ref", "-d", "refs/heads/rel")
		o.commit("rel/1", files{"c": "1"}, base)
		load(t, s, o.event("topic", "rel/1"))
	})
	t.Run("shallow origin", func(t *testing.T) {
		o := newOrigin(t)
		base := o.commit("main", files{"a": "1"})
		for i := range 3 {
			o.commit("topic", files{"b": fmt.Sprint(i)}, []string{base, "refs/heads/topic^0"}[min(i, 1)])
		}
		full := o.dir
		o.commit("main", files{"c": "1"})
		ev := o.event("topic", "main")
		cut := filepath.Join(t.TempDir(), "cut.git")
		o.git("clone", "--quiet", "--bare", "--depth=1", "--no-single-branch", "file://"+full, cut)
		o.dir = cut
		s := o.source(t)
		l := load(t, s, ev)
		if !strings.Contains(l.Change.Unbounded, "shallow") || l.Change.Tree == "" {
			t.Errorf("change is %+v", l.Change)
		}
		o.dir = full
		o.commit("topic", files{"d": "1"})
		l = load(t, s, o.event("topic", "main"))
		if l.Change.Unbounded != "" || l.Change.MergeBase != base {
			t.Errorf("the mirror stays shallow: %+v", l.Change)
		}
	})
}
