package source

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/checks"
)

// house is a source with a clock and repositories of one content.
type house struct {
	*Source
	t    *testing.T
	o    *origin
	time time.Time
	ev   checks.Event
}

// large is content that no compression makes smaller.
func large(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails
	return string(b)
}

func newHouse(t *testing.T) *house {
	o := newOrigin(t)
	base := o.commit("main", files{"a": large(256 << 10), "loktar.json": "{}"})
	o.commit("topic", files{"b": "1"}, base)
	h := &house{t: t, o: o, time: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), ev: o.event("topic", "main")}
	h.Source = o.source(t)
	h.now = func() time.Time { return h.time }
	return h
}

func (h *house) repo(id int64) checks.Repo {
	return checks.Repo{ID: id, Owner: "acme", Name: "r" + string(rune('0'+id))}
}

// load loads from a repository, an hour after what was before.
func (h *house) load(id int64) *Loaded {
	h.t.Helper()
	h.time = h.time.Add(time.Hour)
	ev := h.ev
	ev.Repo = h.repo(id)
	l := load(h.t, h.Source, ev)
	return &l
}

func (h *house) lease(id int64, tree string) *Lease {
	h.t.Helper()
	h.time = h.time.Add(time.Hour)
	l, err := h.Lease(h.t.Context(), h.repo(id), tree)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(l.Release)
	return l
}

// left says which mirrors (m) and worktrees (w) of which repositories are there.
func (h *house) left() string {
	var list []string
	for id := int64(1); id < 6; id++ {
		for _, dir := range kept(h.t, h.Source, id) {
			kind := "m"
			if strings.Contains(dir, "/worktrees/") {
				kind = "w"
			}
			list = append(list, kind+string(rune('0'+id)))
		}
	}
	return strings.Join(list, " ")
}

func (h *house) want(left string) {
	h.t.Helper()
	if diff := cmp.Diff(left, h.left()); diff != "" {
		h.t.Errorf("what is left: %s", diff)
	}
}

// about is the size of a mirror, or of a worktree, in these tests.
const about = 300 << 10

func TestRoomIsMadeOfWhatIsUnusedForLongest(t *testing.T) {
	h := newHouse(t)
	var tree string
	for id := int64(1); id <= 3; id++ {
		l := h.load(id)
		tree = l.Change.Tree
		l.Close()
		h.lease(id, tree).Release()
	}
	h.want("m1 w1 m2 w2 m3 w3")
	h.lease(1, tree).Release() // the first is the last used now
	h.opts.MaxSize = 5*about + about/2
	if err := h.Maintain(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.want("m1 w1 m2 m3 w3") // a worktree is older than the mirror that it was last used of
	h.opts.MaxSize = 4*about + about/2
	h.load(4).Close()
	h.want("m1 w1 m3 w3 m4")
	if err := h.Maintain(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.want("m1 w1 m3 m4")
	leased := h.lease(3, tree)
	h.opts.MaxSize = 1
	if err := h.Maintain(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.want("m3 w3") // what is in use stays
	if diff := cmp.Diff("1", onDisk(t, leased.Dir)["b"]); diff != "" {
		t.Error(diff)
	}
	h.opts.MaxSize = 0
	h.load(2).Close()
	h.want("m2 m3 w3")
}

func TestRoomSparesWhoReads(t *testing.T) {
	h := newHouse(t)
	l := h.load(1)
	h.opts.MaxSize = about / 2
	if err := h.Maintain(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.want("m1")
	if _, err := l.Tree().List("."); err != nil {
		t.Error(err)
	}
	l.Close()
	objects, err := h.Objects(t.Context(), h.repo(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Maintain(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.want("m1")
	objects.Close()
	objects.Close() // counts once
	if err := h.Maintain(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.want("")
	if n := h.mirror(h.repo(1)).readers; n != 0 {
		t.Errorf("%d read", n)
	}
}

func TestRoomIsMadeBeforeTheDiskIsFull(t *testing.T) {
	h := newHouse(t)
	h.load(1).Close()
	h.load(2).Close()
	h.opts.MinFree = 10 << 20
	free := h.opts.MinFree - about/2
	h.room.free = func() int64 { return free }
	h.load(3).Close()
	h.want("m2 m3")
	free = h.opts.MinFree + 64<<20
	h.load(1).Close()
	h.want("m1 m2 m3")
	// Nothing more can go, and what is to be fetched does not fit.
	free = 0
	h.o.commit("topic", files{"c": large(3 << 20)})
	h.ev = h.o.event("topic", "main")
	ev := h.ev
	ev.Repo = h.repo(4)
	_, err := h.Load(t.Context(), ev)
	wantKind(t, err, checks.KindConfig)
	if text := checks.PublicText(err, ""); !strings.Contains(text, "git.min_free (10MiB)") {
		t.Errorf("it said %q", text)
	}
	h.wantNoHalves()
}

func (h *house) wantNoHalves() {
	h.t.Helper()
	if halves, _ := filepath.Glob(filepath.Join(h.opts.Dir, "mirrors/*/objects/pack/tmp_*")); len(halves) > 0 {
		h.t.Errorf("%q are left", halves)
	}
}

func TestRepositoryThatIsTooLargeAlone(t *testing.T) {
	h := newHouse(t)
	h.load(1).Close()
	h.opts.MaxSize = 1 << 20
	h.o.commit("topic", files{"c": large(3 << 20)})
	h.ev = h.o.event("topic", "main")
	ev := h.ev
	ev.Repo = h.repo(2)
	for range 2 {
		_, err := h.Load(t.Context(), ev)
		wantKind(t, err, checks.KindConfig)
		if text := checks.PublicText(err, ""); !strings.Contains(text, "acme/r2 alone is larger than git.max_size (1MiB)") {
			t.Errorf("it said %q", text)
		}
		h.wantNoHalves()
		if size := sizeOf(h.opts.Dir); size > 2<<20 {
			t.Errorf("%d bytes are kept", size)
		}
	}
	// One that compresses well is too large when it is checked out.
	h.o.commit("zeros", files{"z": strings.Repeat("0", 3<<20)}, "refs/heads/main^0")
	if err := h.Fetch(t.Context(), 7, h.repo(1), h.o.git("rev-parse", "zeros")); err != nil {
		t.Fatal(err)
	}
	_, err := h.Lease(t.Context(), h.repo(1), h.o.tree("zeros"))
	wantKind(t, err, checks.KindConfig)
	h.trees.wait()
	if left, _ := os.ReadDir(h.trees.dir); len(left) > 0 {
		t.Errorf("%v are left", left)
	}
}
