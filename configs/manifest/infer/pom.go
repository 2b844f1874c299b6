package infer

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// pom is what a pom.xml says about dependencies, with its properties not yet
// put in.
type pom struct {
	root int // the line of <project>
	// text and line are the project's own fields and, as parent/groupId,
	// those of its parent.
	text map[string]string
	line map[string]int
	// properties are those of the project and of its profiles; varies are
	// those whose value a profile decides on.
	properties  map[string]string
	varies      map[string]bool
	coordinates []coordinate
	modules     []pomText
}

type pomText struct {
	text string
	line int
}

// coordinate names an artifact that the project asks for.
type coordinate struct {
	group, artifact string
	line            int  // of the artifactId
	managed         bool // it stands in dependencyManagement
	plugin          bool
	scope, kind     string // of a dependency, as <scope> and <type> say
}

// pomDepth is the depth of what is read; deeper elements are passed over.
// The deepest is project/profiles/profile/build/pluginManagement/plugins/
// plugin/dependencies/dependency/artifactId.
const pomDepth = 10

// readPOM reads a pom.xml. Entities that the file declares are not expanded:
// they are errors, as is anything else that is not well-formed.
func readPOM(data []byte) (*pom, error) {
	data, decoded := fromUTF16(data)
	r := pomReader{
		pom:  &pom{text: map[string]string{}, line: map[string]int{}, properties: map[string]string{}, varies: map[string]bool{}},
		open: map[string]*coordinate{},
		dec:  xml.NewDecoder(bytes.NewReader(data)),
	}
	r.dec.Entity = xml.HTMLEntity // as Maven
	r.dec.CharsetReader = func(name string, in io.Reader) (io.Reader, error) {
		if decoded {
			return in, nil
		}
		return latinReader(name, in)
	}
	if err := r.read(); err != nil {
		var se *xml.SyntaxError
		if errors.As(err, &se) {
			return nil, problemf(se.Line, "this is not valid XML: %s", se.Msg)
		}
		line, _ := r.dec.InputPos()
		if inner := errors.Unwrap(err); inner != nil { // from latinReader
			err = inner
		}
		return nil, problemf(line, "this cannot be read: %s", strings.TrimPrefix(err.Error(), "xml: "))
	}
	if r.root == 0 {
		return nil, problemf(1, "this is not a pom.xml: it has no <project>")
	}
	return r.pom, nil
}

// fromUTF16 is data in UTF-8 and without a byte order mark. It reports whether
// there was one, which then counts more than the encoding that the file names.
func fromUTF16(data []byte) ([]byte, bool) {
	for _, mark := range []string{"\xef\xbb\xbf", "\xff\xfe", "\xfe\xff"} {
		if bytes.HasPrefix(data, []byte(mark)) {
			out, _, err := transform.Bytes(unicode.BOMOverride(transform.Nop), data)
			return out, err == nil
		}
	}
	return data, false
}

// latinReader reads the single-byte encodings that pom files are met in.
func latinReader(name string, in io.Reader) (io.Reader, error) {
	switch strings.ToLower(name) {
	case "us-ascii", "ascii", "utf8":
		return in, nil
	case "iso-8859-1", "iso8859-1", "iso_8859-1", "latin1", "latin-1":
		return charmap.ISO8859_1.NewDecoder().Reader(in), nil
	case "iso-8859-15":
		return charmap.ISO8859_15.NewDecoder().Reader(in), nil
	case "windows-1252", "cp1252":
		return charmap.Windows1252.NewDecoder().Reader(in), nil
	}
	return nil, fmt.Errorf("the encoding %q is not read; save the file as UTF-8", name)
}

type pomReader struct {
	*pom
	dec  *xml.Decoder
	path []string               // the elements that are open, the outermost first
	open map[string]*coordinate // by the path of the element that holds it
	body strings.Builder        // of the element that is open
	at   int                    // the line that element starts on
}

func (r *pomReader) read() error {
	for {
		token, err := r.dec.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if len(r.path) >= pomDepth {
				if err := r.dec.Skip(); err != nil {
					return err
				}
				continue
			}
			r.path = append(r.path, t.Name.Local)
			r.body.Reset()
			r.at, _ = r.dec.InputPos()
			r.start()
		case xml.CharData:
			r.body.Write(t)
		case xml.EndElement:
			r.end(strings.TrimSpace(r.body.String()))
			r.path = r.path[:len(r.path)-1]
			r.body.Reset()
		}
	}
}

// pomAsked are the elements that name an artifact, by their place. A plugin in
// pluginManagement is not part of the build before the build names it, in this
// file or in a child's; what it depends on is named there alone.
var pomAsked = map[string]coordinate{
	"parent":                  {},
	"dependencies/dependency": {},
	"dependencyManagement/dependencies/dependency":                  {managed: true},
	"build/extensions/extension":                                    {},
	"build/plugins/plugin":                                          {plugin: true},
	"build/plugins/plugin/dependencies/dependency":                  {},
	"build/pluginManagement/plugins/plugin/dependencies/dependency": {},
}

// place is the path of the open element within the project; what stands in a
// profile counts as the project's own.
func (r *pomReader) place() string {
	if r.path[0] != "project" {
		return ""
	}
	rest := r.path[1:]
	if len(rest) > 2 && rest[0] == "profiles" && rest[1] == "profile" {
		rest = rest[2:]
	}
	return strings.Join(rest, "/")
}

func (r *pomReader) start() {
	if r.root == 0 && len(r.path) == 1 && r.path[0] == "project" {
		r.root = r.at
	}
	place := r.place()
	if c, ok := pomAsked[place]; ok {
		c.line = r.at
		r.open[place] = &c
	}
}

func (r *pomReader) end(text string) {
	place := r.place()
	if c := r.open[place]; c != nil {
		r.coordinates = append(r.coordinates, *c)
		delete(r.open, place)
		return
	}
	holder, field := path.Split(place)
	holder = strings.TrimSuffix(holder, "/")
	switch {
	case holder == "" && len(r.path) == 2, holder == "parent" && len(r.path) == 3:
		r.text[place], r.line[place] = text, r.at
	case holder == "properties":
		// What a profile alone sets may have another value in the parent.
		old, ok := r.properties[field]
		if ok && old != text || !ok && r.path[1] == "profiles" {
			r.varies[field] = true
		}
		r.properties[field] = text
	case place == "modules/module", place == "subprojects/subproject":
		r.modules = append(r.modules, pomText{text, r.at})
	}
	if c := r.open[holder]; c != nil {
		c.set(field, text, r.at)
	}
}

func (c *coordinate) set(field, text string, line int) {
	switch field {
	case "groupId":
		c.group = text
	case "artifactId":
		c.artifact, c.line = text, line
	case "scope":
		c.scope = text
	case "type":
		c.kind = text
	}
}
