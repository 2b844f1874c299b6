package infer

import (
	"encoding/binary"
	"path"
	"regexp"
	"slices"
	"strings"
	utf16pkg "unicode/utf16"
)

// pythonFile gathers the facts of a file with requirements.
type pythonFile struct {
	dir, file string // the package's folder; the file's path
	facts     Facts
}

// need notes a name, once a line.
func (p *pythonFile) need(name string, line int) {
	n := Need{Name: name, Line: line}
	if name != "" && !slices.Contains(p.facts.Needs[max(0, len(p.facts.Needs)-4):], n) {
		p.facts.Needs = append(p.facts.Needs, n)
	}
}

// path notes a folder or archive of the file system.
func (p *pythonFile) path(text string, line int) {
	if text == "" || text[0] == '~' || strings.ContainsAny(text, "${") {
		return
	}
	var seen string
	for _, base := range []string{path.Join(p.dir, "x"), p.file} {
		if to, ok := pathBeside(base, text); ok && to != seen {
			p.facts.Needs = append(p.facts.Needs, Need{Path: to, Line: line})
			seen = to
		}
	}
}

// include notes a file of requirements, whose path is from this file's folder.
func (p *pythonFile) include(text string, line int) {
	if text == "" || strings.Contains(text, "://") {
		return
	}
	if to, ok := pathBeside(p.file, text); ok {
		p.facts.Includes = append(p.facts.Includes, Include{Path: to, Line: line})
	}
}

var comment = regexp.MustCompile(`(^|\s)#.*$`)

// parseRequirements reads the format of
// https://pip.pypa.io/en/stable/reference/requirements-file-format/
func parseRequirements(dir, file string, data []byte) (Facts, error) {
	p := pythonFile{dir: dir, file: file}
	var joined strings.Builder
	start := 0 // the line that joined began in
	number := 0
	for physical := range strings.SplitSeq(decode(data), "\n") {
		number++
		parts := strings.FieldsFunc(physical, func(r rune) bool { return r == '\r' || r == '\v' || r == '\f' })
		if len(parts) == 0 {
			parts = []string{""} // it ends a continuation
		}
		for _, text := range parts {
			isComment := strings.HasPrefix(strings.TrimSpace(text), "#")
			if start == 0 {
				start = number
			}
			if more, ok := strings.CutSuffix(text, `\`); ok && !isComment {
				joined.WriteString(more)
				continue
			}
			if isComment {
				joined.WriteByte(' ')
			}
			joined.WriteString(text)
			if err := p.line(joined.String(), start); err != nil {
				return Facts{}, err
			}
			joined.Reset()
			start = 0
		}
	}
	if err := p.line(joined.String(), max(start, 1)); err != nil {
		return Facts{}, err
	}
	return p.facts, nil
}

// decode is the text of a file as pip takes it. Encodings without a byte order
// mark have ASCII in common, and no name needs more.
func decode(data []byte) string {
	var order binary.ByteOrder
	switch {
	case strings.HasPrefix(string(data[:min(2, len(data))]), "\xff\xfe"):
		order = binary.LittleEndian
	case strings.HasPrefix(string(data[:min(2, len(data))]), "\xfe\xff"):
		order = binary.BigEndian
	default:
		return string(trimBOM(data))
	}
	var units []uint16
	for data = data[2:]; len(data) >= 2; data = data[2:] {
		units = append(units, order.Uint16(data))
	}
	return string(utf16pkg.Decode(units))
}

// line reads one logical line: a requirement, or options.
func (p *pythonFile) line(text string, number int) error {
	text = strings.TrimSpace(comment.ReplaceAllString(text, ""))
	if text == "" {
		return nil
	}
	if text[0] != '-' {
		return p.requirement(text, number)
	}
	for words := shellWords(text); len(words) > 0; {
		option, value := words[0], ""
		words = words[1:]
		known := ""
		for _, o := range []string{"--requirement", "--editable", "--constraint", "-r", "-e", "-c"} {
			if rest, ok := strings.CutPrefix(option, o); ok && (rest == "" || rest[0] == '=' || o[1] != '-') {
				known, value = o, strings.TrimPrefix(rest, "=")
				break
			}
		}
		if known == "" {
			continue
		}
		if value == "" && len(words) > 0 {
			value, words = words[0], words[1:]
		}
		switch known {
		case "--requirement", "-r":
			if strings.Contains(value, "${") {
				return problemf(number, "%q names a file by a variable, which is known to pip alone; write its path", value)
			}
			p.include(value, number)
		case "--editable", "-e":
			if err := p.requirement(value, number); err != nil {
				return err
			}
		}
	}
	return nil
}

// shellWords splits a line at blanks outside of quotes.
func shellWords(s string) []string {
	var words []string
	var word strings.Builder
	in, quote := false, rune(0)
	for _, r := range s {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote, in = r, true
		case quote == 0 && (r == ' ' || r == '\t'):
			if in {
				words = append(words, word.String())
			}
			word.Reset()
			in = false
		default:
			word.WriteRune(r)
			in = true
		}
	}
	if in {
		words = append(words, word.String())
	}
	return words
}

var (
	// scheme starts the URLs that pip takes.
	scheme = regexp.MustCompile(`^(?i:[a-z][a-z0-9.-]*(\+[a-z]+)?://|file:|(git|hg|svn|bzr)\+[a-z]+:)`)
	// pep508 is a name, extras and the first byte of what follows.
	pep508 = regexp.MustCompile(`^([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[[^\]]*\]\s*)?(?:$|([<>=!~;@(,]|\s--?[a-z]))`)
	egg    = regexp.MustCompile(`[#&]egg=([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)`)
	// archive ends a file that pip installs.
	archive = regexp.MustCompile(`(?i)\.(whl|zip|tar|tar\.(gz|bz2|xz|lzma|Z)|tgz|tbz|txz|tlz)$`)
)

// requirement reads a PEP 508 requirement, a URL or a path.
func (p *pythonFile) requirement(text string, line int) error {
	text = strings.TrimSpace(text)
	if scheme.MatchString(text) {
		p.url(text, line)
		return nil
	}
	if m := pep508.FindStringSubmatchIndex(text); m != nil {
		name := text[m[2]:m[3]]
		if m[4] >= 0 && text[m[4]] == '@' {
			p.need(name, line)
			p.url(strings.TrimSpace(text[m[4]+1:]), line)
			return nil
		}
		if !archive.MatchString(name) {
			p.need(name, line)
			return nil
		}
	}
	place := text
	if at := strings.Index(place, " --"); at >= 0 {
		place = place[:at]
	}
	place, _, _ = strings.Cut(place, ";")
	place, _, _ = strings.Cut(place, "#")
	place = strings.TrimSpace(place)
	if extras := strings.LastIndexByte(place, '['); extras > 0 && strings.HasSuffix(place, "]") {
		place = strings.TrimSpace(place[:extras])
	}
	if strings.HasPrefix(place, ".") || strings.Contains(place, "/") || archive.MatchString(place) {
		p.path(place, line)
		return nil
	}
	return problemf(line, "%q is not a requirement; write a name and versions, as `requests>=2`", text)
}

// url reads where a requirement comes from: the name that it ends in, or the
// path of a file URL.
func (p *pythonFile) url(text string, line int) {
	if m := egg.FindStringSubmatch(text); m != nil {
		p.need(m[1], line)
	}
	place, isFile := strings.CutPrefix(text, "file:")
	if !isFile && scheme.MatchString(text) {
		return
	}
	place, _, _ = strings.Cut(place, " ")
	place, _, _ = strings.Cut(place, ";")
	place, _, _ = strings.Cut(place, "#")
	if extras := strings.IndexByte(place, '['); extras > 0 {
		place = place[:extras]
	}
	p.path(strings.TrimPrefix(place, "//"), line)
}
