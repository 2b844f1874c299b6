package webhook

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"

	"github.com/dudesons/loktar/checks"
)

// maxText bounds names and titles, in bytes. GitHub's own bounds are lower.
const maxText = 1000

// Owners and names of repositories become parts of URLs and of folders, and
// commits become arguments of git: what is not of these forms is refused.
var (
	shaPattern   = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)
	zeroPattern  = regexp.MustCompile(`^(?:0{40}|0{64})$`) // git's word for no commit
	ownerPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_-]{1,100}$`) })
	namePattern  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`) })
	loginPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_-]{1,100}(?:\[bot\])?$`) })
	// refused says what git-check-ref-format refuses anywhere in a branch.
	branchRefused = regexp.MustCompile(`[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock/`)
)

// unusable is the answer to an event that we would act on if it were whole.
func unusable(format string, args ...any) *answer {
	return &answer{http.StatusUnprocessableEntity, fmt.Sprintf(format, args...)}
}

// repo is the repository in the domain's terms. field says where it stands.
func (r *repository) repo(field string) (checks.Repo, *answer) {
	switch {
	case r.ID <= 0:
		return checks.Repo{}, unusable("The field %s.id is not the id of a repository.", field)
	case !ownerPattern().MatchString(r.Owner.Login):
		return checks.Repo{}, unusable("The field %s.owner.login is not the name of an account.", field)
	case !namePattern().MatchString(r.Name), r.Name == ".", r.Name == "..":
		return checks.Repo{}, unusable("The field %s.name is not the name of a repository.", field)
	}
	return checks.Repo{ID: r.ID, Owner: r.Owner.Login, Name: r.Name}, nil
}

func (r *ref) ref(field string) (checks.Ref, *answer) {
	out := checks.Ref{SHA: r.SHA, Branch: r.Ref}
	switch {
	case !validSHA(r.SHA):
		return checks.Ref{}, unusable("The field %s.sha is not a SHA of 40 or 64 hexadecimal digits.", field)
	case !validBranch(r.Ref):
		return checks.Ref{}, unusable("The field %s.ref is not the name of a branch.", field)
	case r.Repo == nil:
		return out, nil
	}
	var refused *answer
	out.Repo, refused = r.Repo.repo(field + ".repo")
	return out, refused
}

// validSHA reports whether s is the id of an object that may exist.
func validSHA(s string) bool { return shaPattern.MatchString(s) && !zeroPattern.MatchString(s) }

// validBranch reports whether git takes name as a branch's name, and whether
// it cannot be taken for an option.
func validBranch(name string) bool {
	return name != "" && len(name) <= maxText && !branchRefused.MatchString(name) &&
		!strings.HasPrefix(name, "-") && !strings.HasPrefix(name, "/") && !strings.HasPrefix(name, ".") &&
		!strings.HasSuffix(name, "/") && !strings.HasSuffix(name, ".") && !strings.HasSuffix(name, ".lock")
}

// account is the user as far as it makes sense: who did it is for display,
// and no reason to refuse an event.
func (u *user) account() checks.User {
	out := checks.User{ID: max(u.ID, 0)}
	if loginPattern().MatchString(u.Login) {
		out.Login = u.Login
	}
	return out
}

// firstRunes is s or its first n characters, in memory of its own.
func firstRunes(s string, n int) string {
	for i := range s {
		if n == 0 {
			s = s[:i]
			break
		}
		n--
	}
	return strings.Clone(strings.ToValidUTF8(s, ""))
}

// bounded is s or its beginning, in memory of its own.
func bounded(s string) string {
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "")
	}
	return strings.Clone(s)
}
