package app_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dudesons/loktar/app"
	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/configs"
	"github.com/dudesons/loktar/store"
)

// orderWorld is a repository with a package that goes to a folder.
type orderWorld struct {
	t     *testing.T
	hub   *minihubtest.Hub
	repo  *minihub.Repo
	url   string
	place place
	texts int
	data  string
	store *store.Store
}

func newOrderWorld(t *testing.T) *orderWorld {
	w := &orderWorld{t: t, hub: minihubtest.Start(t), place: filePlace(t), data: t.TempDir()}
	file := filepath.Join(t.TempDir(), "loktar.yml")
	if err := os.WriteFile(file, []byte(fmt.Sprintf("listen: 127.0.0.1:0\ndata_dir: %s\ngithub: {url: %q, app_id: %d, private_key_file: %s, webhook_secret: secret}\nregistries:\n  place: {%s, repositories: [acme/pets]}\n",
		w.data, w.hub.URL(), w.hub.App().ID(), w.hub.KeyFile(), w.place.settings("", ""))), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := configs.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := rigged(t, cfg)
	w.store = app.StoreOf(s)
	w.url = "http://" + s.Addr() + "/webhook"
	w.hub.App().SetWebhook(w.url, "secret")
	w.repo = w.hub.Repo("acme", "pets", map[string]string{"loktar.json": fmt.Sprintf(
		`{"packages": [{"pkg_name": "lib", "pkg_type": %q, "test_type": "no-test", "artifacts": ["dist/*"], "build_info": %s}]}`, w.place.pkgType, w.place.info)})
	return w
}

// commit is the next state of the package.
func (w *orderWorld) commit() string {
	w.texts++
	return w.hub.Commit(w.repo, minihub.Commit{Branch: "main", Files: map[string]string{"lib/text": fmt.Sprintf("text %d", w.texts)}})
}

// ended waits for the check of sha that is not old.
func (w *orderWorld) ended(sha string, old int64) (c minihub.CheckRun) {
	w.t.Helper()
	w.hub.Await("lib of "+sha[:7]+" to be published", func(v *minihub.View) bool {
		c, _ = v.CheckRun("acme/pets", sha, checks.ReleaseName("lib"))
		return c.ID != old && c.Conclusion != ""
	})
	return c
}

// again presses Re-run on the check of sha.
func (w *orderWorld) again(sha string) minihub.CheckRun {
	w.t.Helper()
	old := w.ended(sha, 0)
	if err := w.hub.RerequestRun(old.ID, "acme"); err != nil {
		w.t.Fatal(err)
	}
	return w.ended(sha, old.ID)
}

// versions are the published texts, in the order of their versions.
func (w *orderWorld) versions() string {
	var out []string
	all := w.place.files(w.t)
	for n := 1; n <= len(all); n++ {
		out = append(out, strings.TrimPrefix(text(w.t, all[fmt.Sprintf("lib %d", n)]), "text "))
	}
	return strings.Join(out, " ")
}

func (w *orderWorld) want(want string) {
	w.t.Helper()
	if got := w.versions(); got != want {
		w.t.Errorf("published: %s, want %s", got, want)
	}
}

// TestARerunOfAnEarlierCommitPublishesNothing: what a later commit published
// stays the newest.
func TestARerunOfAnEarlierCommitPublishesNothing(t *testing.T) {
	w := newOrderWorld(t)
	first := w.commit()
	w.ended(first, 0)
	second := w.commit()
	w.ended(second, 0)
	if c := w.again(first); c.Conclusion != "cancelled" || !strings.Contains(c.Summary, "A later commit") {
		t.Errorf("the re-run: %s: %s\n%s", c.Conclusion, c.Title, c.Summary)
	}
	w.want("1 2")

	// A branch that is set back publishes what it holds, and a re-run of what
	// it held does not bring that back.
	if err := w.repo.Push(t.Context(), "acme", "main", first); err != nil {
		t.Fatal(err)
	}
	w.hub.Await("the earlier state", func(*minihub.View) bool { return w.versions() == "1 2 1" })
	w.again(second)
	w.want("1 2 1")
}

// TestALatePushPublishesNothing: GitHub tells of an earlier push after a
// later one was published.
func TestALatePushPublishesNothing(t *testing.T) {
	w := newOrderWorld(t)
	w.ended(w.commit(), 0)
	w.hub.App().SetWebhook("http://127.0.0.1:1/", "secret") // nobody hears of it
	second := w.commit()
	var lost minihub.Delivery
	w.hub.Await("the delivery to fail", func(v *minihub.View) bool {
		for _, d := range v.Deliveries() {
			if d.Event == "push" && d.Done && d.Status != "OK" {
				lost = d
			}
		}
		return lost.ID != 0
	})
	w.hub.App().SetWebhook(w.url, "secret")
	w.ended(w.commit(), 0)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url, bytes.NewReader(lost.Payload))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Content-Type": {"application/json"}, "X-Github-Event": {"push"}, "X-Github-Delivery": {lost.GUID}, "X-Hub-Signature-256": {minihub.Sign("secret", lost.Payload)}}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusAccepted {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
	w.hub.Await("the late push to be tested", func(v *minihub.View) bool {
		c, _ := v.CheckRun("acme/pets", second, checks.AggregateName)
		return c.Conclusion == "success" && strings.Contains(c.Summary, "lib is not published: The push of a later commit")
	})
	w.want("1 3")
}

// TestWhatWasBuiltAndLostIsBuiltAgain: a version that waits to be published
// outlives the files that were kept for it.
func TestWhatWasBuiltAndLostIsBuiltAgain(t *testing.T) {
	w := newOrderWorld(t)
	folder := filepath.Join(w.place.dir, "files", "prod")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	blocker := filepath.Join(folder, "lib")
	if err := os.WriteFile(blocker, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	sha := w.commit()
	if c := w.ended(sha, 0); c.Conclusion != "failure" {
		t.Fatalf("it was published: %s\n%s", c.Title, c.Summary)
	}
	if err := os.Remove(blocker); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(w.data, "built", "objects", "sha256")); err != nil {
		t.Fatal(err)
	}
	if c := w.again(sha); c.Conclusion != "success" {
		t.Errorf("the re-run: %s: %s\n%s", c.Conclusion, c.Title, c.Summary)
	}
	w.want("1")
	pubs, err := w.store.Publications(w.repo.ID(), "lib", 10)
	if err != nil || len(pubs) == 0 || len(pubs[0].Items) != 2 {
		t.Errorf("%+v, %v", pubs, err)
	}
}
