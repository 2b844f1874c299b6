package discover

import (
	"cmp"
	"fmt"
	"path"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// maxName bounds a name, as loktar.json does.
const maxName = 100

// packages gives each folder a name of its own: that under which others ask
// for it, else its folder's, else its path's.
func packages(found []folder, root string) []Package {
	taken := map[string]bool{strings.ToLower(checks.AggregateName): true}
	out := make([]Package, len(found))
	for i, f := range found {
		base := path.Base(f.dir)
		if f.dir == "." {
			base = root
		}
		tries := []string{valid(base), valid(strings.ReplaceAll(f.dir, "/", "-"))}
		if f.pkgType() == "whl" {
			tries = append([]string{valid(f.python())}, tries...)
		}
		name := ""
		for _, t := range tries {
			if t != "" && !taken[strings.ToLower(t)] {
				name = t
				break
			}
		}
		last := cmp.Or(tries[len(tries)-1], "package")
		for n := 2; name == ""; n++ {
			if t := fmt.Sprintf("%s-%d", last[:min(len(last), maxName-8)], n); !taken[strings.ToLower(t)] {
				name = t
			}
		}
		taken[strings.ToLower(name)] = true
		p := Package{Dir: f.dir, Name: name, PkgType: f.pkgType(), Type: f.kind()}
		p.TestType, p.Commands = f.tests()
		out[i] = p
	}
	return out
}

// valid is s as a package may be named: other characters become "-". It is
// empty when nothing is left.
func valid(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', b.Len() > 0 && (r == '.' || r == '_' || r == '-'):
			b.WriteRune(r)
		case b.Len() > 0:
			b.WriteByte('-')
		}
	}
	name := b.String()
	name = name[:min(len(name), maxName)]
	return strings.TrimRight(name, "-.")
}
