package configs

import (
	"errors"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// events is what the names of the keys start with that a repository has too.
const events = "events."

var (
	forkPolicies  = []string{"approve", "run", "ignore"}
	draftPolicies = []string{"run", "wait"}
	commentWords  = []string{"never", "failure", "always"}
)

// Events says which events of a repository are tested, and how.
type Events struct {
	// Forks is what becomes of a pull request from a fork: "approve" (somebody
	// with write permission approves each commit), "run" or "ignore".
	Forks string
	// Drafts is "run", or "wait": until the pull request is ready for review,
	// or until somebody asks for it.
	Drafts string
	// Push and Tags are globs of the branches and tags whose pushes are
	// tested, in the syntax of path.Match; "**" alone is all. None is nil.
	Push, Tags []string
	// FullLabel is a label: a pull request that bears it has all packages
	// tested. "" is none.
	FullLabel string
	// Comment says when a pull request gets a comment of ours where its
	// loktar.json says nothing: "never", "failure" or "always".
	Comment string
	// PublishLabel is a label: of a pull request that bears it, builds to try
	// are published. "" is none.
	PublishLabel string
}

// EventsOf is what counts for a repository: for each key what the file says of
// OWNER/NAME, else of OWNER/*, else Events. Case does not count in names. It
// may be called concurrently, and its lists are shared: nobody may change them.
func (c Config) EventsOf(owner, name string) Events {
	if len(c.repositories) == 0 {
		return c.Events
	}
	owner = strings.ToLower(owner)
	for _, r := range [2]string{owner + "/" + strings.ToLower(name), owner + "/*"} {
		if e, ok := c.repositories[r]; ok {
			return e
		}
	}
	return c.Events
}

func setForks(c *Config, v string) error {
	if !slices.Contains(forkPolicies, v) {
		return unknownWord("a policy for forks", v, forkPolicies)
	}
	c.Events.Forks = v
	return nil
}

func setDrafts(c *Config, v string) error {
	if !slices.Contains(draftPolicies, v) {
		return unknownWord("a policy for drafts", v, draftPolicies)
	}
	c.Events.Drafts = v
	return nil
}

func setComment(c *Config, v string) error {
	if !slices.Contains(commentWords, v) {
		return unknownWord("a word for comments", v, commentWords)
	}
	c.Events.Comment = v
	return nil
}

func setFullLabel(c *Config, v string) error { return setLabel(&c.Events.FullLabel, v) }

func setPublishLabel(c *Config, v string) error { return setLabel(&c.Events.PublishLabel, v) }

func setLabel(to *string, v string) error {
	if strings.ContainsFunc(v, unicode.IsControl) {
		return errors.New("holds a control character, which no label does; write the label's name")
	}
	*to = v
	return nil
}

// remedy says what to write in place of a wrong list.
func (k key) remedy() string {
	if k.example != "" {
		return "; write for example " + k.example
	}
	return "; write for example [main, \"release/*\"]"
}

// elements are those of a list, or of a text that has commas between them.
// Wrong ones are left out and go to refuse.
func (k key) elements(s setting, refuse func(source, text string, err error)) []string {
	if s.kind == yaml.ScalarNode && strings.TrimSpace(s.value) == "" {
		return nil
	}
	check := k.check
	if check == nil {
		check = checkGlob
	}
	if out := s.listed(check, refuse); len(out) > 0 {
		return out
	}
	return nil
}

var stars = regexp.MustCompile(`\*\*+`)

// checkGlob refuses globs that cannot be read, and those that mean something
// else here than in other programs. What git allows in names of branches and
// tags is in git-check-ref-format(1).
func checkGlob(glob string) error {
	_, err := path.Match(glob, "")
	switch {
	case glob == "":
		return errors.New("is an empty glob; write the name of a branch or tag, or remove it")
	case glob == "**":
		return nil
	case err != nil:
		return errors.New("is not a glob: a `[` is not closed or empty, or a backslash is last; write for example release/*")
	case strings.HasPrefix(glob, "!"):
		return errors.New("would exclude, which a glob cannot; list what is tested (`\\!` is the character)")
	case strings.Contains(glob, "**"):
		return errors.New("has `**` beside other characters, where it is no more than `*`; did you mean `" + stars.ReplaceAllString(glob, "*") + "`?")
	case strings.ContainsFunc(glob, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		return errors.New("holds a space or control character, which no branch or tag does; remove it")
	}
	for _, prefix := range []string{"refs/heads/", "refs/tags/"} {
		if short, ok := strings.CutPrefix(glob, prefix); ok {
			return errors.New("is a ref, not the name of a branch or tag; did you mean `" + short + "`?")
		}
	}
	return nil
}
