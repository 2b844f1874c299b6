package source

import (
	"os"
	"strings"
	"testing"

	"github.com/dudesons/loktar/checks"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const queueBranch = "gh-readonly-queue/main/pr-1-0123456789abcdef"

// group is a merge group that asks for the present head of the queue's branch.
func (o *origin) group(base string) checks.Event {
	o.t.Helper()
	return checks.Event{
		Delivery: "d", Kind: checks.EventMergeGroup, Installation: 7, Repo: testRepo, HeadSHA: o.git("rev-parse", "refs/heads/"+queueBranch),
		MergeGroup: &checks.MergeGroup{HeadRef: "refs/heads/" + queueBranch, BaseRef: "refs/heads/main", BaseSHA: base},
	}
}

func mergeQueue(t *testing.T) (o *origin, ev checks.Event, topic string) {
	o = newOrigin(t)
	root := o.commit("main", files{"loktar.json": "old", "a": "1"})
	topic = o.commit("topic", files{"loktar.json": "new", "b": "1"}, root)
	base := o.commit("main", files{"c": "1"})
	o.commit(queueBranch, files{"loktar.json": "new", "b": "1"}, base, topic)
	return o, o.group(base), topic
}

func TestLoadMergeGroup(t *testing.T) {
	for name, now := range map[string]func(o *origin){
		"as asked": func(*origin) {},
		"deleted":  func(o *origin) { o.git("update-ref", "-d", "refs/heads/"+queueBranch) },
		"main moved on": func(o *origin) {
			o.commit("main", files{"later": "1", "b": "conflict"})
		},
		"main is gone": func(o *origin) { o.git("update-ref", "-d", "refs/heads/main") },
	} {
		t.Run(name, func(t *testing.T) {
			o, ev, topic := mergeQueue(t)
			now(o)
			l := load(t, o.source(t), ev)
			base := ev.MergeGroup.BaseSHA
			want := checks.Change{
				HeadSHA: ev.HeadSHA, BaseSHA: base, MergeBase: base, Tree: o.tree(ev.HeadSHA), Files: []string{"b", "loktar.json"},
				ManifestBlob: o.git("rev-parse", ev.HeadSHA+":loktar.json"),
				Commits: []checks.CommitInfo{
					{SHA: topic, Subject: "change topic", Files: []string{"b", "loktar.json"}},
					{SHA: ev.HeadSHA, Subject: "change " + queueBranch, Merge: true},
				},
			}
			if diff := cmp.Diff(want, l.Change, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
			if string(l.Manifest) != "new" || string(l.BaseManifest) != "old" || l.Forked {
				t.Errorf("manifests are %q and %q", l.Manifest, l.BaseManifest)
			}
		})
	}
	t.Run("behind its branch", func(t *testing.T) {
		o, ev, _ := mergeQueue(t)
		o.commit(queueBranch, files{"later": "1"})
		if l := load(t, oldWeb(t, o), ev); l.Change.HeadSHA != ev.HeadSHA || len(l.Change.Files) != 2 {
			t.Errorf("change is %+v", l.Change)
		}
	})
	t.Run("deleted where no ids are given", func(t *testing.T) {
		o, ev, _ := mergeQueue(t)
		o.git("update-ref", "-d", "refs/heads/"+queueBranch)
		_, err := oldWeb(t, o).Load(t.Context(), ev)
		wantKind(t, err, checks.KindNotFound)
	})
}

func TestLoadRefusesHostileRefs(t *testing.T) {
	o, group, _ := mergeQueue(t)
	s := o.source(t)
	hostile := []string{
		"", "main", "refs/heads/", "refs/heads/*", "refs/heads/a:refs/heads/b", "refs/heads/a b", "refs/heads/a\nb", "refs/heads/..",
		"refs/heads/a..b", "refs/heads/-x:", "refs/heads/@{1}", "refs/pull/1/head", "refs/loktar/x", "refs/loktar/2000-01-01/x", "--upload-pack=touch /tmp/x",
		"refs/tags/", "refs/tags/*", "+refs/heads/main", "^refs/heads/main", "refs/heads//x", "refs/heads/x/", "refs/tags/a:b",
	}
	var events []checks.Event
	for _, ref := range hostile {
		ev := o.pushed("main", "")
		ev.Push.Ref = ref
		events = append(events, ev)
		head, base := *group.MergeGroup, *group.MergeGroup
		head.HeadRef, base.BaseRef = ref, ref
		for _, g := range []*checks.MergeGroup{&head, &base} {
			ev := group
			ev.MergeGroup = g
			events = append(events, ev)
		}
	}
	for _, branch := range []string{"*", "x:refs/heads/y", "a b", "..", "x/"} {
		ev := o.pushed("main", "")
		ev.Push.DefaultBranch = branch
		events = append(events, ev)
	}
	for _, sha := range []string{"", "main", "--all", strings.Repeat("a", 39), "HEAD:refs/heads/x", strings.Repeat("A", 40)} {
		push, before, onto, ev := o.pushed("main", ""), o.pushed("main", sha), group, group
		push.HeadSHA, ev.HeadSHA = sha, sha
		g := *group.MergeGroup
		g.BaseSHA, onto.MergeGroup = sha, &g
		events = append(events, push, ev, onto)
		if sha != "" {
			events = append(events, before)
		}
	}
	events = append(events, checks.Event{Repo: testRepo, HeadSHA: group.HeadSHA})
	for _, ev := range events {
		l, err := s.Load(t.Context(), ev)
		if err == nil {
			t.Errorf("taken: %+v push %+v group %+v", ev, ev.Push, ev.MergeGroup)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, ref := range hostile {
		// A run was loaded once; what it names is not trusted all the same.
		run := checks.Run{Repo: testRepo, HeadSHA: strings.Repeat("e", 40), Push: &checks.Push{Ref: ref}}
		wantKind(t, s.Restore(t.Context(), run), checks.KindNotFound)
	}
}

func TestLoadRefusesTagsOfOtherThings(t *testing.T) {
	o := newOrigin(t)
	root := o.commit("main", files{"a": "1"})
	s := o.source(t)
	kept := load(t, s, o.pushed("main", root)).Change.Tree
	for _, sha := range []string{o.git("rev-parse", "main:a"), o.tree("main")} {
		o.git("update-ref", "refs/tags/odd", sha)
		ev := o.pushed("main", "")
		ev.HeadSHA, ev.Push.Ref = sha, "refs/tags/odd"
		_, err := s.Load(t.Context(), ev)
		wantKind(t, err, checks.KindRefused)
	}
	if ok, err := s.Has(t.Context(), testRepo, kept); !ok || err != nil {
		t.Errorf("the mirror was thrown away: %v", err)
	}
}

func TestRestoreOfRefs(t *testing.T) {
	for name, event := range map[string]func(o *origin, group checks.Event) checks.Event{
		"merge group": func(_ *origin, group checks.Event) checks.Event { return group },
		"push": func(o *origin, group checks.Event) checks.Event {
			return o.pushed("main", group.MergeGroup.BaseSHA+"^")
		},
		"first push": func(o *origin, _ checks.Event) checks.Event { return o.pushed("main", "") },
		"tag": func(o *origin, _ checks.Event) checks.Event {
			o.git("tag", "-a", "-m", "one", "v1", "topic")
			ev := o.pushed("topic", "")
			ev.Push.Ref = "refs/tags/v1"
			return ev
		},
	} {
		t.Run(name, func(t *testing.T) {
			o, group, _ := mergeQueue(t)
			ev := event(o, group)
			if ev.Push != nil && ev.Push.Before != "" {
				ev.Push.Before = o.git("rev-parse", ev.Push.Before)
			}
			for _, s := range []*Source{o.source(t), oldWeb(t, o)} {
				l := load(t, s, ev)
				run := checks.Run{ID: "r", Installation: 7, Repo: testRepo, Push: ev.Push, MergeGroup: ev.MergeGroup, HeadSHA: ev.HeadSHA, BaseSHA: l.Change.BaseSHA, Tree: l.Change.Tree}
				if err := os.RemoveAll(s.mirror(testRepo).dir); err != nil {
					t.Fatal(err)
				}
				_, err := s.Lease(t.Context(), testRepo, run.Tree)
				wantKind(t, err, checks.KindNotFound)
				if err := s.Restore(t.Context(), run); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff("1", onDisk(t, lease(t, s, run.Tree).Dir)["a"]); diff != "" {
					t.Error(diff)
				}
				run.Tree = o.tree(ev.HeadSHA + "^")
				if err := s.Restore(t.Context(), run); err == nil {
					t.Error("another tree was taken")
				}
			}
		})
	}
}
