package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/checks"
)

// Who names packages has exactly these run, in the order of dependencies, and
// nothing that a commit says keeps them from it.
func TestMakeNamed(t *testing.T) {
	pkg := func(name string, needs ...string) checks.Package {
		return checks.Package{Name: name, Dir: name, DependsOn: needs, TestType: checks.TestMake}
	}
	ch := checks.Change{
		HeadSHA: "h", Tree: "t", ManifestBlob: "m", Files: []string{"lib/f"},
		Commits:  []checks.CommitInfo{{SHA: "h", Subject: "NOBUILD: x", Files: []string{"lib/f"}}},
		Manifest: &checks.Manifest{Packages: []checks.Package{pkg("app", "web"), pkg("web", "lib"), pkg("lib"), pkg("other")}},
	}
	for _, tt := range []struct {
		names  []string
		needed bool
		want   map[string][]string
		order  []string
	}{
		{nil, false, map[string][]string{"lib": nil, "web": {"lib"}, "app": {"web"}}, []string{"lib", "web", "app"}},
		{[]string{"web", "lib", "other"}, false, map[string][]string{"lib": nil, "web": {"lib"}, "other": nil}, []string{"lib", "web", "other"}},
		{[]string{"app"}, false, map[string][]string{"app": nil}, []string{"app"}},
		{[]string{}, false, map[string][]string{}, nil},
		{[]string{"app", "other"}, true, map[string][]string{"lib": nil, "web": {"lib"}, "app": {"web"}, "other": nil}, []string{"lib", "web", "app", "other"}},
		{[]string{}, true, map[string][]string{}, nil},
	} {
		var p Planner
		got, err := p.Make(checks.Event{Kind: checks.EventLocal, Packages: tt.names, Needed: tt.needed}, ch)
		if err != nil {
			t.Fatal(err)
		}
		needs, order := map[string][]string{}, []string(nil)
		for _, j := range got.Jobs {
			if j.Result != nil {
				t.Errorf("%s is not run: %v", j.Package.Name, j.Result)
			}
			needs[j.Package.Name] = append([]string(nil), j.Needs...)
			order = append(order, j.Package.Name)
		}
		if d := cmp.Diff(tt.want, needs); d != "" {
			t.Errorf("%q: needs (-want +got):\n%s", tt.names, d)
		}
		for i, name := range tt.order {
			if len(order) != len(tt.order) || i > 0 && tt.names == nil && order[i] != name {
				t.Errorf("%q: order is %q", tt.names, order)
				break
			}
		}
		if len(got.Warnings) > 0 {
			t.Errorf("warnings: %q", got.Warnings)
		}
	}
}

// What is run because others need it says who does; what a change affects says
// why, as without.
func TestMakeNeeded(t *testing.T) {
	pkg := func(name string, needs ...string) checks.Package {
		return checks.Package{Name: name, Dir: name, DependsOn: needs, TestType: checks.TestMake}
	}
	ch := checks.Change{
		HeadSHA: "h", Tree: "t", ManifestBlob: "m", Files: []string{"app/f"},
		Manifest: &checks.Manifest{Packages: []checks.Package{pkg("app", "web", "lib"), pkg("web", "lib"), pkg("lib", "base"), pkg("base"), pkg("other", "base")}},
	}
	for name, c := range map[string]struct {
		names []string
		want  []string
	}{
		"affected": {nil, []string{"base: lib depends on it", "lib: app and 1 more depend on it", "web: app depends on it", "app: app changed: f"}},
		"named":    {[]string{"web", "lib"}, []string{"base: lib depends on it", "lib: asked for", "web: asked for"}},
	} {
		t.Run(name, func(t *testing.T) {
			var p Planner
			got, err := p.Make(checks.Event{Kind: checks.EventLocal, Packages: c.names, Needed: true}, ch)
			if err != nil {
				t.Fatal(err)
			}
			var said []string
			for _, j := range got.Jobs {
				said = append(said, j.Package.Name+": "+j.Reasons[0].String())
			}
			if d := cmp.Diff(c.want, said); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}
