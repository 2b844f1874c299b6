package checks

import (
	"fmt"
	"path"
	"strings"
	"unicode"
)

// MaxCachePlaces is how many folders the caches of a package may list together.
const MaxCachePlaces = 16

// DefaultHome is the home of a package's steps where its env names none.
const DefaultHome = "/root"

// CachePlace is a folder of a cache, where a job finds it.
type CachePlace struct {
	Key string `json:"key"`
	// Path is from the root of the repository when Inside, else from that of
	// the container, with a slash at its start. It is clean.
	Path   string `json:"path"`
	Inside bool   `json:"inside,omitempty"`
}

// CachePlaces are the folders of p's caches, in their order. wrong is a clause
// about the first that cannot be kept, with its path, and then there are none.
func CachePlaces(p *Package) (places []CachePlace, wrong string) {
	for _, c := range p.Cache {
		for _, written := range c.Paths {
			if wrong := CachePathFault(written); wrong != "" {
				return nil, fmt.Sprintf("`%s` %s", written, wrong)
			}
			at := CachePlace{Key: c.Key, Path: written}
			switch rest, home := strings.CutPrefix(written, "~/"); {
			case home:
				dir := DefaultHome
				if set, ok := p.Env["HOME"]; ok {
					dir = set
				}
				if at.Path = dir + "/" + rest; !strings.HasPrefix(dir, "/") || dir == "/" || CachePathFault(at.Path) != "" {
					return nil, fmt.Sprintf("`%s` leads nowhere, as HOME in env is `%s`; write there the whole path of a folder", written, dir)
				}
			case !strings.HasPrefix(written, "/"):
				at.Path, at.Inside = path.Join(p.Dir, written), true
			}
			for _, other := range places {
				if other.Inside == at.Inside && (within(at.Path, other.Path) || within(other.Path, at.Path)) {
					return nil, fmt.Sprintf("`%s` is, or has inside, a folder that is kept already; list it once", written)
				}
			}
			if places = append(places, at); len(places) > MaxCachePlaces {
				return nil, fmt.Sprintf("`%s` is one more than the %d folders that a package may keep; keep one that has several inside", written, MaxCachePlaces)
			}
		}
	}
	return places, ""
}

// needed are folders that hold what programs need, with all inside; whole are
// those that hold more than could be kept, while folders in them can.
var (
	needed = []string{"/bin", "/boot", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/sbin"}
	whole  = map[string]bool{
		"/home": true, "/opt": true, "/root": true, "/run": true, "/tmp": true, "/usr": true, "/usr/bin": true, "/usr/lib": true, "/usr/lib32": true,
		"/usr/lib64": true, "/usr/libexec": true, "/usr/libx32": true, "/usr/local": true, "/usr/local/bin": true, "/usr/local/lib": true,
		"/usr/sbin": true, "/usr/share": true, "/var": true, "/var/lib": true, "/var/run": true, "/var/tmp": true, "~": true,
	}
)

// CachePathFault says what is wrong with a path to keep, or nothing: it is
// relative to the package's folder, absolute in the container, or under the
// home there. It is a clause that follows the path.
func CachePathFault(s string) string {
	switch {
	case strings.ContainsFunc(s, unicode.IsControl):
		return "holds a control character; remove it"
	case strings.Contains(s, `\`):
		return "holds a backslash; write `/` between folders"
	case s == "..", strings.HasPrefix(s, "../"), strings.HasSuffix(s, "/.."), strings.Contains(s, "/../"):
		return "goes up by `..`; write the whole path"
	case path.Clean(s) != s || s == "/":
		return "is not the plain path of a folder; write for example `~/.cache/pip`"
	case strings.ContainsAny(s, ",:\""):
		return "holds a comma, colon or quote, with which no folder can be laid over another; keep one that has it inside"
	case s == ".":
		return "is the package's whole folder; write a folder in it"
	case s == ".git" || strings.HasPrefix(s, ".git/") || strings.Contains(s, "/.git/") || strings.HasSuffix(s, "/.git"):
		return "is git's own; with \"git\": true the steps have it anyway"
	case within(s, "/proc"), within(s, "/sys"), within(s, "/dev"):
		return "is the kernel's; no folder can be kept there"
	case within(s, "/workspace"):
		return "is where the repository's files are; write the path from the package's folder"
	case within(s, "/.loktar"):
		return "is Loktar's own; write another folder"
	case whole[s]:
		return "holds more than can be kept, and would hide it; write a folder in it"
	}
	for _, dir := range needed {
		if within(s, dir) {
			return "has what programs need, which a cache would hide; write another folder"
		}
	}
	return ""
}

// within reports whether a path is dir or inside it.
func within(s, dir string) bool {
	return s == dir || dir == "." || strings.HasPrefix(s, dir) && s[len(dir)] == '/'
}
