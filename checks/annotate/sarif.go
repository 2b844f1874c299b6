package annotate

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// maxResult bounds one result of a SARIF report, and any word in it, in bytes.
const maxResult = 2 << 20

var errResult = errors.New("one of its results is too long")

// sarifResult is of a result what is looked at.
type sarifResult struct {
	RuleID    string
	RuleIndex *int
	Rule      struct{ ID string }
	Kind      string
	Level     string
	Message   struct{ Text, Markdown string }
	Locations []struct {
		PhysicalLocation struct {
			ArtifactLocation struct{ URI string }
			Region           struct{ StartLine, StartColumn, EndLine, EndColumn int }
		}
	}
	Suppressions  []struct{ Status string }
	BaselineState string
}

// sarif reads SARIF 2.1.
func (c *Collector) sarif(r io.Reader) error {
	s := sarif{c: c, in: &portions{r: r}}
	s.dec = json.NewDecoder(s.in)
	return s.object(func(key string) (bool, error) {
		if key != "runs" {
			return false, nil
		}
		return true, s.array(s.run)
	})
}

type sarif struct {
	c     *Collector
	in    *portions
	dec   *json.Decoder
	tool  string
	rules map[string]string // rule's id -> level of its results
	ids   []string          // of the rules
}

const maxRules = 20_000

func (s *sarif) run() error {
	s.tool, s.rules, s.ids = "", map[string]string{}, nil
	return s.object(func(key string) (bool, error) {
		switch key {
		case "tool":
			return true, s.object(func(key string) (bool, error) {
				if key != "driver" {
					return false, nil
				}
				return true, s.driver()
			})
		case "results":
			return true, s.array(func() error {
				var r sarifResult
				if err := s.decode(&r); err != nil {
					return err
				}
				s.result(&r)
				return nil
			})
		}
		return false, nil
	})
}

func (s *sarif) driver() error {
	return s.object(func(key string) (bool, error) {
		switch key {
		case "name":
			return true, s.decode(&s.tool)
		case "rules":
			return true, s.array(func() error {
				var rule struct {
					ID                   string
					DefaultConfiguration struct{ Level string }
				}
				err := s.decode(&rule)
				if err == nil && len(s.ids) < maxRules {
					s.ids = append(s.ids, rule.ID)
					s.rules[rule.ID] = rule.DefaultConfiguration.Level
				}
				return err
			})
		}
		return false, nil
	})
}

// result takes one result, if that is one to be told of.
func (s *sarif) result(r *sarifResult) {
	if r.BaselineState == "absent" || r.Kind != "" && r.Kind != "fail" && r.Kind != "open" && r.Kind != "review" {
		return
	}
	for _, by := range r.Suppressions {
		if by.Status == "" || by.Status == "accepted" {
			return
		}
	}
	rule := firstOf(r.RuleID, r.Rule.ID)
	if i := r.RuleIndex; rule == "" && i != nil && *i >= 0 && *i < len(s.ids) {
		rule = s.ids[*i]
	}
	level := levelWarning
	switch firstOf(r.Level, s.rules[rule]) {
	case "error":
		level = levelFailure
	case "note", "none":
		level = levelNotice
	}
	title := strings.TrimSpace(s.tool + " " + rule)
	message := firstOf(r.Message.Text, r.Message.Markdown, rule)
	if len(r.Locations) == 0 {
		s.c.tell(level, title+": "+message)
		return
	}
	loc := r.Locations[0].PhysicalLocation
	uri := loc.ArtifactLocation.URI
	if plain, err := url.PathUnescape(uri); err == nil && !strings.HasPrefix(uri, "file:") {
		uri = plain
	}
	reg := loc.Region
	file := s.c.places.find(uri, "")
	if file == "" {
		s.c.tell(level, fmt.Sprintf("%s:%d: %s (%s)", uri, bounded(reg.StartLine), message, title))
		return
	}
	// SARIF's last column is the one behind the last character.
	s.c.remark(checks.Annotation{
		Path: file, StartLine: reg.StartLine, EndLine: reg.EndLine, StartColumn: reg.StartColumn, EndColumn: reg.EndColumn - 1,
		Level: level, Title: title, Message: message,
	})
}

// object reads an object, and asks of each of its members whether do has read
// its value.
func (s *sarif) object(do func(key string) (bool, error)) error {
	if err := s.delim('{'); err != nil {
		return err
	}
	for s.more() {
		t, err := s.token()
		if err != nil {
			return err
		}
		key, _ := t.(string)
		done, err := do(key)
		if err == nil && !done {
			err = s.skip()
		}
		if err != nil {
			return err
		}
	}
	return s.delim('}')
}

// array has do read each element of an array. Null is an empty one.
func (s *sarif) array(do func() error) error {
	t, err := s.token()
	if err != nil || t == nil {
		return err
	}
	if t != json.Delim('[') {
		return errShape
	}
	for s.more() {
		if err := do(); err != nil {
			return err
		}
	}
	return s.delim(']')
}

func (s *sarif) more() bool {
	s.in.left = maxResult
	return s.dec.More()
}

var errShape = errors.New("it is not shaped as its format says")

func (s *sarif) delim(want json.Delim) error {
	t, err := s.token()
	if err == nil && t != want {
		err = errShape
	}
	return err
}

// skip reads a value that is not looked at, however large it is.
func (s *sarif) skip() error {
	for depth := 0; ; {
		t, err := s.token()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			if depth++; depth > maxDepth {
				return errDepth
			}
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

func (s *sarif) token() (json.Token, error) {
	s.in.left = maxResult
	t, err := s.dec.Token()
	return t, unexpected(err)
}

// decode reads one value. One of another shape than it should have is passed
// over.
func (s *sarif) decode(v any) error {
	s.in.left = maxResult
	err := s.dec.Decode(v)
	var shape *json.UnmarshalTypeError
	if errors.As(err, &shape) {
		return nil
	}
	return unexpected(err)
}

// portions bounds how much is read for one value, and so what a decoder holds.
type portions struct {
	r    io.Reader
	left int
}

func (p *portions) Read(b []byte) (int, error) {
	if p.left <= 0 {
		return 0, errResult
	}
	n, err := p.r.Read(b[:min(len(b), p.left)])
	p.left -= n
	return n, err
}
