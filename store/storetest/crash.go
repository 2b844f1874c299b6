package storetest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dudesons/loktar/checks"
)

// envCrash holds the folder of the store in a child of the crash test.
const envCrash = "LOKTAR_STORETEST_CRASH"

// testCrash kills a process that accepts deliveries, at a random moment and
// several times, and looks whether all that it had announced is there.
func testCrash(t *testing.T, open Open) {
	if dir := os.Getenv(envCrash); dir != "" {
		crashChild(t, open, dir)
		return
	}
	dir := t.TempDir()
	announced := map[string]bool{}
	for round := range 4 {
		for _, guid := range killedChild(t, dir, round, 1+rand.IntN(400)) {
			announced[guid] = true
		}
		checkSurvivors(t, open, dir, announced)
	}
	t.Logf("%d deliveries announced by killed processes, all found", len(announced))
}

func checkSurvivors(t *testing.T, open Open, dir string, announced map[string]bool) {
	t.Helper()
	s := open(t, dir, time.Now)
	defer mustClose(t, s)
	inbox := map[string]bool{}
	for _, ev := range get(s.Pending(1 << 20))(t) {
		inbox[ev.Delivery] = true
	}
	for guid := range announced {
		if !inbox[guid] {
			t.Errorf("delivery %s was announced and is lost", guid)
		}
		accept(t, s, event(guid), false)
	}
	// A commit is there whole or not at all.
	runs, jobs, _, err := s.Active()
	must(t, err)
	for _, r := range runs {
		if len(jobs[r.ID]) != 2 {
			t.Errorf("run %s has %d jobs, want 2", r.ID, len(jobs[r.ID]))
		}
	}
}

// killedChild starts this test binary on the store in dir, kills it once it
// has announced n deliveries, and returns all that it announced.
func killedChild(t *testing.T, dir string, round, n int) (guids []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$", "-test.count=1")
	cmd.Env = append(os.Environ(), envCrash+"="+dir, fmt.Sprintf("%s_ROUND=%d", envCrash, round))
	cmd.Stderr = os.Stderr
	// The child ends by itself when this pipe does.
	_, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		guid, ok := strings.CutPrefix(lines.Text(), "accepted ")
		if !ok {
			continue
		}
		guids = append(guids, guid)
		if len(guids) == n {
			must(t, cmd.Process.Kill())
		}
	}
	err = cmd.Wait()
	if len(guids) < n {
		t.Fatalf("the child ended by itself after %d deliveries: %v", len(guids), err)
	}
	return guids
}

// crashChild accepts and commits without end, from several goroutines, and
// announces each delivery after Accept returned.
func crashChild(t *testing.T, open Open, dir string) {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	s := open(t, dir, time.Now)
	_, _, last, err := s.Active()
	must(t, err)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				guid := fmt.Sprintf("%s-%d-%d", os.Getenv(envCrash+"_ROUND"), w, i)
				if _, err := s.Accept(context.Background(), event(guid)); err != nil {
					panic(err)
				}
				mu.Lock()
				fmt.Println("accepted " + guid)
				mu.Unlock()
			}
		})
	}
	wg.Go(func() {
		for seq := last + 1; ; seq++ {
			r := run(seq, shaA)
			jobs := []checks.Job{job(r, 0, "lib"), job(r, 1, "api")}
			if err := s.Commit(context.Background(), checks.Commit{Runs: []checks.Run{r}, Jobs: jobs}); err != nil {
				panic(err)
			}
		}
	})
	wg.Wait()
}
