package minihub

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// fields reads a JSON object against rules and gathers what is wrong, in the
// words that GitHub uses. Members that no rule names are ignored.
type fields struct {
	m        map[string]any
	path     string // "properties/output/" and the like
	problems *[]string
}

func newFields(m map[string]any) fields { return fields{m: m, problems: new([]string)} }

func (f fields) bad(format string, args ...any) {
	*f.problems = append(*f.problems, fmt.Sprintf(format, args...))
}

func (f fields) badField(name, format string, args ...any) {
	f.bad("For '%sproperties/%s', %s.", f.path, name, fmt.Sprintf(format, args...))
}

func (f fields) has(name string) bool { _, ok := f.m[name]; return ok }

func (f fields) require(names ...string) {
	for _, n := range names {
		if !f.has(n) {
			f.bad("%q wasn't supplied.", strings.ReplaceAll(f.path, "properties/", "")+n)
		}
	}
}

func show(v any) string {
	if v == nil {
		return "nil"
	}
	b, _ := json.Marshal(v)
	if len(b) > 100 {
		b = append(b[:100:100], "..."...)
	}
	return string(b)
}

// str reads a string of at most most characters; 0 is no bound.
func (f fields) str(name string, most int) string {
	v, ok := f.m[name]
	if !ok {
		return ""
	}
	s, ok := v.(string)
	if !ok {
		f.badField(name, "%s is not a string", show(v))
		return ""
	}
	if most > 0 && utf8.RuneCountInString(s) > most {
		f.badField(name, "%s is too long: %d characters where %d are allowed", show(s), utf8.RuneCountInString(s), most)
	}
	return s
}

// filled is str for members that must not be empty.
func (f fields) filled(name string, most int) string {
	s := f.str(name, most)
	if f.has(name) && strings.TrimSpace(s) == "" {
		f.badField(name, "it is empty")
	}
	return s
}

// bytes is str with a bound on the length in bytes.
func (f fields) bytes(name string, most int) string {
	s := f.str(name, 0)
	if len(s) > most {
		f.badField(name, "%s is too long: %d bytes where %d are allowed", show(s), len(s), most)
	}
	return s
}

func (f fields) oneOf(name string, allowed ...string) string {
	s := f.str(name, 0)
	if v, ok := f.m[name]; ok && !slices.Contains(allowed, s) {
		f.badField(name, "%s is not a member of %s", show(v), show(allowed))
	}
	return s
}

func (f fields) integer(name string) int {
	v, ok := f.m[name]
	if !ok {
		return 0
	}
	n, ok := v.(json.Number)
	i, err := strconv.Atoi(n.String())
	if !ok || err != nil {
		f.badField(name, "%s is not an integer", show(v))
		return 0
	}
	return i
}

func (f fields) time(name string) time.Time {
	s := f.str(name, 0)
	if !f.has(name) {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		f.badField(name, "%s is not a date-time", show(s))
	}
	return t.UTC()
}

// httpURL reads an address that must be http or https.
func (f fields) httpURL(name string) string {
	s := f.str(name, 0)
	if f.has(name) && !strings.HasPrefix(s, "http://") && !strings.HasPrefix(s, "https://") {
		f.badField(name, "%s must use http or https scheme", show(s))
	}
	return s
}

// object reads a member that is an object; false when it is not there.
func (f fields) object(name string) (fields, bool) {
	v, ok := f.m[name]
	if !ok {
		return fields{}, false
	}
	m, ok := v.(map[string]any)
	if !ok {
		f.badField(name, "%s is not an object", show(v))
		return fields{}, false
	}
	return fields{m: m, path: f.path + "properties/" + name + "/", problems: f.problems}, true
}

// objects reads an array of at most most objects.
func (f fields) objects(name string, most int) []fields {
	v, ok := f.m[name]
	if !ok {
		return nil
	}
	a, ok := v.([]any)
	if !ok {
		f.badField(name, "%s is not an array", show(v))
		return nil
	}
	if len(a) > most {
		f.badField(name, "%d items; only %d are allowed", len(a), most)
	}
	var out []fields
	for i, v := range a {
		m, ok := v.(map[string]any)
		if !ok {
			f.badField(name, "%s is not an object", show(v))
			continue
		}
		out = append(out, fields{m: m, path: fmt.Sprintf("%sproperties/%s/%d/", f.path, name, i), problems: f.problems})
	}
	return out
}

// err is the refusal, or nil when everything was right.
func (f fields) err() error {
	if len(*f.problems) == 0 {
		return nil
	}
	return invalid(*f.problems)
}
