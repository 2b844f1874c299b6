package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"testing"

	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
)

var (
	modelKeys     = []string{"k0", "k1", "k2", "k3"}
	errNoVersion  = errors.New("no version")
	modelVersions = []func(int64) (string, error){
		plain, plain, plain,
		func(n int64) (string, error) { return fmt.Sprintf("1.%d", n/2), nil },
		constant("2"),
		func(int64) (string, error) { return "", errNoVersion },
	}
)

func drawPublication(t *rapid.T) checks.Publication {
	p := publication(rapid.SampledFrom(modelNames[:2]).Draw(t, "package"), rapid.SampledFrom(modelKeys).Draw(t, "key"))
	p.Repo, p.Commit = drawRepo(t).ID, rapid.SampledFrom(modelSHAs).Draw(t, "commit")
	return p
}

// publications are those of a package, oldest first, in place.
func (m *modelTest) publications(repo int64, pkg string) (of []*checks.Publication) {
	for i := range m.pubs {
		if p := &m.pubs[i]; p.Repo == repo && p.Package == pkg {
			of = append(of, p)
		}
	}
	return of
}

func (m *modelTest) reserve(t *rapid.T) {
	p, floor := drawPublication(t), rapid.Int64Range(-1, 6).Draw(t, "floor")
	version := modelVersions[rapid.IntRange(0, len(modelVersions)-1).Draw(t, "version")]
	got, err := m.s.Reserve(t.Context(), p, floor, version)
	of := m.publications(p.Repo, p.Package)
	if i := slices.IndexFunc(of, holds(p.Key)); i >= 0 {
		must(t, err)
		same(t, "reserved again", got, *of[i])
		return
	}
	p.Number, p.State, p.Reserved = max(floor, 0)+1, checks.PublicationReserved, m.clock.now()
	if len(of) > 0 {
		p.Number = max(p.Number, of[len(of)-1].Number+1)
	}
	var wrong error
	p.Version, wrong = version(p.Number)
	switch {
	case wrong != nil:
		if !errors.Is(err, wrong) {
			t.Fatalf("error %v, want %v", err, wrong)
		}
	case slices.ContainsFunc(of, func(o *checks.Publication) bool { return o.Version == p.Version }):
		wantKind(t, err, checks.KindRefused)
	default:
		must(t, err)
		same(t, "reserved", got, p)
		m.pubs = append(m.pubs, p)
	}
}

// holds finds the publication that has a key: of one that was given up the key
// is free again.
func holds(key string) func(*checks.Publication) bool {
	return func(o *checks.Publication) bool { return o.Key == key && o.State != checks.PublicationGivenUp }
}

// giveUp draws a publication that is there, or one whose version is another.
func (m *modelTest) giveUp(t *rapid.T) {
	p := drawPublication(t)
	p.Version = strconv.Itoa(rapid.IntRange(1, 9).Draw(t, "version"))
	if len(m.pubs) > 0 && rapid.IntRange(0, 4).Draw(t, "known") > 0 {
		of := rapid.SampledFrom(m.pubs).Draw(t, "of")
		p.Repo, p.Package, p.Key, p.Version = of.Repo, of.Package, of.Key, of.Version
	}
	err := m.s.GiveUp(t.Context(), p)
	of := m.publications(p.Repo, p.Package)
	i := slices.IndexFunc(of, func(o *checks.Publication) bool { return o.Version == p.Version })
	switch {
	case i < 0:
		wantKind(t, err, checks.KindNotFound)
	case of[i].Key != p.Key:
		wantKind(t, err, checks.KindRefused)
	default:
		must(t, err)
		if of[i].State == checks.PublicationReserved {
			of[i].State, of[i].Items = checks.PublicationGivenUp, nil
		}
	}
}

// publish draws a publication that is there, or one whose version is another.
func (m *modelTest) publish(t *rapid.T) {
	p := drawPublication(t)
	p.Version, p.Done = strconv.Itoa(rapid.IntRange(1, 9).Draw(t, "version")), m.clock.now()
	if len(m.pubs) > 0 && rapid.IntRange(0, 4).Draw(t, "known") > 0 {
		of := rapid.SampledFrom(m.pubs).Draw(t, "of")
		p.Repo, p.Package, p.Key, p.Version = of.Repo, of.Package, of.Key, of.Version
	}
	p.Items = []checks.PublishedItem{{Name: "x", Size: rapid.Int64Range(0, 9).Draw(t, "size")}}
	err := m.s.Published(t.Context(), p)
	of := m.publications(p.Repo, p.Package)
	i := slices.IndexFunc(of, holds(p.Key))
	switch {
	case i >= 0 && of[i].Version == p.Version:
		must(t, err)
		if of[i].State == checks.PublicationReserved {
			of[i].State, of[i].Items, of[i].Done = checks.PublicationDone, p.Items, p.Done
		}
	case i >= 0 || slices.ContainsFunc(of, func(o *checks.Publication) bool { return o.Version == p.Version }):
		wantKind(t, err, checks.KindRefused)
	default:
		wantKind(t, err, checks.KindNotFound)
	}
}

func (m *modelTest) comparePublications(t *rapid.T) {
	for _, repo := range modelRepos {
		var owed []checks.Publication
		for _, p := range m.pubs {
			if p.Repo == repo.ID && p.State == checks.PublicationReserved {
				owed = append(owed, p)
			}
		}
		same(t, "owed", get(m.s.Owed(repo.ID))(t), owed)
		for _, name := range modelNames {
			var all []checks.Publication // newest first
			var last checks.Publication
			for _, p := range m.publications(repo.ID, name) {
				all = append([]checks.Publication{*p}, all...)
				if p.State == checks.PublicationDone {
					last = *p
				}
			}
			same(t, "publications", get(m.s.Publications(repo.ID, name, math.MaxInt))(t), all)
			got, found, err := m.s.LastPublished(repo.ID, name)
			must(t, err)
			same(t, "last published", []any{got, found}, []any{last, last.Key != ""})
		}
	}
}

// testPublicationNumbers has many callers at once, of few keys, beside others
// whose versions are refused: each key has one version, no version has two
// keys, and every number follows the floor that its caller gave.
func testPublicationNumbers(t *testing.T, open Open) {
	base, n := t.TempDir(), 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		s := open(t, fmt.Sprintf("%s/%d", base, n), newClock().now)
		defer mustClose(rt, s)
		keys := rapid.SliceOfN(rapid.IntRange(0, 5), 2, 24).Draw(rt, "keys")
		floors := rapid.SliceOfN(rapid.Int64Range(-1, 30), len(keys), len(keys)).Draw(rt, "floors")
		fixed := rapid.SliceOfN(rapid.IntRange(0, 3), len(keys), len(keys)).Draw(rt, "fixed")
		publish := rapid.SliceOfN(rapid.Bool(), len(keys), len(keys)).Draw(rt, "publish")
		got := make([]checks.Publication, len(keys))
		start := make(chan struct{})
		var g errgroup.Group
		for i, k := range keys {
			g.Go(func() (err error) {
				version := plain
				if fixed[i] == 0 {
					version = constant("fixed")
				}
				<-start
				p := publication("lib", strconv.Itoa(k))
				if got[i], err = s.Reserve(context.Background(), p, floors[i], version); err != nil {
					if fixed[i] == 0 && checks.KindOf(err) == checks.KindRefused {
						return nil
					}
					return err
				}
				if publish[i] {
					return s.Published(context.Background(), got[i])
				}
				return nil
			})
		}
		close(start)
		must(rt, g.Wait())
		all := get(s.Publications(11, "lib", 99))(rt)
		byKey, versions := map[string]checks.Publication{}, map[string]bool{}
		for i, p := range all {
			if versions[p.Version] || byKey[p.Key].Key != "" || i > 0 && p.Number >= all[i-1].Number {
				rt.Fatalf("a version, key or number is there twice: %+v", all)
			}
			versions[p.Version], byKey[p.Key] = true, p
		}
		owed := map[string]bool{}
		for _, p := range get(s.Owed(11))(rt) {
			owed[p.Key] = true
		}
		for i, p := range got {
			key := strconv.Itoa(keys[i])
			if p.Key == "" {
				continue // refused
			}
			if stored := byKey[key]; stored.Version != p.Version || stored.Number != p.Number {
				rt.Fatalf("caller %d of key %s got %+v, stored is %+v", i, key, p, stored)
			}
			if publish[i] && owed[key] || (byKey[key].State == checks.PublicationReserved) != owed[key] {
				rt.Fatalf("key %s has %+v and is owed: %t", key, byKey[key], owed[key])
			}
		}
		next := get(s.Reserve(context.Background(), publication("lib", "next"), 0, plain))(rt)
		if len(all) > 0 && next.Number != all[0].Number+1 {
			rt.Fatalf("after %d comes %d", all[0].Number, next.Number)
		}
	})
}
