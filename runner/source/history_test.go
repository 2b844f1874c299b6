package source

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
)

func TestHistory(t *testing.T) {
	o := newOrigin(t)
	first := o.commitAs("main", "Begin", files{"lib/a": "1", "lib/sub/b": "1", "app/c": "1", ":(top)x/y": "1", "-q/z": "1"})
	o.commitAs("main", "lib: one\n\nNot this.", files{"lib/a": "2"})
	o.commitAs("main", "app: one", files{"app/c": "2"})
	o.commitAs("main", "sub: one", files{"lib/sub/b": "2"})
	base := o.commitAs("main", "both", files{"lib/sub/b": "3", "lib/a": "3"})
	side := o.commitAs("side", "from the side", files{"lib/side": "1"}, base)
	same := o.commitAs("main", "the same at home", files{"lib/side": "1"})
	o.commitAs("main", "Merge side", files{"lib/side": "1"}, same, side)
	head := o.commitAs("main", "*?[]*: \x1b[31m <b>@acme</b>", files{":(top)x/y": "2", "-q/z": "2", "lib*": "1"})
	lost := o.commitAs("other", "another line", files{"lib/a": "9"}, first)
	s := o.source(t)
	for name, c := range map[string]struct {
		r    Range
		want []string
		h    History
	}{
		"a folder":              {Range{Dir: "lib", Since: first}, []string{"the same at home", "from the side", "both", "sub: one", "lib: one"}, History{}},
		"without a nested one":  {Range{Dir: "lib", Without: []string{"lib/sub"}, Since: first}, []string{"the same at home", "from the side", "both", "lib: one"}, History{}},
		"the root without":      {Range{Dir: ".", Without: []string{"lib", "app"}, Since: first}, []string{"*?[]*: \x1b[31m <b>@acme</b>"}, History{}},
		"from the beginning":    {Range{Dir: "app"}, []string{"app: one", "Begin"}, History{}},
		"what comes after one":  {Range{Dir: "lib", Since: base}, []string{"the same at home", "from the side"}, History{}},
		"nothing":               {Range{Dir: "none", Since: first}, nil, History{}},
		"since the head itself": {Range{Dir: "lib", Since: head}, nil, History{}},
		"a folder like magic":   {Range{Dir: ":(top)x", Since: first}, []string{"*?[]*: \x1b[31m <b>@acme</b>"}, History{}},
		"a folder like a glob":  {Range{Dir: "li?", Since: first}, nil, History{}},
		"a folder like a flag":  {Range{Dir: "-q", Since: first}, []string{"*?[]*: \x1b[31m <b>@acme</b>"}, History{}},
		"more than are listed":  {Range{Dir: "lib", Since: first, Most: 2}, []string{"the same at home", "from the side"}, History{More: 3}},
		"more from the start":   {Range{Dir: "lib", Most: 2}, []string{"the same at home", "from the side"}, History{More: 1}},
		"another line":          {Range{Dir: "lib", Since: lost}, nil, History{Unrelated: true}},
		"nobody's commit":       {Range{Dir: "lib", Since: strings.Repeat("1", 40)}, nil, History{Unrelated: true}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.r.Head = head; c.r.Most == 0 {
				c.r.Most = 100
			}
			got, err := s.History(t.Context(), 7, testRepo, c.r)
			if err != nil {
				t.Fatal(err)
			}
			var subjects []string
			for _, k := range got.Commits {
				subjects = append(subjects, k.Subject)
				if k.Author != "a" || !isObjectName(k.SHA) {
					t.Errorf("%+v", k)
				}
			}
			got.Commits = nil
			if diff := cmp.Diff(c.want, subjects, cmpopts.SortSlices(strings.Compare)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.h, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	got, err := s.History(t.Context(), 7, testRepo, Range{Head: head, Dir: "lib", Most: 9})
	if err != nil || got.Commits[len(got.Commits)-1].SHA != first {
		t.Errorf("the oldest is not last: %+v, %v", got, err)
	}
}

func TestHistoryRefuses(t *testing.T) {
	o := newOrigin(t)
	head := o.commit("main", files{"a": "1"})
	s := o.source(t)
	for _, r := range []Range{{Head: "main"}, {Head: "--all"}, {Head: head, Since: "--output=/tmp/x"}} {
		r.Dir, r.Most = ".", 1
		if h, err := s.History(t.Context(), 7, testRepo, r); err == nil {
			t.Errorf("%+v gives %+v", r, h)
		}
	}
	_, err := s.History(t.Context(), 7, testRepo, Range{Head: strings.Repeat("1", 40), Dir: ".", Most: 1})
	wantKind(t, err, checks.KindNotFound)
}

func TestParseHistoryGivesBackWhatWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want []HistoryCommit
		var out strings.Builder
		for range rapid.IntRange(0, 5).Draw(t, "commits") {
			c := HistoryCommit{rapid.StringMatching(`[0-9a-f]{40}`).Draw(t, "sha"), rapid.StringMatching(`[a-zé]*`).Draw(t, "author"), rapid.StringMatching(`([a-z:]+( [A-Z/]+)*)?`).Draw(t, "subject")}
			fmt.Fprintf(&out, "%s\x00%s\x00%s\x00", c.SHA, c.Author, c.Subject)
			want = append(want, c)
		}
		got, err := parseHistory([]byte(out.String()))
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Fatalf("%v %s", err, diff)
		}
	})
}

func FuzzParseHistory(f *testing.F) {
	id := strings.Repeat("a", 40)
	for _, s := range []string{"", id + "\x00a\x00s\x00", id + "\x00a\x00s", "x\x00a\x00s\x00", id + "\x00\x00\x00" + id + "\x00\n\x00\xff\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := parseHistory(b)
		if err != nil {
			return
		}
		for _, c := range list {
			if !isObjectName(c.SHA) || strings.ContainsAny(c.Author+c.Subject, "\n\x00") {
				t.Errorf("commit %+v", c)
			}
		}
	})
}
