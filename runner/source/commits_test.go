package source

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
)

// told is a commit as the tests write it: "subject: file file", with " merge"
// after the subject of a merge.
func told(list []checks.CommitInfo) []string {
	var out []string
	for _, c := range list {
		s := c.Subject
		if c.Merge {
			s += " merge"
		}
		out = append(out, strings.TrimSpace(s+": "+strings.Join(c.Files, " ")))
	}
	return out
}

func TestLoadCommits(t *testing.T) {
	for name, tc := range map[string]struct {
		build func(o *origin, fork string)
		want  []string
	}{
		"oldest first": {func(o *origin, fork string) {
			o.commitAs("topic", "ENH: one", files{"b": "1", "a": "2"}, fork)
			o.commitAs("topic", "DOC: two\n\nENH: not this", files{"a": "-"})
			o.commitAs("topic", "three", files{})
		}, []string{"ENH: one: a b", "DOC: two: a", "three:"}},
		"nothing new": {func(o *origin, fork string) {
			o.commitAs("topic", "one", files{"b": "1"}, fork)
			o.commit("main", files{"c": "1"}, o.git("rev-parse", "refs/heads/topic"))
		}, nil},
		"the base merged in": {func(o *origin, fork string) {
			one := o.commitAs("topic", "one", files{"b": "1"}, fork)
			two := o.commit("main", files{"c": "1", "a": "-"})
			o.commitAs("topic", "sync", files{"c": "1", "a": "-"}, one, two)
			o.commitAs("topic", "last", files{"d": "1"})
		}, []string{"one: b", "sync merge:", "last: d"}},
		"a merge that does more": {func(o *origin, fork string) {
			one := o.commitAs("topic", "one", files{"b": "1"}, fork)
			two := o.commit("main", files{"c": "1"})
			o.commitAs("topic", "evil", files{"c": "other", "b": "other", "e": "1"}, one, two)
		}, []string{"one: b", "evil merge: b c e"}},
		"a merge that drops a side": {func(o *origin, fork string) {
			one := o.commitAs("topic", "one", files{"b": "1"}, fork)
			two := o.commit("main", files{"c": "1"})
			o.commitAs("topic", "ours", files{}, one, two)
		}, []string{"one: b", "ours merge:"}},
		"a side branch": {func(o *origin, fork string) {
			one := o.commitAs("topic", "one", files{"b": "1"}, fork)
			side := o.commitAs("side", "side", files{"s": "1"}, fork)
			more := o.commitAs("more", "more", files{"m": "1"}, side)
			o.commitAs("topic", "octopus", files{"s": "1", "m": "1", "o": "1"}, one, side, more)
		}, []string{"one: b", "side: s", "more: m", "octopus merge: o"}},
		"the merge base is older than the base's tip": {func(o *origin, fork string) {
			o.commitAs("topic", "one", files{"b": "1"}, fork)
			o.commit("main", files{"c": "1"})
		}, []string{"one: b"}},
		"several merge bases": {func(o *origin, fork string) {
			x := o.commitAs("main", "x", files{"x": "1"}, fork)
			y := o.commitAs("topic", "y", files{"y": "1"}, fork)
			o.commitAs("main", "theirs", files{"y": "1"}, x, y)
			o.commitAs("topic", "mine", files{"x": "1", "new": "1"}, y, x)
		}, []string{"mine merge: new"}},
		"orphan": {func(o *origin, _ string) {
			o.git("update-ref", "refs/heads/topic", o.git("commit-tree", o.tree("main"), "-m", "first"))
			o.commitAs("topic", "second", files{"b": "1"})
		}, []string{"first: a", "second: b"}},
		"names that look like something else": {func(o *origin, fork string) {
			o.commitAs("topic", "A", files{strings.Repeat("a", 40): "1", "\nM": "1", "A": "1"}, fork)
		}, []string{"A: \nM A " + strings.Repeat("a", 40)}},
		"rename and copy and mode and submodule": {func(o *origin, fork string) {
			o.commitAs("topic", "rename", files{"a": "-", "A": "1", "copy": "1"}, fork)
			o.commitAs("topic", "mode", files{"A": "exec:1"})
			o.commitAs("topic", "submodule", files{"s": "sub:" + strings.Repeat("1", 40)})
			o.commitAs("topic", "pointer", files{"s": "sub:" + strings.Repeat("2", 40)})
		}, []string{"rename: A a copy", "mode: A", "submodule: s", "pointer: s"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOrigin(t)
			tc.build(o, o.commit("main", files{"a": "1"}))
			l := load(t, o.source(t), o.event("topic", "main"))
			if diff := cmp.Diff(tc.want, told(l.Change.Commits)); diff != "" || l.Change.CommitsUnknown {
				t.Errorf("unknown %v: %s", l.Change.CommitsUnknown, diff)
			}
			if n := len(l.Change.Commits); n > 0 && l.Change.Commits[n-1].SHA != l.Change.HeadSHA {
				t.Error("the head is not the last")
			}
		})
	}
	t.Run("rewritten base", func(t *testing.T) {
		o := newOrigin(t)
		fork := o.commit("main", files{"a": "1"})
		second := o.commitAs("main", "second", files{"b": "1"})
		o.commitAs("topic", "third", files{"c": "1"}, second)
		s := o.source(t)
		load(t, s, o.event("topic", "main"))
		o.commit("main", files{"d": "1"}, fork)
		l := load(t, s, o.event("topic", "main"))
		if diff := cmp.Diff([]string{"second: b", "third: c"}, told(l.Change.Commits)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("shallow", func(t *testing.T) {
		o := newOrigin(t)
		base := o.commit("main", files{"a": "1"})
		o.commit("topic", files{"b": "1"}, base)
		o.commit("topic", files{"c": "1"})
		ev := o.event("topic", "main")
		cut := filepath.Join(t.TempDir(), "cut.git")
		o.git("clone", "--quiet", "--bare", "--depth=1", "--no-single-branch", "file://"+o.dir, cut)
		o.dir = cut
		if l := load(t, o.source(t), ev); !l.Change.CommitsUnknown || l.Change.Commits != nil {
			t.Errorf("commits are %+v", l.Change.Commits)
		}
	})
}

// Subjects read as git has them, and the head's is the same everywhere.
func TestLoadSubjects(t *testing.T) {
	o := newOrigin(t)
	base := o.commit("main", files{"a": "1"})
	for _, tc := range []struct{ header, message, want string }{
		{"", "", ""},
		{"", "\n\n", ""},
		{"", "one", "one"},
		{"", "\n \n\tone \n two\n \nthree", "one two"},
		{"", "one\x00NOBUILD", "one"},
		{"", "one\r\ntwo\r\n\r\nthree", "one two"},
		{"", "a \xff\tb", "a \uFFFD b"},
		{"", strings.Repeat("x", 70_000), strings.Repeat("x", 70_000)},
		{"", "DOC: \x1b[31m<b>&\u202e\v\f.", "DOC: \x1b[31m<b>&\u202e ."},
		{"encoding ISO-8859-1\n", "Pr\xfcfung", "Prüfung"},
		{"gpgsig x\n \n ENH: y\n", "one", "one"},
	} {
		raw := fmt.Sprintf("tree %s\nparent %s\nauthor a <a@b> 0 +0000\ncommitter a <a@b> 0 +0000\n%s\n%s", o.tree("main"), base, tc.header, tc.message)
		sha := o.gitIn([]byte(raw), "hash-object", "-t", "commit", "-w", "--literally", "--stdin")
		o.git("update-ref", "refs/heads/topic", sha)
		l := load(t, o.source(t), o.event("topic", "main"))
		if diff := cmp.Diff([]checks.CommitInfo{{SHA: sha, Subject: tc.want}}, l.Change.Commits); diff != "" || l.HeadSubject != tc.want {
			t.Errorf("%.50q: %.50q %s", tc.message, l.HeadSubject, diff)
		}
		if tc.header == "" && subjectOf(raw) != tc.want {
			t.Errorf("%.50q: %.50q", tc.message, subjectOf(raw))
		}
	}
}

// manyCommits puts n commits on topic, each of which changes a file.
func (o *origin) manyCommits(n int) {
	var in bytes.Buffer
	for i := range n {
		fmt.Fprintf(&in, "commit refs/heads/topic\nmark :%d\ncommitter a <a@b> 0 +0000\ndata 1\nc\n", i+1)
		if i == 0 {
			in.WriteString("from refs/heads/main^0\n")
		}
		fmt.Fprintf(&in, "M 100644 inline f%d\ndata 1\nx\n\n", i)
	}
	o.gitIn(in.Bytes(), "fast-import", "--quiet", "--force")
}

func TestLoadManyCommits(t *testing.T) {
	o := newOrigin(t)
	o.commit("main", files{"a": "1"})
	s := o.source(t)
	o.manyCommits(maxCommits)
	if l := load(t, s, o.event("topic", "main")); len(l.Change.Commits) != maxCommits || l.Change.CommitsUnknown {
		t.Errorf("%d commits are listed", len(l.Change.Commits))
	}
	o.manyCommits(maxCommits + 1)
	l := load(t, s, o.event("topic", "main"))
	if l.Change.Commits != nil || !l.Change.CommitsUnknown || len(l.Change.Files) != maxCommits+1 {
		t.Errorf("%d commits and %d files are listed", len(l.Change.Commits), len(l.Change.Files))
	}
}

func TestParseLogGivesBackWhatWasWritten(t *testing.T) {
	sha := rapid.StringMatching(`[0-9a-f]{40}`)
	rapid.Check(t, func(t *rapid.T) {
		var want []checks.CommitInfo
		var out strings.Builder
		for range rapid.IntRange(0, 5).Draw(t, "commits") {
			c := checks.CommitInfo{SHA: sha.Draw(t, "sha"), Subject: rapid.StringMatching(`([a-z:]+( [A-Z/]+)*)?`).Draw(t, "subject")}
			parents := rapid.SliceOfN(sha, 0, 3).Draw(t, "parents")
			c.Merge = len(parents) > 1
			c.Files = rapid.SliceOfN(name(), 0, 3).Draw(t, "files")
			out.WriteString(c.SHA + "\x00" + strings.Join(parents, " ") + "\x00" + c.Subject + "\x00")
			switch {
			case c.Merge:
				out.WriteString("\x00")
			case len(c.Files) > 0:
				out.WriteString("\n")
			}
			for _, f := range c.Files {
				for range max(1, len(parents)) {
					out.WriteString(rapid.SampledFrom([]string{"A", "M", "D", "T"}).Draw(t, "status"))
				}
				out.WriteString("\x00" + f + "\x00")
			}
			want = append(want, c)
		}
		got, err := parseLog([]byte(out.String()))
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Fatalf("%v %s", err, diff)
		}
	})
}

func FuzzParseLog(f *testing.F) {
	id := strings.Repeat("a", 40)
	for _, s := range []string{
		"", id + "\x00\x00s\x00", id + "\x00" + id + "\x00s\x00\nA\x00b\x00M\x00c\x00" + id + "\x00\x00\x00",
		id + "\x00" + id + " " + id + "\x00s\x00\x00" + id + "\x00" + id + "\x00\x00\x00MM\x00e\x00",
		id + "\x00\x00s", id + "\x00\x00s\x00\nA\x00\x00", id + "\x00\x00s\x00\nA\x00", id + "\x00\x00s\x00\nR100\x00a\x00b\x00", "x\x00\x00\x00",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := parseLog(b)
		if err != nil {
			return
		}
		read := 0
		for _, c := range list {
			if !isObjectName(c.SHA) || strings.ContainsAny(c.Subject, "\n\x00") {
				t.Errorf("commit %+v", c)
			}
			read += len(c.SHA) + 3
			for _, p := range c.Files {
				if p == "" || strings.Contains(p, "\x00") {
					t.Errorf("path %q", p)
				}
				read += len(p) + 3
			}
		}
		if read > len(b) {
			t.Errorf("%d bytes were read of %d", read, len(b))
		}
	})
}

func TestParseLogIsBounded(t *testing.T) {
	id := strings.Repeat("a", 40) + "\x00\x00s\x00"
	files := func(n int) []byte { return []byte(id + "\n" + strings.Repeat("A\x00f\x00", n)) }
	if list, err := parseLog(files(maxCommitFiles)); err != nil || len(list[0].Files) != maxCommitFiles {
		t.Errorf("the most files: %v", err)
	}
	if _, err := parseLog(files(maxCommitFiles + 1)); !errors.Is(err, errTooMany) {
		t.Errorf("one file too many: %v", err)
	}
}
