package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/configs"
	"github.com/dudesons/loktar/runner"
	"github.com/dudesons/loktar/store"
	"github.com/dudesons/loktar/store/blob"
	"github.com/dudesons/loktar/store/blob/blobtest"
)

func text(s string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(s)), nil }
}

// buckets are what files of tests are kept in.
func buckets(t *testing.T) map[string]blob.Bucket {
	t.Helper()
	dir, err := blob.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	o := blobtest.StartS3(t).MakeBucket(t, "artifacts")
	s3, err := blob.OpenS3(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]blob.Bucket{"folder": dir, "S3": s3}
}

func listed(t *testing.T, b blob.Bucket) []string {
	t.Helper()
	list, err := b.List(t.Context(), "", "", 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, o := range list {
		out = append(out, o.Key)
	}
	return out
}

// TestShelf keeps, finds again, writes anew and removes, by a clock of its own.
func TestShelf(t *testing.T) {
	for name, b := range buckets(t) {
		t.Run(name, func(t *testing.T) {
			later := time.Duration(0)
			s := &shelf{bucket: b, now: func() time.Time { return time.Now().Add(later) }}
			opened := 0
			counted := func() (io.ReadCloser, error) {
				opened++
				return text("one")()
			}
			add := func(repo int64, want int) item {
				t.Helper()
				opened = 0
				sum, size, err := s.add(t.Context(), repo, counted)
				if err != nil || size != 3 || opened != want {
					t.Fatalf("%s, %d, %v; read %d times, want %d", sum, size, err, opened, want)
				}
				i, err := itemOfSum(repo, sum)
				if err != nil {
					t.Fatal(err)
				}
				return i
			}
			one, other := add(1, 2), add(2, 2)
			add(1, 1) // it is there
			later = fresh + time.Minute
			add(1, 2) // it is written anew
			if got := listed(t, b); len(got) != 2 || got[0] != one.key() || got[1] != other.key() || !strings.HasPrefix(got[0], "repos/1/sha256/") {
				t.Fatalf("keys %q", got)
			}
			if _, err := b.Put(t.Context(), "repos/1/sha256/not/ours", strings.NewReader("x"), blob.PutOptions{}); err != nil {
				t.Fatal(err)
			}
			sweep := func(want int, named ...item) {
				t.Helper()
				set := map[item]bool{}
				for _, i := range named {
					set[i] = true
				}
				if done, err := s.sweep(t.Context(), set); err != nil || done.Objects != want || done.Bytes != int64(3*want) {
					t.Fatalf("%+v, %v; want %d", done, err, want)
				}
			}
			later = grace - time.Minute
			sweep(0)
			later = grace + time.Minute
			sweep(0, one, other)
			letGo := s.hold(one.key())
			sweep(1) // the other: somebody adds this one
			letGo()
			sweep(1)
			sweep(0)
			if got := listed(t, b); len(got) != 1 || got[0] != "repos/1/sha256/not/ours" {
				t.Errorf("left %q", got)
			}
		})
	}
}

func TestShelfFaults(t *testing.T) {
	dir, err := blob.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	s := &shelf{bucket: dir}
	turns := 0
	changing := func() (io.ReadCloser, error) {
		turns++
		return text(fmt.Sprint("turn ", turns))()
	}
	if _, _, err := s.add(t.Context(), 1, changing); !errors.Is(err, blob.ErrMismatch) {
		t.Errorf("content that changes: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := s.add(ctx, 1, text("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, _, err := s.add(t.Context(), 1, func() (io.ReadCloser, error) { return nil, io.ErrUnexpectedEOF }); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("unreadable: %v", err)
	}
	if got := listed(t, dir); len(got) > 0 {
		t.Errorf("left %q", got)
	}
}

// TestItemKeys: keys are read back as they were made, and no other is taken
// for one.
func TestItemKeys(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		i := item{repo: rapid.Int64Range(0, 1<<62).Draw(rt, "repo")}
		copy(i.sum[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(rt, "sum"))
		if got, ok := itemOf(i.key()); !ok || got != i || blob.CheckKey(i.key()) != nil {
			rt.Fatalf("%q is %+v, %v", i.key(), got, ok)
		}
		cut := rapid.IntRange(0, len(i.key())-1).Draw(rt, "cut")
		for _, bad := range []string{i.key()[:cut], i.key()[cut+1:], strings.ToUpper(i.key()), i.key() + "0", "repos/" + i.key(), "repos/0/" + i.key()} {
			if got, ok := itemOf(bad); ok && got.key() != bad {
				rt.Fatalf("%q is taken for %+v", bad, got)
			}
		}
	})
}

// kept opens artifacts on a store of their own.
func kept(t *testing.T, change func(*configs.Config)) *artifacts {
	t.Helper()
	cfg := configs.Config{DataDir: t.TempDir(), Artifacts: configs.Artifacts{Days: 30}}
	if change != nil {
		change(&cfg)
	}
	s, err := store.Open(filepath.Join(cfg.DataDir, "loktar.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	a, err := openArtifacts(t.Context(), cfg, s, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	built, err := blob.OpenDir(filepath.Join(cfg.DataDir, "built"))
	if err != nil {
		t.Fatal(err)
	}
	a.built = &shelf{bucket: built}
	t.Cleanup(func() {
		if err := errors.Join(a.close(), built.Close(), s.Close()); err != nil {
			t.Error(err)
		}
	})
	return a
}

func (a *artifacts) at(d time.Duration) {
	a.now = func() time.Time { return time.Now().Add(d) }
	a.built.now = a.now
}

const day = 24 * time.Hour

// TestRetention keeps what jobs name that are young enough, and what is owed.
// What a job left that never ended, since the server was killed, goes too.
func TestRetention(t *testing.T) {
	a := kept(t, nil)
	ctx, repo := t.Context(), checks.Repo{ID: 7, Owner: "acme", Name: "pets"}
	var all []checks.Artifact
	for _, s := range []string{"young", "carried", "old", "never told"} {
		sum, err := a.keep(ctx, runner.KeptFile{Repo: repo, Open: text(s)})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, checks.Artifact{Name: s, Kind: checks.KindReport, SHA256: sum, Size: int64(len(s))})
	}
	now := time.Now()
	put := func(id string, seq uint64, created, finished time.Time, kept ...checks.Artifact) {
		t.Helper()
		run := checks.Run{ID: id, Seq: seq, Repo: repo, HeadSHA: strings.Repeat("a", 40), Created: created, Finished: finished}
		job := checks.Job{Run: id, Package: checks.Package{Name: "lib"}, State: checks.StateDone, Finished: finished, Result: checks.Result{Outcome: checks.OutcomePassed, Artifacts: kept}}
		if err := a.store.Commit(ctx, checks.Commit{Runs: []checks.Run{run}, Jobs: []checks.Job{job}}); err != nil {
			t.Fatal(err)
		}
	}
	put("run1", 1, now.Add(-20*day), now.Add(-20*day), all[2])
	put("run2", 2, now.Add(-20*day), now, all[0])
	put("run3", 3, now, now.Add(-20*day), all[1]) // a result that is older than its run

	owed, _, err := a.built.add(ctx, 0, text("owed"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err = a.built.add(ctx, 0, text("not owed")); err != nil {
		t.Fatal(err)
	}
	pub, err := a.store.Reserve(ctx, checks.Publication{Repo: 7, Package: "lib", Key: "k", Commit: "c", Run: "run1"}, 0, func(int64) (string, error) { return "1", nil })
	if err != nil {
		t.Fatal(err)
	}
	pub.Items = []checks.PublishedItem{{Name: "x", SHA256: owed, Size: 4}}
	if err := a.store.Built(ctx, pub); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		after        time.Duration
		tests, built int
	}{{day, 4, 2}, {3 * day, 3, 1}, {9 * day, 3, 1}, {11 * day, 2, 1}, {29 * day, 2, 1}, {31 * day, 0, 1}} {
		a.at(step.after)
		a.tidy(ctx)
		if tests, built := listed(t, a.bucket), listed(t, a.built.bucket); len(tests) != step.tests || len(built) != step.built {
			t.Fatalf("after %s: %q and %q, want %d and %d", step.after, tests, built, step.tests, step.built)
		}
	}
	if err := a.store.Published(ctx, pub); err != nil {
		t.Fatal(err)
	}
	a.tidy(ctx)
	if built := listed(t, a.built.bucket); len(built) != 0 {
		t.Errorf("what is published stays: %q", built)
	}
}

// TestForeignStorage: nothing is removed where another server keeps files.
func TestForeignStorage(t *testing.T) {
	path := t.TempDir()
	open := func() *artifacts {
		return kept(t, func(cfg *configs.Config) {
			cfg.Artifacts.Storage = &configs.Registry{Type: configs.RegistryFile, Path: path}
		})
	}
	one, two := open(), open()
	if _, err := one.keep(t.Context(), runner.KeptFile{Repo: checks.Repo{ID: 1}, Open: text("x")}); err != nil {
		t.Fatal(err)
	}
	if _, err := one.sweepTests(t.Context()); err != nil {
		t.Fatal(err)
	}
	two.at(3 * day)
	done, err := two.sweepTests(t.Context())
	if checks.KindOf(err) != checks.KindConfig || !strings.Contains(err.Error(), "another server") || done.Objects > 0 {
		t.Errorf("%+v, %v", done, err)
	}
	one.at(3 * day)
	if done, err := one.sweepTests(t.Context()); err != nil || done.Objects != 1 {
		t.Errorf("%+v, %v", done, err)
	}
}
