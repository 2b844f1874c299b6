package app

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/app/github"
	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/configs"
	"github.com/dudesons/loktar/runner/source"
	"github.com/dudesons/loktar/store"
)

// town is a GitHub that says what it is told to, and a mirror that does.
type town struct {
	still
	tagErr, releaseErr, historyErr error

	tags     []string
	releases []github.Release
	asked    []source.Range
}

func (w *town) CreateTag(_ context.Context, _ int64, _ checks.Repo, name, sha string) error {
	w.tags = append(w.tags, name+" at "+sha)
	return w.tagErr
}

func (w *town) CreateRelease(_ context.Context, _ int64, _ checks.Repo, r github.Release) error {
	w.releases = append(w.releases, r)
	return w.releaseErr
}

func (w *town) History(_ context.Context, _ int64, _ checks.Repo, r source.Range) (source.History, error) {
	w.asked = append(w.asked, r)
	return source.History{Commits: []source.HistoryCommit{{SHA: strings.Repeat("c", 40), Author: "Ann", Subject: "ENH: more"}}}, w.historyErr
}

// announcing is a package in lib whose third version is announced at w; the
// second was never published.
func announcing(t *testing.T, w *town, b checks.BuildInfo) (*releases, checks.Run, checks.Job, checks.Publication) {
	t.Helper()
	s, err := store.Open(filepath.Join(t.TempDir(), "loktar.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	var pub checks.Publication
	for i, key := range []string{"1", "2", "3"} {
		pub, err = s.Reserve(t.Context(), checks.Publication{Repo: 7, Package: "lib", Key: key, Commit: strings.Repeat(key, 40), Run: "R"}, 0,
			func(int64) (string, error) { return "1." + key, nil })
		if err == nil && i == 0 {
			err = s.Published(t.Context(), pub)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	pub.Items = []checks.PublishedItem{{Name: "lib.txt", SHA256: strings.Repeat("a", 64), Size: 9}}
	r := &releases{store: s, log: zerolog.Nop(), announcer: w, historian: w, cfg: configs.Config{GitHub: configs.GitHub{URL: "https://github.example.com"}}}
	job := checks.Job{Package: checks.Package{Name: "lib / publish", Dir: "libs/lib", BuildInfo: b},
		Release: &checks.Release{Package: "lib", Key: "3", Nested: []string{"libs/lib/x"}}}
	return r, checks.Run{Repo: checks.Repo{ID: 7, Owner: "acme", Name: "pets"}, Installation: 5}, job, pub
}

func TestAnnounce(t *testing.T) {
	tag := checks.BuildInfo{GitTag: "{{.Name}}/v{{.Version}}"}
	both := checks.BuildInfo{GitTag: tag.GitTag, GitHubRelease: true}
	const sentence = "The version is published, but its "
	tagItem := checks.PublishedItem{Name: "Tag lib/v1.3", URL: "https://github.example.com/acme/pets/tree/lib/v1.3"}
	releaseItem := checks.PublishedItem{Name: "Release lib/v1.3", URL: "https://github.example.com/acme/pets/releases/tag/lib/v1.3"}
	of := func(k checks.Kind) error { return checks.Errorf(k, errors.New("secret cause"), "So it is.") }
	for name, c := range map[string]struct {
		b      checks.BuildInfo
		town   town
		items  []checks.PublishedItem
		detail string
		again  bool
	}{
		"nothing is asked for":       {b: checks.BuildInfo{}},
		"a tag":                      {b: tag, items: []checks.PublishedItem{tagItem}},
		"a tag and a release":        {b: both, items: []checks.PublishedItem{tagItem, releaseItem}},
		"no leave":                   {b: both, town: town{tagErr: of(checks.KindConfig)}, detail: sentence + "tag is missing. So it is. A re-run"},
		"a tag elsewhere":            {b: both, town: town{tagErr: of(checks.KindRefused)}, detail: sentence + "tag is missing. So it is. A re-run"},
		"a release is refused":       {b: both, town: town{releaseErr: of(checks.KindRefused)}, items: []checks.PublishedItem{tagItem}, detail: sentence + "release at GitHub is missing. So it is. A re-run"},
		"an error of our own":        {b: tag, town: town{tagErr: errors.New("secret cause")}, detail: sentence + "tag is missing. The server's log says why. A re-run"},
		"no history":                 {b: both, town: town{historyErr: of(checks.KindInternal)}, items: []checks.PublishedItem{tagItem, releaseItem}},
		"GitHub away for the tag":    {b: both, town: town{tagErr: of(checks.KindUnavailable)}, again: true},
		"GitHub away at the release": {b: both, town: town{releaseErr: of(checks.KindUnavailable)}, again: true},
		"GitHub away for git":        {b: both, town: town{historyErr: of(checks.KindUnavailable)}, again: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := c.town
			r, run, job, pub := announcing(t, &w, c.b)
			first := checks.Result{Outcome: checks.OutcomePassed, Version: "1.3", Items: pub.Items}
			got, err := r.announce(t.Context(), run, job, pub, first)
			if (err != nil) != c.again {
				t.Fatalf("the error is %v", err)
			}
			if err != nil {
				return
			}
			if d := cmp.Diff(append(pub.Items[:1:1], c.items...), got.Items); d != "" {
				t.Error(d)
			}
			if got.Outcome != checks.OutcomePassed || (got.Detail == "") != (c.detail == "") || !strings.HasPrefix(got.Detail, c.detail) || strings.Contains(got.Detail, "secret") {
				t.Errorf("the result is %+v", got)
			}
			if d := cmp.Diff(pub.Items, first.Items); d != "" {
				t.Errorf("what was published changed: %s", d)
			}
		})
	}
}

func TestAnnounceTellsWhatIsNew(t *testing.T) {
	w := &town{}
	r, run, job, pub := announcing(t, w, checks.BuildInfo{GitTag: "{{.Name}}-v{{.Version}}", GitHubRelease: true})
	if _, err := r.announce(t.Context(), run, job, pub, checks.Result{}); err != nil {
		t.Fatal(err)
	}
	three := strings.Repeat("3", 40)
	if d := cmp.Diff([]string{"lib-v1.3 at " + three}, w.tags); d != "" {
		t.Error(d)
	}
	// The second was reserved and never published.
	want := []source.Range{{Head: three, Since: strings.Repeat("1", 40), Dir: "libs/lib", Without: []string{"libs/lib/x"}, Most: maxNotes}}
	if d := cmp.Diff(want, w.asked); d != "" {
		t.Error(d)
	}
	if len(w.releases) != 1 || w.releases[0].Tag != "lib-v1.3" || w.releases[0].Commit != three || w.releases[0].Name != "lib 1.3" {
		t.Fatalf("the releases are %+v", w.releases)
	}
	for _, says := range []string{"**Commits since version `1.1`**", "- ENH: more (Ann, [`ccccccc`](https://github.example.com/acme/pets/commit/" + strings.Repeat("c", 40) + "))", "| `lib.txt` |"} {
		if !strings.Contains(w.releases[0].Notes, says) {
			t.Errorf("the notes do not say %q:\n%s", says, w.releases[0].Notes)
		}
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	w.tagErr = errors.New("stopped")
	if _, err := r.announce(stopped, run, job, pub, checks.Result{}); err == nil {
		t.Error("what was stopped counts as done")
	}
}
