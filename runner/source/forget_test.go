package source

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/dudesons/loktar/checks"
	"github.com/google/go-cmp/cmp"
)

// otherRepo is another repository with the same content.
var otherRepo = checks.Repo{ID: 4, Owner: "acme", Name: "other"}

// kept lists the files beneath the data folder that are of a repository.
func kept(t *testing.T, s *Source, id int64) (list []string) {
	t.Helper()
	for _, glob := range []string{"mirrors/%d.*", "worktrees/%d-*"} {
		found, err := filepath.Glob(filepath.Join(s.opts.Dir, fmt.Sprintf(glob, id)))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, found...)
	}
	return list
}

func wantForgotten(t *testing.T, err error) {
	t.Helper()
	wantKind(t, err, checks.KindUnavailable)
	if !errors.Is(err, errForgotten) {
		t.Errorf("error is %v", err)
	}
}

func TestForget(t *testing.T) {
	o, ev := pullRequest(t)
	dir := t.TempDir()
	s := openSource(t, Options{Dir: dir, URL: o.url, AllowFile: true})
	other := ev
	other.Repo = otherRepo
	l, theirs := load(t, s, ev), load(t, s, other)
	idle, leased := lease(t, s, o.tree("main")), lease(t, s, l.Change.Tree)
	idle.Release()
	their, err := s.Lease(t.Context(), otherRepo, theirs.Change.Tree)
	if err != nil {
		t.Fatal(err)
	}
	their.Release()
	if len(kept(t, s, testRepo.ID)) != 3 || len(kept(t, s, otherRepo.ID)) != 2 {
		t.Fatalf("%q and %q are there", kept(t, s, testRepo.ID), kept(t, s, otherRepo.ID))
	}
	if err := os.Mkdir(filepath.Join(dir, "mirrors/42.git.new"), 0o700); err != nil {
		t.Fatal(err)
	}
	forget := func() {
		t.Helper()
		if err := s.Forget(t.Context(), checks.Repo{ID: testRepo.ID}); err != nil {
			t.Fatal(err)
		}
	}
	forget()
	if diff := cmp.Diff([]string{filepath.Dir(leased.Dir)}, kept(t, s, testRepo.ID)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(files{"a": "1", "b": "1", "loktar.json": "{}"}, onDisk(t, leased.Dir)); diff != "" {
		t.Error(diff)
	}
	if len(kept(t, s, otherRepo.ID)) != 2 {
		t.Errorf("of the other repository %q are left", kept(t, s, otherRepo.ID))
	}
	if ok, err := s.Has(t.Context(), testRepo, l.Change.Tree); ok || err != nil {
		t.Errorf("Has is %v, %v", ok, err)
	}
	_, err = s.Lease(t.Context(), testRepo, l.Change.Tree)
	wantKind(t, err, checks.KindNotFound)
	if m := s.mirror(testRepo); len(m.linkMemory.lines)+len(m.kept)+len(m.users) > 0 {
		t.Errorf("%+v is remembered", m)
	}
	leased.Release()
	if left := kept(t, s, testRepo.ID); len(left) > 0 {
		t.Errorf("%q are left", left)
	}
	forget() // nothing is there
	again := load(t, s, ev)
	if diff := cmp.Diff(l.Change, again.Change); diff != "" {
		t.Error(diff)
	}
	if next := lease(t, s, l.Change.Tree); next.Dir == leased.Dir {
		t.Error("a folder that was taken away is lent again")
	} else {
		next.Release()
	}
	if err := s.Maintain(t.Context()); err != nil {
		t.Error(err)
	}
	s = openSource(t, Options{Dir: dir, URL: o.url, AllowFile: true})
	forget() // what an earlier process left
	if left := kept(t, s, testRepo.ID); len(left) > 0 {
		t.Errorf("%q are left", left)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if trash, err := os.ReadDir(filepath.Join(dir, "trash")); len(trash) > 0 || err != nil {
		t.Errorf("%v is in the trash: %v", trash, err)
	}
}

func TestForgetEndsAFetch(t *testing.T) {
	o, ev := pullRequest(t)
	web := serve(t, o)
	asked, done := make(chan struct{}, 10), make(chan struct{})
	web.answer(func(http.ResponseWriter, *http.Request) bool {
		asked <- struct{}{}
		<-done
		return true
	})
	defer close(done)
	s := openSource(t, Options{URL: web.url})
	for name, call := range map[string]func(context.Context) error{
		"load":  func(ctx context.Context) error { _, err := s.Load(ctx, ev); return err },
		"fetch": func(ctx context.Context) error { return s.Fetch(ctx, 7, testRepo, ev.PullRequest.Head.SHA) },
		"restore": func(ctx context.Context) error {
			return s.Restore(ctx, checks.Run{Repo: testRepo, HeadSHA: ev.PullRequest.Head.SHA, Push: &checks.Push{Ref: "refs/heads/topic"}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			failed := make(chan error)
			go func() { failed <- call(t.Context()) }()
			go func() { failed <- call(t.Context()) }() // waits for its turn
			<-asked
			m := s.mirror(testRepo)
			for n := 0; n < 2; {
				m.mu.Lock()
				n = len(m.users)
				m.mu.Unlock()
			}
			if err := s.Forget(t.Context(), testRepo); err != nil {
				t.Fatal(err)
			}
			if left := kept(t, s, testRepo.ID); len(left) > 0 {
				t.Errorf("%q are left", left)
			}
			wantForgotten(t, <-failed)
			wantForgotten(t, <-failed)
			for len(asked) > 0 {
				<-asked
			}
		})
	}
}

func TestForgetEndsACheckout(t *testing.T) {
	o, ev := pullRequest(t)
	git, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	begun, held, script := filepath.Join(dir, "begun"), filepath.Join(dir, "held"), filepath.Join(dir, "git")
	body := fmt.Sprintf("#!/bin/sh\ncase \"$*\" in *read-tree*) echo >%s; cat %s;; esac\nexec %s \"$@\"\n", begun, held, git)
	err = errors.Join(syscall.Mkfifo(begun, 0o600), syscall.Mkfifo(held, 0o600), os.WriteFile(script, []byte(body), 0o700))
	if err != nil {
		t.Fatal(err)
	}
	s := openSource(t, Options{URL: o.url, AllowFile: true, Git: script})
	l := load(t, s, ev)
	failed := make(chan error)
	for range 2 {
		go func() {
			_, err := s.Lease(t.Context(), testRepo, l.Change.Tree)
			failed <- err
		}()
	}
	if _, err := os.ReadFile(begun); err != nil {
		t.Fatal(err)
	}
	if err := s.Forget(t.Context(), testRepo); err != nil {
		t.Fatal(err)
	}
	// Who asked late may have found the mirror gone.
	for range 2 {
		if err := <-failed; !errors.Is(err, errForgotten) && checks.KindOf(err) != checks.KindNotFound {
			t.Errorf("error is %v", err)
		}
	}
	s.trees.wait()
	if left := kept(t, s, testRepo.ID); len(left) > 0 {
		t.Errorf("%q are left", left)
	}
}

func TestForgetGivesUp(t *testing.T) {
	o, ev := pullRequest(t)
	s := o.source(t)
	m := s.mirror(testRepo)
	inside, done, err := m.use(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	failed, second := make(chan error), make(chan error)
	go func() { failed <- s.Forget(ctx, testRepo) }()
	<-inside.Done()
	// While one waits, another one and a user wait for it.
	short, stop := context.WithCancel(t.Context())
	go func() { second <- s.Forget(short, testRepo) }()
	stop()
	if err := <-second; !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	if _, err := s.Load(short, ev); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	done()
	load(t, s, ev)
	if err := s.Forget(t.Context(), testRepo); err != nil {
		t.Error(err)
	}
	load(t, s, ev)
}
