package configs

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dudesons/loktar/configs/internal/value"
)

func refuse(format string, args ...any) error { return &RegistryError{fmt.Sprintf(format, args...)} }

// asked is a question for a registry and what was found.
type asked struct {
	who, pkg, kind, named string

	allowing  []Registry // all that is right
	nameless  []Registry // the repository is allowed, the name is not
	strangers []Registry // the repository is not allowed
	others    []Registry // of the type, but not the ones that named means
	otherType string     // of the registry with the name, when it is another
}

// sort takes in a registry that has the type and that named may mean.
func (a *asked) sort(r Registry) {
	switch {
	case !r.allows(a.who):
		a.strangers = append(a.strangers, r)
	case !r.takes(a.pkg):
		a.nameless = append(a.nameless, r)
	default:
		a.allowing = append(a.allowing, r)
	}
}

// field is the key of build_info that names a registry of the type kind.
func field(kind string) string {
	switch kind {
	case RegistryOCI:
		return "build_info.registry_prefix"
	case RegistryPyPI:
		return "build_info.index"
	}
	return "build_info.bucket"
}

// refusal says why there is not exactly one registry. It names no registry
// that is for other repositories, unless build_info named it.
func (a *asked) refusal() error {
	operator := "have the server's operator add"
	switch {
	case len(a.allowing) > 1 && a.named == "":
		return refuse("Package %s of %s could go to the registries %s. Say which in %s, by its name or address.", a.pkg, a.who, list(a.allowing), field(a.kind))
	case len(a.allowing) > 1:
		return refuse("Package %s of %s could go to the registries %s, and %s means all of them. Write the name of one there.", a.pkg, a.who, list(a.allowing), field(a.kind))
	case len(a.nameless) > 0:
		var allowed []string
		for _, r := range a.nameless {
			allowed = append(allowed, r.Packages...)
		}
		slices.Sort(allowed)
		return refuse("What is open to %s (%s) takes no package with the name %s. Choose a name that is allowed there (%s), or %s the name to `packages`.",
			a.who, list(a.nameless), a.pkg, strings.Join(slices.Compact(allowed), ", "), operator)
	case len(a.strangers) > 0 && a.named != "":
		return refuse("The registry that %s names takes no packages of %s. Name another, or %s %s to its `repositories`.", field(a.kind), a.who, operator, a.who)
	case len(a.strangers) > 0:
		return refuse("None of the server's registries of type %s takes packages of %s: %s %s to the `repositories` of one.", a.kind, a.who, operator, a.who)
	case a.otherType != "":
		return refuse("The registry %s, which build_info names, has type %s, and the package needs one of type %s. Name another in %s.", a.named, a.otherType, a.kind, field(a.kind))
	case len(a.others) > 0:
		names := make([]string, 0, len(a.others))
		for _, r := range a.others {
			if r.allows(a.who) && r.takes(a.pkg) {
				names = append(names, r.Name)
			}
		}
		otherwise := "the server has none for this package."
		if len(names) > 0 {
			otherwise = "write one of " + strings.Join(names, ", ") + "."
		}
		return refuse("%s names %.200q, which is no registry of type %s of the server%s", field(a.kind), a.named, a.kind, value.Say(value.Nearest(a.named, names, nil), otherwise))
	}
	also := ""
	if a.kind == RegistryS3 || a.kind == RegistryFile {
		also = ", or `" + storage + "` of that type"
	}
	return refuse("The server has no registry of type %s: %s one to `registries` in its configuration, with %s among its `repositories`%s.", a.kind, operator, a.who, also)
}

// list are the names of registries in a sentence.
func list(rs []Registry) string {
	names := make([]string, len(rs))
	for i, r := range rs {
		names[i] = r.Name
	}
	if n := len(names) - 1; n > 0 {
		return strings.Join(names[:n], ", ") + " and " + names[n]
	}
	return names[0]
}
