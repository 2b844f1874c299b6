package source

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/dudesons/loktar/checks"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestLoadListsEveryChangedPath(t *testing.T) {
	long := strings.Repeat("deep-folder-name-of-forty-characters-xxx/", 60) + "f"
	sub1, sub2 := strings.Repeat("1", 40), strings.Repeat("2", 40)
	start := files{
		"loktar.json": "{}", "a/old": "same content\n", "a/kept": "k", "mode.sh": "echo", "bin": "\x00\x01\xff",
		"link": "link:a", "vendor/x": "sub:" + sub1, "gone/only": "g", "Case": "c", ".gitmodules": "[submodule \"x\"]\npath=vendor/x\nurl=./x\nignore=all\n",
	}
	for name, tc := range map[string]struct {
		change files
		want   []string
		links  []checks.Link
	}{
		"edit":              {files{"a/kept": "2"}, []string{"a/kept"}, nil},
		"rename":            {files{"a/old": "-", "b/new": "same content\n"}, []string{"a/old", "b/new"}, nil},
		"copy":              {files{"b/copy": "same content\n"}, []string{"b/copy"}, nil},
		"case only rename":  {files{"Case": "-", "case": "c"}, []string{"Case", "case"}, nil},
		"mode only":         {files{"mode.sh": "exec:echo"}, []string{"mode.sh"}, nil},
		"link target":       {files{"link": "link:b"}, []string{"link"}, []checks.Link{{Path: "link", Target: "b"}}},
		"file to link":      {files{"a/kept": "link:old"}, []string{"a/kept"}, []checks.Link{{Path: "a/kept", Target: "a/old"}, {Path: "link", Target: "a"}}},
		"file to folder":    {files{"bin": "-", "bin/x": "1"}, []string{"bin", "bin/x"}, nil},
		"submodule pointer": {files{"vendor/x": "sub:" + sub2}, []string{"vendor/x"}, nil},
		"binary":            {files{"bin": "\x00\x02\xff"}, []string{"bin"}, nil},
		"deleted folder":    {files{"gone/only": "-"}, []string{"gone/only"}, nil},
		"blanks":            {files{" lead and trail ": "x", "a b/c d": "y"}, []string{" lead and trail ", "a b/c d"}, nil},
		"quotes":            {files{`q"u'o\te`: "x"}, []string{`q"u'o\te`}, nil},
		"tab and newline":   {files{"t\tab": "x", "new\nline": "y"}, []string{"new\nline", "t\tab"}, nil},
		"option-like":       {files{"--exec=x": "x", ":(glob)**": "y"}, []string{"--exec=x", ":(glob)**"}, nil},
		"not UTF-8":         {files{"\xff\xfe/\x80": "x"}, []string{"\xff\xfe/\x80"}, nil},
		"very long path":    {files{long: "x"}, []string{long}, nil},
		"nothing":           {files{}, []string{}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOrigin(t)
			base := o.commit("main", start)
			head := o.commit("topic", tc.change, base)
			l := load(t, o.source(t), o.event("topic", "main"))
			want := checks.Change{
				HeadSHA: head, BaseSHA: base, MergeBase: base, Tree: o.tree(head), Files: tc.want,
				ManifestBlob: o.git("rev-parse", head+":loktar.json"),
				Commits:      []checks.CommitInfo{{SHA: head, Subject: "change topic", Files: tc.want}},
				Links:        []checks.Link{{Path: "link", Target: "a"}},
			}
			if tc.links != nil {
				want.Links = tc.links
			}
			if diff := cmp.Diff(want, l.Change, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
			if string(l.Manifest) != "{}" || string(l.BaseManifest) != "{}" || l.BaseManifestBlob != want.ManifestBlob {
				t.Errorf("manifests are %q and %q", l.Manifest, l.BaseManifest)
			}
		})
	}
}

func TestLoadManyFiles(t *testing.T) {
	o := newOrigin(t)
	o.commit("main", files{"a": "1"})
	many := files{}
	for i := range 3500 {
		many[fmt.Sprintf("d%d/f%d", i%50, i)] = "x"
	}
	o.commit("topic", many, "refs/heads/main^0")
	if l := load(t, o.source(t), o.event("topic", "main")); len(l.Change.Files) != 3500 {
		t.Errorf("%d files are listed, want 3500", len(l.Change.Files))
	}
}

func TestLoadConflict(t *testing.T) {
	o := newOrigin(t)
	base := o.commit("main", files{"f": "1", "g h\n": "1", "ok": "1", "loktar.json": "base"})
	o.commit("topic", files{"f": "2", "g h\n": "2", "loktar.json": "head", "d/x": ""}, base)
	o.commit("main", files{"f": "3", "g h\n": "3"})
	l := load(t, o.source(t), o.event("topic", "main"))
	if diff := cmp.Diff([]string{"f", "g h\n"}, l.Change.Conflicts); diff != "" {
		t.Error(diff)
	}
	if l.Change.Tree != "" || string(l.Manifest) != "head" || len(l.Change.Files) != 4 {
		t.Errorf("change is %+v, manifest %q", l.Change, l.Manifest)
	}
	dirs := l.Dirs()
	defer l.Close()
	if !dirs.Exists("d") {
		t.Error("the head's folder is not seen")
	}
}

func TestLoadWhatIsNotThere(t *testing.T) {
	t.Run("vanished branch", func(t *testing.T) {
		o := newOrigin(t)
		base := o.commit("main", files{"a": "1"})
		o.commit("topic", files{"b": "1"}, base)
		ev := o.event("topic", "main")
		o.git("update-ref", "-d", "refs/heads/topic")
		o.git("gc", "--quiet", "--prune=now")
		_, err := o.source(t).Load(t.Context(), ev)
		wantKind(t, err, checks.KindNotFound)
		if !strings.Contains(checks.PublicText(err, ""), "deleted or force-pushed before it could be fetched") {
			t.Errorf("text is %q", checks.PublicText(err, ""))
		}
	})
	t.Run("pull request ref of a deleted fork", func(t *testing.T) {
		o := newOrigin(t)
		base := o.commit("main", files{"a": "1"})
		o.commit("topic", files{"b": "1"}, base)
		ev := o.event("topic", "main")
		o.git("update-ref", "refs/pull/1/head", ev.PullRequest.Head.SHA)
		o.git("update-ref", "-d", "refs/heads/topic")
		ev.PullRequest.Head.Repo = checks.Repo{}
		load(t, o.source(t), ev)
	})
	t.Run("empty repository", func(t *testing.T) {
		o := newOrigin(t)
		ev := checks.Event{Repo: testRepo, PullRequest: &checks.PullRequest{
			Number: 1, Head: checks.Ref{SHA: strings.Repeat("a", 40)}, Base: checks.Ref{SHA: strings.Repeat("b", 40), Branch: "main"},
		}}
		_, err := o.source(t).Load(t.Context(), ev)
		wantKind(t, err, checks.KindNotFound)
	})
	t.Run("repository", func(t *testing.T) {
		o := newOrigin(t)
		o.commit("main", files{"a": "1"})
		ev := o.event("main", "main")
		if err := os.RemoveAll(o.dir); err != nil {
			t.Fatal(err)
		}
		_, err := o.source(t).Load(t.Context(), ev)
		wantKind(t, err, checks.KindNotFound)
	})
	t.Run("hostile names", func(t *testing.T) {
		o := newOrigin(t)
		o.commit("main", files{"a": "1"})
		s := o.source(t)
		for _, ref := range []checks.Ref{
			{SHA: "--upload-pack=touch /tmp/x", Branch: "main"}, {SHA: strings.Repeat("a", 40), Branch: "x:refs/heads/y"},
			{SHA: strings.Repeat("a", 40), Branch: "*"}, {SHA: strings.Repeat("a", 40)}, {SHA: "", Branch: "main"},
		} {
			ev := o.event("main", "main")
			ev.PullRequest.Head.SHA, ev.PullRequest.Base.Branch = ref.SHA, ref.Branch
			if _, err := s.Load(t.Context(), ev); err == nil {
				t.Errorf("%+v was taken", ref)
			}
		}
	})
}

func TestLoadManifest(t *testing.T) {
	sub := strings.Repeat("1", 40)
	for name, tc := range map[string]struct {
		content, problem string
		manifest         []byte
	}{
		"none":        {content: "-"},
		"plain":       {content: "{}", manifest: []byte("{}")},
		"empty":       {content: "", manifest: []byte{}},
		"executable":  {content: "exec:{}", manifest: []byte("{}")},
		"link":        {content: "link:other.json", problem: "symbolic link"},
		"link out":    {content: "link:/etc/passwd", problem: "symbolic link"},
		"submodule":   {content: "sub:" + sub, problem: "not a file"},
		"largest":     {content: strings.Repeat(" ", maxManifest), manifest: []byte(strings.Repeat(" ", maxManifest))},
		"over limits": {content: strings.Repeat(" ", maxManifest+1), problem: "16 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOrigin(t)
			base := o.commit("main", files{"other.json": "{}"})
			o.commit("topic", files{"loktar.json": tc.content}, base)
			l := load(t, o.source(t), o.event("topic", "main"))
			if string(l.Manifest) != string(tc.manifest) || (l.Manifest == nil) != (tc.manifest == nil) {
				t.Errorf("manifest has %d bytes, want %d", len(l.Manifest), len(tc.manifest))
			}
			if l.BaseManifest != nil || (l.Change.ManifestBlob == "") != (name == "none") {
				t.Errorf("change is %+v", l.Change)
			}
			switch {
			case tc.problem == "" && len(l.Change.Problems) > 0,
				tc.problem != "" && (len(l.Change.Problems) != 1 || !strings.Contains(l.Change.Problems[0].Message, tc.problem)):
				t.Errorf("problems are %+v", l.Change.Problems)
			}
		})
	}
	t.Run("folder", func(t *testing.T) {
		o := newOrigin(t)
		o.commit("main", files{"loktar.json/x": "{}"})
		l := load(t, o.source(t), o.event("main", "main"))
		if len(l.Change.Problems) != 1 || l.Manifest != nil {
			t.Errorf("change is %+v", l.Change)
		}
	})
}

func TestLoadSubjectAndDirs(t *testing.T) {
	o := newOrigin(t)
	base := o.commit("main", files{"libs/a/x": "1", "libs/b/c/x": "1", "file": "1", "link": "link:libs", "libs/sub": "sub:" + strings.Repeat("1", 40)})
	o.commitAs("topic", "\n\nNOBUILD/ENH: two\nlines \xff\n\nbody", files{"libs/d/x": "1", "libs/a/x": "-"}, base)
	l := load(t, o.source(t), o.event("topic", "main"))
	if l.HeadSubject != "NOBUILD/ENH: two lines \uFFFD" {
		t.Errorf("subject is %q", l.HeadSubject)
	}
	dirs := l.Dirs()
	defer l.Close()
	for dir, want := range map[string]bool{
		".": true, "libs": true, "libs/b": true, "libs/b/c": true, "libs/d": true, "libs/a": false, "libs/z/z": false,
		"file": false, "file/x": false, "link": false, "libs/sub": false, "libs/b/c/x": false, "": false, "li\nbs": false,
	} {
		if got := dirs.Exists(dir); got != want {
			t.Errorf("Exists(%q) is %v", dir, got)
		}
	}
	if diff := cmp.Diff([]string{"b", "d"}, dirs.Siblings("libs/a")); diff != "" {
		t.Error(diff)
	}
	if got := dirs.Siblings("no/such"); got != nil {
		t.Errorf("siblings are %q", got)
	}
	if dirs.Err() != nil {
		t.Error(dirs.Err())
	}
}
