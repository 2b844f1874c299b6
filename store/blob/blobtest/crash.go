package blobtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/store/blob"
)

// envCrash names the place to a child of the crash test, envRound its round.
const envCrash, envRound = "LOKTAR_BLOBTEST_CRASH", "LOKTAR_BLOBTEST_ROUND"

// endless is announced once so many bytes of the endless objects were read:
// some parts are with the store by then.
const endless = 40 << 20

func crashContent(round, n int) []byte { return Bytes(uint64(round*10_000+n), 200_000) }

func crashKey(round, n int) string { return fmt.Sprintf("round-%d/%d", round, n) }

// testCrash kills a process in the middle of its Puts. What it had announced
// is there, what it had not is there whole or not at all.
func testCrash(t *testing.T, s Store) {
	at := s.New(t)
	b := s.Open(t, at)
	put(t, b, "old", []byte("old"))
	for round := range 3 {
		done := killed(t, at, round, 1+rand.IntN(20))
		b := s.Open(t, at)
		wantAbsent(t, b, "new")
		if got := read(t, b, "old"); string(got) != "old" {
			t.Errorf("a killed process left %d bytes of a Put", len(got))
		}
		for n := 0; n < done; n++ {
			if got := read(t, b, crashKey(round, n)); Digest(got) != Digest(crashContent(round, n)) {
				t.Errorf("object %d was announced and is another", n)
			}
		}
		r, _, err := b.Get(t.Context(), crashKey(round, done), blob.GetOptions{})
		if err != nil {
			wantKind(t, "the object that was not announced", err, checks.KindNotFound)
		} else {
			got, err := io.ReadAll(r)
			r.Close()
			if err != nil || Digest(got) != Digest(crashContent(round, done)) {
				t.Errorf("the object that was not announced is there by half: %d bytes, %v", len(got), err)
			}
		}
		t.Logf("round %d: %d objects announced, all there", round, done)
	}
}

// killed starts this test binary on the place at, kills it in the middle, and
// tells how many objects it had announced.
func killed(t *testing.T, at string, round, least int) (done int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	top, _, _ := strings.Cut(t.Name(), "/")
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+top+"$", "-test.count=1")
	cmd.Env = append(os.Environ(), envCrash+"="+at, fmt.Sprintf("%s=%d", envRound, round))
	cmd.Stderr = os.Stderr
	// The child ends by itself when this pipe does.
	_, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	lines, amid, dead := bufio.NewScanner(out), 0, false
	for lines.Scan() {
		switch lines.Text() {
		case "done":
			done++
		case "amid":
			amid++
		}
		if !dead && done >= least && amid == 2 {
			dead = true
			must(t, cmd.Process.Kill())
		}
	}
	if err := cmd.Wait(); !dead {
		t.Fatalf("the child ended by itself after %d objects: %v", done, err)
	}
	return done
}

// crashChild, in a process that killed started, puts two objects that do not
// end, and small ones without end. Elsewhere it is false.
func crashChild(t *testing.T, s Store) bool {
	at := os.Getenv(envCrash)
	if at == "" {
		return false
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	b := s.Open(t, at)
	round, err := strconv.Atoi(os.Getenv(envRound))
	must(t, err)
	var mu sync.Mutex
	say := func(word string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Println(word)
	}
	for _, key := range []string{"new", "old"} {
		go func() {
			r := io.MultiReader(io.LimitReader(zeros{}, endless), announcing{sync.OnceFunc(func() { say("amid") })})
			_, err := b.Put(context.Background(), key, r, blob.PutOptions{SHA256: Digest(nil)})
			panic(errors.Join(errors.New("an endless Put ended"), err))
		}()
	}
	for n := 0; ; n++ {
		put(t, b, crashKey(round, n), crashContent(round, n))
		say("done")
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// announcing says so when it is read, and stays there.
type announcing struct{ say func() }

func (a announcing) Read([]byte) (int, error) {
	a.say()
	select {}
}
