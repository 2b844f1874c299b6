package publish

import (
	"fmt"
	"io/fs"
	"math"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"text/template/parse"
	"time"

	"github.com/dudesons/loktar/checks"
)

// Latest is the tag that the newest version of an image bears, and so no
// version may.
const Latest = "latest"

const (
	maxVersion  = 128 // of a tag, by OCI's grammar; the other kinds allow more
	maxTemplate = 512
)

// Values are what a template of a version may name.
type Values struct {
	Next     int64  // the next whole number
	Date     string // of the release, in UTC: 20060102
	ShortSHA string // the first 12 digits of the commit
}

// ValuesAt gives a template's values for a commit at a time.
func ValuesAt(next int64, at time.Time, sha string) Values {
	return Values{Next: next, Date: at.UTC().Format("20060102"), ShortSHA: sha[:min(len(sha), 12)]}
}

// Next is the number after the highest of those: of the registry's, the
// store's.
func Next(highest ...int64) (int64, error) {
	var top int64
	for _, n := range highest {
		top = max(top, n)
	}
	if top == math.MaxInt64 {
		return 0, refusedf("There is no version after %d.", top)
	}
	return top + 1, nil
}

// ReadTemplate turns the value of build_info.version into a template: itself
// when it holds "{{", "{{.Next}}" when it is empty, and else the first line
// of the file that it names. read gives a file of the package by its path,
// which is clean, slash-separated and inside; a long file may be cut.
func ReadTemplate(value string, read func(name string) ([]byte, error)) (string, error) {
	if value == "" {
		return "{{.Next}}", nil
	}
	if strings.Contains(value, "{{") {
		return value, nil
	}
	name := path.Clean(value)
	if !fs.ValidPath(name) || name == "." || strings.ContainsAny(name, "\\\x00") {
		return "", refusedf("build_info.version names %q, which is no file of the package. Write the path of a file, or a template such as `1.0.{{.Next}}`.", short(value))
	}
	data, err := read(name)
	if err != nil {
		return "", checks.Errorf(checks.KindRefused, err, "build_info.version names the file %q, which cannot be read. Add it to the package, or write a template such as `1.0.{{.Next}}`.", short(value))
	}
	line, _, _ := strings.Cut(string(data[:min(len(data), maxTemplate)]), "\n")
	if line = strings.TrimSpace(line); line == "" {
		return "", refusedf("The file %q, which build_info.version names, has no version on its first line.", short(value))
	}
	return line, nil
}

// Template makes versions, and finds their numbers again. It is immutable.
type Template struct {
	pkgType string
	parts   []part
	own     *regexp.Regexp // versions of the template, with their Next; nil when it has none
}

// part is a text, or the name of a field of Values.
type part struct{ text, field string }

// ParseTemplate reads a template of text/template that holds nothing but text
// and {{.Next}}, {{.Date}} and {{.ShortSHA}}. What it makes must be a version
// for packages of pkgType. The error is Refused.
func ParseTemplate(pkgType, text string) (*Template, error) {
	wrong := func(err error) (*Template, error) {
		return nil, checks.Errorf(checks.KindRefused, err,
			"%q is no template of a version. Write text with {{.Next}}, {{.Date}} and {{.ShortSHA}}, as in `1.0.{{.Next}}`.", short(text))
	}
	if len(text) > maxTemplate {
		return wrong(nil)
	}
	trees, err := parse.Parse("version", text, "", "")
	if err != nil {
		return wrong(err)
	}
	t := &Template{pkgType: pkgType}
	if len(trees) != 1 || trees["version"] == nil {
		return wrong(nil)
	}
	for _, n := range trees["version"].Root.Nodes {
		switch n := n.(type) {
		case *parse.TextNode:
			t.parts = append(t.parts, part{text: string(n.Text)})
		case *parse.ActionNode:
			field := fieldOf(n)
			if field == "" {
				return wrong(fmt.Errorf("unknown action %q", n.String()))
			}
			t.parts = append(t.parts, part{field: field})
		default:
			return wrong(fmt.Errorf("unknown action %q", n.String()))
		}
	}
	return t, t.learn()
}

// fieldOf is the field of Values that an action prints, or "".
func fieldOf(n *parse.ActionNode) string {
	if n.Pipe == nil || len(n.Pipe.Decl) != 0 || len(n.Pipe.Cmds) != 1 || len(n.Pipe.Cmds[0].Args) != 1 {
		return ""
	}
	f, ok := n.Pipe.Cmds[0].Args[0].(*parse.FieldNode)
	if !ok || len(f.Ident) != 1 {
		return ""
	}
	switch f.Ident[0] {
	case "Next", "Date", "ShortSHA":
		return f.Ident[0]
	}
	return ""
}

// Values that no template has by chance, to find them in a version again.
var probe = Values{Next: 918273645546372819, Date: "29181716", ShortSHA: "c0ffee918273"}

// learn makes a version of the probe, to see that the template makes valid
// ones and how to read them.
func (t *Template) learn() error {
	version, err := t.Version(probe)
	if err != nil {
		return err
	}
	next := strconv.FormatInt(probe.Next, 10)
	if !strings.Contains(version, next) {
		return nil
	}
	pattern := regexp.QuoteMeta(version)
	pattern = strings.Replace(pattern, next, `([0-9]{1,18})`, 1)
	pattern = strings.ReplaceAll(pattern, next, `[0-9]{1,18}`)
	pattern = strings.ReplaceAll(pattern, probe.Date, `[0-9]{8}`)
	pattern = strings.ReplaceAll(pattern, probe.ShortSHA, `[0-9a-f]{1,12}`)
	t.own, err = regexp.Compile("^" + pattern + "$")
	return err
}

// Version makes the version of a release. The error is Refused when the
// result is none for the kind of package.
func (t *Template) Version(v Values) (string, error) {
	var b strings.Builder
	for _, p := range t.parts {
		switch p.field {
		case "":
			b.WriteString(p.text)
		case "Next":
			b.WriteString(strconv.FormatInt(v.Next, 10))
		case "Date":
			b.WriteString(v.Date)
		case "ShortSHA":
			b.WriteString(v.ShortSHA)
		}
	}
	version := b.String()
	if err := CheckVersion(t.pkgType, version); err != nil {
		return "", err
	}
	if t.pkgType == "whl" {
		version, _ = normalVersion(version)
	}
	return version, nil
}

var wholeNumber = regexp.MustCompile(`^[1-9][0-9]{0,17}$`)

// Number is the number of a published version: itself when it is a whole
// number, or what stands for {{.Next}} in it; false when it has none.
func (t *Template) Number(version string) (int64, bool) {
	digits := ""
	switch {
	case len(version) > maxVersion:
		return 0, false
	case wholeNumber.MatchString(version):
		digits = version
	case t.own != nil:
		if m := t.own.FindStringSubmatch(version); m != nil {
			digits = m[1]
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, err == nil
}

// numbering is the template of a package's versions. A file that
// build_info.version still names says nothing of numbers.
func numbering(pkg checks.Package) (*Template, error) {
	text := pkg.BuildInfo.Version
	if !strings.Contains(text, "{{") {
		text = "{{.Next}}"
	}
	return ParseTemplate(pkg.PkgType, text)
}

var (
	tagGrammar = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`) }) // OCI distribution specification 1.1, "Pulling manifests"
	keyElement = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+~-]{0,127}$`) })
)

// CheckVersion refuses what cannot be a version of a package of pkgType: for
// docker an OCI tag other than latest, for whl a version of PEP 440, else an
// element of a path.
func CheckVersion(pkgType, version string) error {
	switch pkgType {
	case "docker":
		if !tagGrammar().MatchString(version) || version == Latest {
			return refusedf("%q cannot be the version of an image: that takes 1 to 128 letters, digits, `_`, `.` and `-`, begins with none of the last two, and is not latest.", short(version))
		}
	case "whl":
		if _, ok := normalVersion(version); !ok {
			return refusedf("%q cannot be the version of a wheel: PEP 440 allows numbers with dots, and endings such as rc1, .post1, .dev1 and +local.", short(version))
		}
	default:
		if !keyElement().MatchString(version) {
			return refusedf("%q cannot be a version: it takes 1 to 128 letters, digits, `.`, `_`, `+`, `~` and `-`, and begins with a letter or digit.", short(version))
		}
	}
	return nil
}
