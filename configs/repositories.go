package configs

import (
	"errors"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/dudesons/loktar/configs/internal/value"
)

// repositories is the key of the map that has what differs for a repository.
// It has no variable.
const repositories = "repositories"

// repository is what a file says of a repository, or of all of an owner.
type repository struct {
	name     string    // as the file has it
	settings []setting // named as those of events
}

// id is the same for two names of one repository.
func (r repository) id() string { return strings.ToLower(r.name) }

// owner is the id of OWNER/*.
func (r repository) owner() string {
	owner, _, _ := strings.Cut(r.id(), "/")
	return owner + "/*"
}

// key is how messages call the repository. A wrong name may hold anything, a
// password too.
func (r repository) key() string {
	if !isRepository(r.name) {
		return repositories
	}
	return repositories + "." + r.name
}

// keyOf is how a key of events is called below the repository.
func (r repository) keyOf(name string) string {
	return r.key() + "." + strings.TrimPrefix(name, events)
}

// readRepositories takes in the map of a file. Its values are checked when
// those of all layers are known.
func (l *loader) readRepositories(m setting) {
	if m.kind != yaml.MappingNode {
		l.complain(repositories, m.source, "has to hold repositories; write `OWNER/NAME:` on a line of its own below it, and its keys below that")
		return
	}
	for _, s := range m.parts {
		r := repository{name: s.name}
		id := repositories + "." + r.id()
		if err := checkRepository(s.name); err != nil {
			// An address may hold a password.
			l.problems = append(l.problems, Problem{Key: repositories, Source: s.source, Value: shown(key{name: "url"}, s.name), Message: err.Error()})
		} else if first := l.layer[id]; first != "" {
			l.complain(r.key(), s.source, "is there twice, as case does not count; join it with the other, at "+first)
		} else {
			l.layer[id] = s.source
		}
		if s.kind != yaml.MappingNode {
			l.complain(r.key(), s.source, "has to hold keys; write below it "+oneOfEvents())
		}
		r.settings = l.readRepository(r, s.parts)
		l.special = append(l.special, r)
	}
}

// readRepository gives those settings that have a key and a right form.
func (l *loader) readRepository(r repository, all []setting) []setting {
	var out []setting
	seen := map[string]string{}
	for _, s := range all {
		k, known := find(s.name)
		name := r.keyOf(s.name)
		switch {
		case !known:
			near := value.Nearest(strings.TrimPrefix(s.name, events), eventNames(), nil)
			l.complain(name, s.source, "is not a key of a repository"+value.Say(near, "write "+oneOfEvents()))
		case seen[s.name] != "":
			l.complain(name, s.source, "is there twice; remove one of the two, the other is at "+seen[s.name])
		default:
			seen[s.name] = s.source
			if l.formed(k, name, s) {
				out = append(out, s)
			}
		}
	}
	return out
}

// override works out what counts for each repository that the file names. All
// of an owner come first: what is said of a single one is laid over it.
func (l *loader) override(c *Config) {
	if len(l.special) == 0 {
		return
	}
	c.repositories = make(map[string]Events, len(l.special))
	for _, owners := range []bool{true, false} {
		for _, r := range l.special {
			if owners != (r.id() == r.owner()) {
				continue
			}
			scratch := Config{Events: c.Events}
			if e, ok := c.repositories[r.owner()]; ok {
				scratch.Events = e
			}
			for _, s := range r.settings {
				k, _ := find(s.name)
				l.assign(&scratch, k, r.keyOf(s.name), s)
			}
			c.repositories[r.id()] = scratch.Events
		}
	}
}

// eventNames are the keys of a repository.
func eventNames() []string {
	var out []string
	for _, k := range keys {
		if name, ok := strings.CutPrefix(k.name, events); ok {
			out = append(out, name)
		}
	}
	return out
}

// oneOfEvents lists them in a sentence.
func oneOfEvents() string { return "one of " + strings.Join(eventNames(), ", ") }

var (
	// GitHub's names of owners and repositories are of these characters.
	repositoryName = regexp.MustCompile(`^[A-Za-z0-9_-]+/(\*|[A-Za-z0-9._-]+)$`)
	// aroundName is what an address has around OWNER/NAME, and what is written
	// for all of an owner.
	aroundName = regexp.MustCompile(`\s+|^(?:[a-z]+://[^/]*/|[^/@]+@[^/:]+:|(?:www\.)?github\.com/|/)|(?:\.git)?/*(?:/\*+)?$`)
)

// checkRepository refuses what is neither OWNER/NAME nor OWNER/*.
func checkRepository(name string) error {
	if isRepository(name) {
		return nil
	}
	if strings.Trim(name, "*/") == "" {
		return errors.New("names no owner; write OWNER/NAME or OWNER/*, and what counts for all under `events:`")
	}
	short := aroundName.ReplaceAllString(name, "")
	for _, near := range []string{short, short + "/*"} {
		if isRepository(near) {
			return errors.New("is not OWNER/NAME" + value.Say(near, ""))
		}
	}
	return errors.New("is not OWNER/NAME; write the two as GitHub has them, or OWNER/* for all of an owner")
}

func isRepository(name string) bool {
	return repositoryName.MatchString(name) && !strings.HasSuffix(name, ".git") &&
		!strings.HasSuffix(name, "/.") && !strings.HasSuffix(name, "/..")
}
