package configs

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

// TestNoRepositoryPublishesAnothersName draws configurations and asks for
// every repository and name. Where something is allowed, an entry lists both;
// and what one repository may publish at a place, another may only when one
// entry lists the two together.
func TestNoRepositoryPublishesAnothersName(t *testing.T) {
	environ, dir := enough(t), t.TempDir()
	repos := []string{"acme/pets", "acme/web", "globex/pets"}
	pkgs := []string{"pet-api", "pet_api", "Web.Front", "web-x", "w"}
	urls := []string{"https://r.example.com", "http://R.example.com/", "https://r.example.com/a"}
	loaded := 0
	rapid.Check(t, func(rt *rapid.T) {
		places := map[string]any{}
		for i := range rapid.IntRange(1, 4).Draw(rt, "registries") {
			places[fmt.Sprintf("r%d", i)] = map[string]any{
				"type":       "oci",
				"url":        rapid.SampledFrom(urls).Draw(rt, "url"),
				repositories: rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"acme/pets", "Acme/Web", "acme/*", "globex/pets"}), 1, 2, rapid.ID).Draw(rt, "repositories"),
				"packages":   rapid.SliceOfN(rapid.SampledFrom([]string{"pet_api", "pet-*", "web*", "*x", "*", "w"}), 1, 2).Draw(rt, "packages"),
			}
		}
		text, err := yaml.Marshal(map[string]any{registries: places})
		if err != nil {
			rt.Fatal(err)
		}
		file := path.Join(dir, "loktar.yml")
		overwrite(t, file, text)
		c, err := Load(file, environ)
		if err != nil {
			if !strings.Contains(err.Error(), "so that no repository publishes another's") {
				rt.Fatal(err)
			}
			return
		}
		loaded++
		type right struct{ place, pkg string }
		by := map[right]string{} // the entry
		for _, repo := range repos {
			owner, name, _ := strings.Cut(repo, "/")
			for _, pkg := range pkgs {
				for _, named := range append([]string{"", "r0", "r1"}, urls...) {
					r, err := c.RegistryFor(owner, name, pkg, "oci", named)
					if err != nil {
						continue
					}
					listed := slices.ContainsFunc(r.Repositories, func(s string) bool {
						return strings.EqualFold(s, repo) || strings.EqualFold(s, owner+"/*")
					})
					plain := strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(pkg))
					takes := slices.ContainsFunc(r.Packages, func(p string) bool {
						ok, err := path.Match(strings.ReplaceAll(p, "_", "-"), plain)
						return err == nil && ok
					})
					if !listed || !takes {
						rt.Fatalf("%s may publish %s to %+v", repo, pkg, r)
					}
					key := right{strings.TrimRight(strings.ToLower(r.URL[strings.Index(r.URL, "://"):]), "/"), plain}
					if other := by[key]; other != "" && other != r.Name {
						rt.Fatalf("%s is published to %s by way of %s and of %s", pkg, r.URL, other, r.Name)
					}
					by[key] = r.Name
				}
			}
		}
	})
	if loaded == 0 {
		t.Error("no configuration was accepted: the test looks at nothing")
	}
}

// TestOverlap holds overlap against path.Match on all short names.
func TestOverlap(t *testing.T) {
	var names []string
	var grow func(s string)
	grow = func(s string) {
		names = append(names, s)
		if len(s) < 4 {
			grow(s + "a")
			grow(s + "b")
		}
	}
	grow("")
	pattern := rapid.StringOfN(rapid.SampledFrom([]rune("ab*")), 0, 4, -1)
	match := func(t *rapid.T, p, name string) bool {
		ok, err := path.Match(p, name)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	rapid.Check(t, func(t *rapid.T) {
		p, q := pattern.Draw(t, "p"), pattern.Draw(t, "q")
		common := ""
		found := slices.ContainsFunc(names, func(n string) bool {
			common = n
			return match(t, p, n) && match(t, q, n)
		})
		got := overlap(p, q)
		if found && !got {
			t.Fatalf("%q and %q overlap in %q", p, q, common)
		}
		// Two patterns of n and m characters with a name in common have one of
		// fewer than n+m.
		if got && !found && len(p)+len(q) <= 5 {
			t.Fatalf("%q and %q have no name in common", p, q)
		}
		if got != overlap(q, p) {
			t.Fatalf("%q and %q overlap one way only", p, q)
		}
		for _, n := range names {
			if matches(p, n) != match(t, p, n) {
				t.Fatalf("%q matches %q: %t", p, n, matches(p, n))
			}
		}
	})
}

func FuzzRegistries(f *testing.F) {
	key := f.TempDir() + "/key.pem"
	overwrite(f, key, pemKey())
	environ := []string{"LOKTAR_GITHUB_APP_ID=7", "LOKTAR_GITHUB_WEBHOOK_SECRET=hush", "LOKTAR_GITHUB_PRIVATE_KEY_FILE=" + key, "P=hush"}
	f.Add("{a: {type: oci, url: https://x, repositories: [a/b], username: u, password_env: P}}", "a", "b", "lib", "oci", "x")
	f.Add("{a: &a {type: [*a], url: *a}, b: *a, a: }\npublish: {storage: *a}", "a", "b", "*", "", "")
	f.Add("&r {a: *r}", "a", "b", "lib", "s3", "a")
	f.Add("\n  j: {type: s3, bucket: abc, prefix: /x/, repositories: 'a/*,b/c', <<: {plain: yes}}\npublish: {storage: {type: s3, bucket: abc}}", "a", "b", "lib", "s3", "abc")
	f.Fuzz(func(t *testing.T, text, owner, name, pkg, kind, named string) {
		c, err := Load(write(t, "loktar.yml", "registries: "+text), environ)
		if err != nil {
			if strings.Contains(err.Error(), "hush") && !strings.Contains(text, "hush") {
				t.Errorf("the error shows a secret: %v", err)
			}
			return
		}
		r, err := c.RegistryFor(owner, name, pkg, kind, named)
		var re *RegistryError
		switch {
		case err != nil && !errors.As(err, &re):
			t.Errorf("error %T: %v", err, err)
		case err == nil && (kind != "" && r.Type != kind || r.Name != "" && (!r.allows(owner+"/"+name) || !r.takes(pkg)) || r.Name == "" && r.Folder == ""):
			t.Errorf("%s/%s may publish %s to %+v", owner, name, pkg, r)
		}
		c.Warnings()
	})
}
