package publish

import (
	"regexp"
	"strings"
	"sync"
)

// pep440 is the pattern of the version specifiers specification (PEP 440,
// appendix B), without surrounding space.
var pep440 = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^v?(?:([0-9]+)!)?([0-9]+(?:\.[0-9]+)*)` +
		`(?:[-_.]?(alpha|a|beta|b|preview|pre|c|rc)[-_.]?([0-9]+)?)?` +
		`(?:-([0-9]+)|[-_.]?(post|rev|r)[-_.]?([0-9]+)?)?` +
		`(?:[-_.]?(dev)[-_.]?([0-9]+)?)?` +
		`(?:\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?$`)
})

// normalVersion is a Python version in its normal form; false when it is none.
func normalVersion(v string) (string, bool) {
	if len(v) > maxVersion {
		return "", false
	}
	m := pep440().FindStringSubmatch(strings.ToLower(v))
	if m == nil {
		return "", false
	}
	var b strings.Builder
	if epoch := whole(m[1]); m[1] != "" && epoch != "0" {
		b.WriteString(epoch + "!")
	}
	for i, n := range strings.Split(m[2], ".") {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(whole(n))
	}
	switch m[3] {
	case "":
	case "a", "alpha":
		b.WriteString("a" + whole(m[4]))
	case "b", "beta":
		b.WriteString("b" + whole(m[4]))
	default:
		b.WriteString("rc" + whole(m[4]))
	}
	switch {
	case m[5] != "":
		b.WriteString(".post" + whole(m[5]))
	case m[6] != "":
		b.WriteString(".post" + whole(m[7]))
	}
	if m[8] != "" {
		b.WriteString(".dev" + whole(m[9]))
	}
	if m[10] != "" {
		parts := strings.FieldsFunc(m[10], func(r rune) bool { return r == '-' || r == '_' || r == '.' })
		for i, p := range parts {
			if strings.Trim(p, "0123456789") == "" {
				parts[i] = whole(p)
			}
		}
		b.WriteString("+" + strings.Join(parts, "."))
	}
	return b.String(), true
}

// whole is a number without leading zeros; none is 0.
func whole(digits string) string {
	if digits = strings.TrimLeft(digits, "0"); digits == "" {
		return "0"
	}
	return digits
}

var trailingZeros = regexp.MustCompile(`^((?:[0-9]+!)?[0-9]+(?:\.[0-9]+)*?)(?:\.0)+($|[^0-9.]|\.[a-z])`)

// sameVersion reports whether two Python versions are equal: 1.0 is 1.0.0.
func sameVersion(a, b string) bool {
	a, okA := normalVersion(a)
	b, okB := normalVersion(b)
	return okA && okB && trailingZeros.ReplaceAllString(a, "$1$2") == trailingZeros.ReplaceAllString(b, "$1$2")
}

var separators = regexp.MustCompile(`[-_.]+`)

// normalName is a Python project's name in its normal form (PEP 503).
func normalName(name string) string {
	return separators.ReplaceAllString(strings.ToLower(name), "-")
}

var projectName = regexp.MustCompile(`^(?i:[A-Z0-9]|[A-Z0-9][A-Z0-9._-]*[A-Z0-9])$`)
