package storetest

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dudesons/loktar/checks"
)

func publication(pkg, key string) checks.Publication {
	return checks.Publication{Repo: 11, Package: pkg, Key: key, Commit: shaA, Run: "run00001"}
}

// plain makes a version that is the number itself.
func plain(number int64) (string, error) { return strconv.FormatInt(number, 10), nil }

func constant(version string) func(int64) (string, error) {
	return func(int64) (string, error) { return version, nil }
}

func testPublications(t *testing.T, open Open) {
	clk := newClock()
	s := open(t, t.TempDir(), clk.now)
	defer mustClose(t, s)
	reserve := func(p checks.Publication, floor int64, version string, number int64) checks.Publication {
		t.Helper()
		got := get(s.Reserve(t.Context(), p, floor, func(n int64) (string, error) {
			if n != number {
				t.Errorf("the version of %s is made of number %d, want %d", p.Key, n, number)
			}
			return version, nil
		}))(t)
		want := p
		want.Version, want.Number, want.State, want.Reserved = version, number, checks.PublicationReserved, clk.now()
		want.Items, want.Done = nil, time.Time{}
		same(t, "reserved "+p.Key, got, want)
		return got
	}
	last := func(repo int64, pkg string, want *checks.Publication) {
		t.Helper()
		got, found, err := s.LastPublished(repo, pkg)
		must(t, err)
		if want == nil {
			want = &checks.Publication{}
		}
		same(t, "last published of "+pkg, []any{got, found}, []any{*want, want.Key != ""})
	}
	last(11, "lib", nil)
	same(t, "nothing", get(s.Publications(11, "lib", 9))(t), []checks.Publication{})
	same(t, "nothing owed", get(s.Owed(11))(t), []checks.Publication{})

	// What the caller says of the outcome does not count before it is there.
	first := publication("lib", "k1")
	first.Version, first.Number, first.State, first.Done = "99", 99, checks.PublicationDone, someTime
	first.Items = []checks.PublishedItem{{Name: "x"}}
	one := reserve(first, -5, "1", 1)
	clk.advance(time.Second)
	two := reserve(publication("lib", "k2"), 0, "1.0.2", 2)
	web := reserve(publication("web", "k2"), 41, "42", 42)
	other := publication("lib", "k2")
	other.Repo = 12
	reserve(other, 0, "1", 1)
	// "li" is where the name of another package begins.
	reserve(publication("li", "k1"), 0, "1", 1)
	same(t, "owed", get(s.Owed(11))(t)[:3], []checks.Publication{one, two, web})
	same(t, "owed elsewhere", len(get(s.Owed(12))(t)), 1)
	last(11, "lib", nil)

	// The second is published before the first, and the first after it.
	two.Done, two.Items = clk.now(), []checks.PublishedItem{{Name: "lib.whl", URL: "https://pypi.example.com/lib.whl", SHA256: shaA, Size: 9}}
	must(t, s.Published(t.Context(), two))
	two.State = checks.PublicationDone
	last(11, "lib", &two)
	clk.advance(time.Second)
	must(t, s.Published(t.Context(), one))
	one.State, one.Done = checks.PublicationDone, clk.now()
	last(11, "lib", &two)
	same(t, "owed", get(s.Owed(11))(t)[:1], []checks.Publication{web})
	same(t, "of lib", get(s.Publications(11, "lib", 9))(t), []checks.Publication{two, one})
	same(t, "of lib, one", get(s.Publications(11, "lib", 1))(t), []checks.Publication{two})
	same(t, "of lib, none", get(s.Publications(11, "lib", 0))(t), []checks.Publication{})
	for _, name := range []string{"", "l", "lib\x00", "lib\x00\x00\x00", strings.Repeat("l", 1<<17)} {
		same(t, "of no package", get(s.Publications(11, name, 9))(t), []checks.Publication{})
		last(11, name, nil)
	}

	// Said again, with other words: nothing changes.
	again := two
	again.Items, again.Done = nil, someTime
	must(t, s.Published(t.Context(), again))
	last(11, "lib", &two)
	same(t, "a done one is returned", get(s.Reserve(t.Context(), publication("lib", "k2"), 70, plain))(t), two)

	// The number of one that never came is not given to the next, and a
	// registry that is ahead moves all that follow.
	lost := reserve(publication("lib", "k3"), 2, "3", 3)
	reserve(publication("lib", "k4"), 2, "4", 4)
	reserve(publication("lib", "k5"), 9, "10", 10)
	reserve(publication("lib", "k6"), 0, "11", 11)
	same(t, "the lost one stays", get(s.Reserve(t.Context(), publication("lib", "k3"), 0, plain))(t), lost)
}

func testPublicationRefusals(t *testing.T, open Open) {
	s := fresh(t, open)
	one := get(s.Reserve(t.Context(), publication("lib", "k1"), 0, constant("1.0")))(t)
	second := publication("lib", "k2")
	second.Commit = shaB
	_, err := s.Reserve(t.Context(), second, 0, constant("1.0"))
	wantKind(t, err, checks.KindRefused)
	for _, want := range []string{`"1.0"`, "package lib", shaA, shaB, "build_info.version"} {
		if !strings.Contains(checks.PublicText(err, ""), want) {
			t.Errorf("the refusal does not say %s: %v", want, err)
		}
	}

	bad := errors.New("no template")
	if _, err := s.Reserve(t.Context(), second, 0, func(int64) (string, error) { return "2", bad }); !errors.Is(err, bad) {
		t.Errorf("the error of version is not in %v", err)
	}
	unnamed, keyless, homeless := second, second, second
	unnamed.Package, keyless.Key, homeless.Repo = "", "", 0
	for name, reserve := range map[string]func() (checks.Publication, error){
		"no number left": func() (checks.Publication, error) { return s.Reserve(t.Context(), second, math.MaxInt64, plain) },
		"no version":     func() (checks.Publication, error) { return s.Reserve(t.Context(), second, 0, constant("")) },
		"no text":        func() (checks.Publication, error) { return s.Reserve(t.Context(), second, 0, constant("1\x00")) },
		"a long version": func() (checks.Publication, error) {
			return s.Reserve(t.Context(), second, 0, constant(strings.Repeat("1", 1<<16)))
		},
		"no package":    func() (checks.Publication, error) { return s.Reserve(t.Context(), unnamed, 0, plain) },
		"no key":        func() (checks.Publication, error) { return s.Reserve(t.Context(), keyless, 0, plain) },
		"no repository": func() (checks.Publication, error) { return s.Reserve(t.Context(), homeless, 0, plain) },
	} {
		got, err := reserve()
		if checks.KindOf(err) != checks.KindRefused {
			t.Errorf("%s: %v", name, err)
		}
		same(t, name, got, checks.Publication{})
	}
	same(t, "nothing was taken", get(s.Publications(11, "lib", 9))(t), []checks.Publication{one})
	two := get(s.Reserve(t.Context(), second, 0, plain))(t)
	same(t, "no number was used", two.Number, int64(2))

	wrongVersion, wrongKey, unknown, versionless := one, one, one, one
	wrongVersion.Version, wrongKey.Key, versionless.Version = two.Version, "k3", ""
	unknown.Key, unknown.Version = "k3", "3"
	wantKind(t, s.Published(t.Context(), wrongVersion), checks.KindRefused)
	wantKind(t, s.Published(t.Context(), wrongKey), checks.KindRefused)
	wantKind(t, s.Published(t.Context(), versionless), checks.KindRefused)
	wantKind(t, s.Published(t.Context(), unknown), checks.KindNotFound)
	same(t, "nothing is done", get(s.Owed(11))(t), []checks.Publication{one, two})
}
