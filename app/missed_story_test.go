package app_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/app"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/configs"
	"github.com/dudesons/loktar/store"
)

// TestWhatWasMergedWhileDownForLongIsPublished has a server be away for longer
// than GitHub keeps deliveries. What was merged meanwhile is published, and once,
// also when the server starts again.
func TestWhatWasMergedWhileDownForLongIsPublished(t *testing.T) {
	w := &orderWorld{t: t, hub: minihubtest.Start(t), place: filePlace(t), data: t.TempDir()}
	file := filepath.Join(t.TempDir(), "loktar.yml")
	if err := os.WriteFile(file, fmt.Appendf(nil, "listen: 127.0.0.1:0\ndata_dir: %s\ngithub: {url: %q, app_id: %d, private_key_file: %s, webhook_secret: secret}\nregistries:\n  place: {%s, repositories: [acme/pets]}\n",
		w.data, w.hub.URL(), w.hub.App().ID(), w.hub.KeyFile(), w.place.settings("", "")), 0o600); err != nil {
		t.Fatal(err)
	}
	w.repo = w.hub.Repo("acme", "pets", map[string]string{"loktar.json": fmt.Sprintf(
		`{"packages": [{"pkg_name": "lib", "pkg_type": %q, "test_type": "no-test", "artifacts": ["dist/*"], "build_info": %s}]}`, w.place.pkgType, w.place.info)})

	start := func() (stop func()) {
		cfg, err := configs.Load(file, nil)
		if err != nil {
			t.Fatal(err)
		}
		s, stop := serve(t, cfg, zerolog.Nop(), func(s *app.Server) { app.Rig(s, builder{func(string) {}}, nil) })
		w.store, w.url = app.StoreOf(s), "http://"+s.Addr()+"/webhook"
		return stop
	}
	// looked waits until the server has looked for what it missed, and has
	// planned what it found.
	looked := func(since time.Time) {
		t.Helper()
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for deadline := time.After(minihubtest.Patience); ; {
			seen, err := w.store.Seen()
			pending, err2 := w.store.Pending(1)
			if err == nil && err2 == nil && seen.After(since) && len(pending) == 0 {
				return
			}
			select {
			case <-tick.C:
			case <-deadline:
				t.Fatalf("the server does not look for what it missed (%v, %v)", err, err2)
			}
		}
	}

	stop := start()
	w.hub.App().SetWebhook(w.url, "secret")
	w.ended(w.commit(), 0)
	stop()

	w.hub.App().SetWebhook("", "") // it keeps no delivery
	w.commit()
	last := w.commit()
	s, err := store.Open(filepath.Join(w.data, "loktar.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-10 * 24 * time.Hour)
	if err := s.See(t.Context(), long); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	stop = start()
	if c := w.ended(last, 0); c.Conclusion != "success" {
		t.Errorf("what was merged: %s: %s\n%s", c.Conclusion, c.Title, c.Summary)
	}
	looked(time.Now().Add(-time.Hour))
	w.want("1 3")
	stop()

	again := time.Now()
	stop = start()
	looked(again)
	runs, err := w.store.RunsOf(w.repo.ID(), last)
	if err != nil || len(runs) != 1 || runs[0].Trigger != checks.FoundPush {
		t.Errorf("runs of what was merged: %+v (%v)", runs, err)
	}
	w.want("1 3")
	stop()
}
