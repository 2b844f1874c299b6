package checks

import (
	"regexp"
	"strings"
	"unicode"
)

// maxTag bounds the name of a tag, in bytes: GitHub takes 255 for the whole
// ref, and git as many for a part of it with ".lock" behind.
const maxTag = 240

var (
	tagAction = regexp.MustCompile(`(?s)\{\{(.*?)(\}\}|$)`)
	// objectName is what looks like the id of a commit. GitHub takes no such
	// tag: https://docs.github.com/en/get-started/using-git/dealing-with-special-characters-in-branch-and-tag-names
	objectName = regexp.MustCompile(`^([0-9a-fA-F]{40}|[0-9a-fA-F]{64})$`)
)

// FillTag puts a package's name and a version into a template of
// build_info.git_tag, where it says {{.Name}} and {{.Version}}. unknown is the
// first other thing in braces, and empty when there is none. Whether the tag
// is one that git takes, TagFault says.
func FillTag(template, pkg, version string) (tag, unknown string) {
	tag = tagAction.ReplaceAllStringFunc(template, func(action string) string {
		name, closed := strings.CutSuffix(strings.TrimPrefix(action, "{{"), "}}")
		switch name = strings.Trim(name, " "); {
		case closed && name == ".Name":
			return pkg
		case closed && name == ".Version":
			return version
		case unknown == "":
			unknown = action
		}
		return action
	})
	return tag, unknown
}

// TagFault says what keeps a tag from having that name, in words that follow
// the name: "ends with a dot". It is empty when both git and GitHub take it.
// The rules are those of git check-ref-format, of git tag, and of GitHub.
func TagFault(tag string) string {
	switch {
	case tag == "":
		return "is empty"
	case len(tag) > maxTag:
		return "is too long"
	case strings.ContainsFunc(tag, func(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) || r == ' ' }):
		return "holds a blank or a character that cannot be seen"
	case strings.ContainsAny(tag, `~^:?*[\`):
		return "holds one of ~ ^ : ? * [ \\"
	case strings.Contains(tag, "..") || strings.Contains(tag, "@{"):
		return "holds `..` or `@{`"
	case strings.HasPrefix(tag, "-"):
		return "begins with a dash"
	case strings.HasSuffix(tag, "."):
		return "ends with a dot"
	case strings.HasPrefix(tag, "refs/") || tag == "HEAD" || objectName.MatchString(tag):
		return "could be taken for a ref or a commit"
	}
	for part := range strings.SplitSeq(tag, "/") {
		switch {
		case part == "":
			return "begins or ends with a slash, or has two of them together"
		case strings.HasPrefix(part, "."):
			return "has a part that begins with a dot"
		case strings.HasSuffix(part, ".lock"):
			return "has a part that ends with .lock"
		}
	}
	return ""
}
