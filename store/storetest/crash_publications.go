package storetest

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dudesons/loktar/checks"
)

var crashPackages = []string{"one", "two"}

// crashKey is a key of the round; who has the same name has the same keys.
func crashKey(round, name string, i int) string { return fmt.Sprintf("%s-%s-%d", round, name, i) }

// crashPublishes reports whether what has the key is published.
func crashPublishes(key string) bool {
	i, err := strconv.Atoi(key[strings.LastIndexByte(key, '-')+1:])
	return err == nil && i%3 != 0
}

// crashPublish reserves versions without end and publishes most of them. Of
// each package two goroutines have every second key in common.
func crashPublish(s Store, wg *sync.WaitGroup, announce func(verb string, what any, err error)) {
	round := os.Getenv(envCrash + "_ROUND")
	for w := range 2 * len(crashPackages) {
		wg.Go(func() {
			for i := 0; ; i++ {
				name := crashPackages[w/2]
				p := publication(name, crashKey(round, name, i))
				if i%2 == 0 {
					p.Key = crashKey(round, fmt.Sprintf("%s.%d", name, w), i)
				}
				r, err := s.Reserve(context.Background(), p, 0, plain)
				announce("reserved", r.Key+" "+r.Version, err)
				if crashPublishes(r.Key) {
					announce("published", r.Key, s.Published(context.Background(), r))
				}
			}
		})
	}
}

// checkVersions looks whether each announced key still has its version, no
// version has two keys, and what is owed is what was not published.
func checkVersions(t *testing.T, open Open, dir string, a announced) {
	t.Helper()
	s := open(t, dir, time.Now)
	defer mustClose(t, s)
	byKey, reserved := map[string]checks.Publication{}, 0
	for _, name := range crashPackages {
		all := get(s.Publications(11, name, 1<<20))(t)
		for i, p := range all {
			if p.Version != strconv.FormatInt(p.Number, 10) || i > 0 && p.Number >= all[i-1].Number || byKey[p.Key].Key != "" {
				t.Errorf("a number or a key of %s is there twice, or has another's version: %+v", name, p)
			}
			if p.State == checks.PublicationDone && !crashPublishes(p.Key) {
				t.Errorf("%s was never published and is done", p.Key)
			}
			if p.State == checks.PublicationReserved {
				reserved++
			}
			byKey[p.Key] = p
		}
		next := get(s.Reserve(t.Context(), publication(name, crashKey("after", fmt.Sprintf("%s.%d", name, len(all)), 0)), 0, plain))(t)
		if len(all) > 0 && next.Number != all[0].Number+1 {
			t.Errorf("after %s comes %s", all[0].Version, next.Version)
		}
		reserved++
	}
	for key, version := range a.versions {
		if got := byKey[key]; got.Version != version {
			t.Errorf("version %s of %s was announced; there is %+v", version, key, got)
		}
	}
	for key := range a.done {
		if byKey[key].State != checks.PublicationDone {
			t.Errorf("%s was announced as published and is %+v", key, byKey[key])
		}
	}
	owed := get(s.Owed(11))(t)
	for _, p := range owed {
		if p.State != checks.PublicationReserved {
			t.Errorf("%s is owed and %s", p.Key, p.State)
		}
	}
	same(t, "how many are owed", len(owed), reserved)
}
