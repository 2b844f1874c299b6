package source

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/dudesons/loktar/checks"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// pushed is a push that left branch where it is now.
func (o *origin) pushed(branch, before string) checks.Event {
	o.t.Helper()
	head := o.git("rev-parse", "refs/heads/"+branch)
	return checks.Event{
		Delivery: "d", Kind: checks.EventPush, Installation: 7, Repo: testRepo, HeadSHA: head,
		Push: &checks.Push{Ref: "refs/heads/" + branch, Before: before, After: head, DefaultBranch: "main"},
	}
}

// oldWeb serves o by a protocol that gives no commit by its id, unless the
// server's configuration allows it.
func oldWeb(t *testing.T, o *origin) *Source {
	t.Helper()
	web := serve(t, o, "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=protocol.version", "GIT_CONFIG_VALUE_0=0")
	web.answer(func(_ http.ResponseWriter, r *http.Request) bool {
		r.Header.Del("Git-Protocol")
		return false
	})
	return openSource(t, Options{URL: web.url, Token: tokens(secret, new(atomic.Int64))})
}

func TestLoadPush(t *testing.T) {
	const gone = "the branch was force-pushed, and the commit that it was at before is gone"
	start := files{"loktar.json": "{}", "a": "1", "link": "link:a"}
	// wanted is what is to be compared with, by commit, or why nothing is.
	type wanted struct {
		base, unbounded string
		files, commits  []string
	}
	for name, tc := range map[string]func(o *origin, root string) (checks.Event, wanted){
		"branch moved on": func(o *origin, root string) (checks.Event, wanted) {
			one := o.commit("main", files{"b": "1"})
			two := o.commit("main", files{"c": "1", "a": "-"})
			return o.pushed("main", root), wanted{base: root, files: []string{"a", "b", "c"}, commits: []string{one, two}}
		},
		"other branch moved on": func(o *origin, root string) (checks.Event, wanted) {
			before := o.commit("topic", files{"b": "1"}, root)
			head := o.commit("topic", files{"c": "1"})
			return o.pushed("topic", before), wanted{base: before, files: []string{"c"}, commits: []string{head}}
		},
		"merged": func(o *origin, root string) (checks.Event, wanted) {
			one := o.commit("topic", files{"b": "1"}, root)
			before := o.commit("main", files{"c": "1"}, root)
			merge := o.commit("main", files{"b": "1"}, before, one)
			return o.pushed("main", before), wanted{base: before, files: []string{"b"}, commits: []string{one, merge}}
		},
		"force-push and before is given by id": func(o *origin, root string) (checks.Event, wanted) {
			before := o.commit("topic", files{"b": "1", "same": "1"}, root)
			head := o.commit("topic", files{"c": "1", "same": "1"}, root)
			return o.pushed("topic", before), wanted{base: before, files: []string{"b", "c"}, commits: []string{head}}
		},
		"default branch wound back": func(o *origin, root string) (checks.Event, wanted) {
			before := o.commit("main", files{"b": "1"})
			o.git("update-ref", "refs/heads/main", root)
			return o.pushed("main", before), wanted{base: before, files: []string{"b"}}
		},
		"force-push and before is gone": func(o *origin, root string) (checks.Event, wanted) {
			head := o.commit("topic", files{"c": "1"}, root)
			o.commit("main", files{"later": "1"})
			return o.pushed("topic", strings.Repeat("e", 40)), wanted{base: root, files: []string{"c"}, commits: []string{head}}
		},
		"default branch force-pushed and before is gone": func(o *origin, _ string) (checks.Event, wanted) {
			return o.pushed("main", strings.Repeat("e", 40)), wanted{unbounded: gone}
		},
		"orphan force-pushed and before is gone": func(o *origin, _ string) (checks.Event, wanted) {
			o.commit("topic", files{"loktar.json": "{}"})
			return o.pushed("topic", strings.Repeat("e", 40)), wanted{unbounded: gone + "; it has no common history with the default branch"}
		},
		"new branch": func(o *origin, root string) (checks.Event, wanted) {
			one := o.commit("topic", files{"b": "1"}, root)
			two := o.commit("topic", files{"c": "1"})
			o.commit("main", files{"later": "1"})
			return o.pushed("topic", ""), wanted{base: root, files: []string{"b", "c"}, commits: []string{one, two}}
		},
		"new branch at the default branch": func(o *origin, root string) (checks.Event, wanted) {
			o.git("update-ref", "refs/heads/topic", root)
			return o.pushed("topic", ""), wanted{base: root}
		},
		"new orphan": func(o *origin, _ string) (checks.Event, wanted) {
			o.commit("topic", files{"loktar.json": "{}"})
			return o.pushed("topic", ""), wanted{unbounded: "the branch is new; it has no common history with the default branch"}
		},
		"first push of the default branch": func(o *origin, _ string) (checks.Event, wanted) {
			return o.pushed("main", ""), wanted{unbounded: "the branch is new and is the default branch"}
		},
		"new branch and default branch is gone": func(o *origin, root string) (checks.Event, wanted) {
			o.commit("topic", files{"b": "1"}, root)
			o.git("update-ref", "-d", "refs/heads/main")
			return o.pushed("topic", ""), wanted{unbounded: "the branch is new; the default branch is not there"}
		},
		"new branch and default branch is not known": func(o *origin, root string) (checks.Event, wanted) {
			o.commit("topic", files{"b": "1"}, root)
			ev := o.pushed("topic", "")
			ev.Push.DefaultBranch = ""
			return ev, wanted{unbounded: "the branch is new; which branch is the default one is not known"}
		},
		"branch moved on since the event": func(o *origin, root string) (checks.Event, wanted) {
			head := o.commit("main", files{"b": "1"})
			ev := o.pushed("main", root)
			o.commit("main", files{"later": "1"})
			return ev, wanted{base: root, files: []string{"b"}, commits: []string{head}}
		},
		"branch deleted since the event": func(o *origin, root string) (checks.Event, wanted) {
			head := o.commit("topic", files{"b": "1"}, root)
			ev := o.pushed("topic", "")
			o.git("update-ref", "-d", "refs/heads/topic")
			return ev, wanted{base: root, files: []string{"b"}, commits: []string{head}}
		},
		"tag": func(o *origin, root string) (checks.Event, wanted) {
			o.git("tag", "v1", "main")
			ev := o.pushed("main", root)
			ev.Push.Ref, ev.Push.Before = "refs/tags/v1", ""
			return ev, wanted{unbounded: "a tag was pushed"}
		},
		"annotated tag that moved": func(o *origin, root string) (checks.Event, wanted) {
			o.commit("main", files{"b": "1"})
			o.git("tag", "-a", "-m", "one", "v1", "main")
			ev := o.pushed("main", root)
			ev.Push.Ref, ev.Push.After = "refs/tags/v1", o.git("rev-parse", "v1")
			return ev, wanted{unbounded: "a tag was pushed"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOrigin(t)
			root := o.commit("main", start)
			ev, w := tc(o, root)
			l := load(t, o.source(t), ev)
			want := checks.Change{
				HeadSHA: ev.HeadSHA, BaseSHA: w.base, MergeBase: w.base, Tree: o.tree(ev.HeadSHA),
				Files: w.files, Unbounded: w.unbounded, CommitsUnknown: w.base == "",
				ManifestBlob: o.git("rev-parse", ev.HeadSHA+":loktar.json"), Links: l.Change.Links,
			}
			got := l.Change
			got.Commits = nil
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
			var commits []string
			for _, c := range l.Change.Commits {
				commits = append(commits, c.SHA)
			}
			if diff := cmp.Diff(w.commits, commits); diff != "" {
				t.Error(diff)
			}
			if linked := strings.Contains(o.git("ls-tree", ev.HeadSHA), "link"); linked != (len(l.Change.Links) == 1) {
				t.Errorf("links are %v", l.Change.Links)
			}
			if string(l.Manifest) != "{}" || l.Forked || (w.base != "") != (string(l.BaseManifest) == "{}") || l.HeadSubject != o.git("log", "-1", "--format=%s", ev.HeadSHA) {
				t.Errorf("manifests %q and %q, subject %q", l.Manifest, l.BaseManifest, l.HeadSubject)
			}
			tip, text, blob, err := l.Tip()
			if (tip != nil) != (w.base != "") || (text != nil) != (w.base != "") || (blob != "") != (w.base != "") || err != nil {
				t.Errorf("the tip is %v %q %q %v", tip, text, blob, err)
			}
			if (l.BaseTree() != nil) != (w.base != "") {
				t.Errorf("the base's tree is %v", l.BaseTree())
			}
		})
	}
}

// TestLoadPushFromServerThatGivesNoIDs: the ids that the event names must be
// found behind refs, or be done without.
func TestLoadPushFromServerThatGivesNoIDs(t *testing.T) {
	prepare := func(t *testing.T) (o *origin, root, before string) {
		o = newOrigin(t)
		root = o.commit("main", files{"a": "1"})
		before = o.commit("topic", files{"b": "1"}, root)
		o.commit("topic", files{"c": "1"}, root)
		return o, root, before
	}
	t.Run("force-push", func(t *testing.T) {
		o, root, before := prepare(t)
		l := load(t, oldWeb(t, o), o.pushed("topic", before))
		if diff := cmp.Diff([]string{"c"}, l.Change.Files); diff != "" || l.Change.BaseSHA != root || l.Change.Unbounded != "" {
			t.Errorf("change is %+v: %s", l.Change, diff)
		}
	})
	t.Run("force-push and by id after all", func(t *testing.T) {
		o, _, before := prepare(t)
		o.git("config", "uploadpack.allowAnySHA1InWant", "true")
		l := load(t, oldWeb(t, o), o.pushed("topic", before))
		if diff := cmp.Diff([]string{"b", "c"}, l.Change.Files); diff != "" || l.Change.BaseSHA != before {
			t.Errorf("change is %+v: %s", l.Change, diff)
		}
	})
	t.Run("force-push and known from an earlier one", func(t *testing.T) {
		o, root, before := prepare(t)
		now := o.git("rev-parse", "topic")
		s := oldWeb(t, o)
		o.git("update-ref", "refs/heads/topic", before)
		load(t, s, o.pushed("topic", root))
		o.git("update-ref", "refs/heads/topic", now)
		if l := load(t, s, o.pushed("topic", before)); l.Change.BaseSHA != before {
			t.Errorf("change is %+v", l.Change)
		}
	})
	t.Run("head moved on", func(t *testing.T) {
		o, root, _ := prepare(t)
		ev := o.pushed("topic", root)
		o.commit("topic", files{"later": "1"})
		tag := o.pushed("main", "")
		o.git("tag", "-a", "-m", "one", "v1", "main")
		o.commit("main", files{"later": "1"})
		tag.HeadSHA, tag.Push.Ref = root, "refs/tags/v1"
		s := oldWeb(t, o)
		for _, ev := range []checks.Event{ev, tag} {
			if l := load(t, s, ev); l.Change.HeadSHA != ev.HeadSHA || l.Change.Tree != o.tree(ev.HeadSHA) {
				t.Errorf("change is %+v", l.Change)
			}
		}
	})
	t.Run("head force-pushed away", func(t *testing.T) {
		o, root, before := prepare(t)
		ev := o.pushed("topic", root)
		ev.HeadSHA = before
		_, err := oldWeb(t, o).Load(t.Context(), ev)
		wantKind(t, err, checks.KindNotFound)
	})
}

func TestLoadPushFromAShallowServer(t *testing.T) {
	o := newOrigin(t)
	root := o.commit("main", files{"a": "1"})
	o.commit("topic", files{"b": "1"}, root)
	o.commit("main", files{"c": "1"})
	full := o.dir
	o.dir = t.TempDir() + "/cut.git"
	o.git("clone", "--quiet", "--bare", "--depth=1", "--no-single-branch", "file://"+full, o.dir)
	l := load(t, o.source(t), o.pushed("topic", ""))
	if l.Change.Unbounded != cutOff || l.Change.BaseSHA != "" || !l.Change.CommitsUnknown {
		t.Errorf("change is %+v", l.Change)
	}
}

// TestLoadPushDoesNotTakeFaultsForGoneCommits: what may come back is waited for.
func TestLoadPushDoesNotTakeFaultsForGoneCommits(t *testing.T) {
	for code, kind := range map[int]checks.Kind{503: checks.KindUnavailable, 403: checks.KindRefused, 404: checks.KindNotFound} {
		o := newOrigin(t)
		root := o.commit("main", files{"a": "1"})
		before := o.commit("main", files{"b": "1"}, root)
		o.commit("main", files{"c": "1"}, root)
		web := serve(t, o)
		s := openSource(t, Options{URL: web.url, Token: tokens(secret, new(atomic.Int64))})
		ev := o.pushed("main", before)
		if err := s.Fetch(t.Context(), 7, testRepo, ev.HeadSHA); err != nil {
			t.Fatal(err)
		}
		web.answer(func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(code)
			return true
		})
		_, err := s.Load(t.Context(), ev)
		wantKind(t, err, kind)
	}
}
