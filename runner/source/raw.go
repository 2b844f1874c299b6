package source

import (
	"bytes"
	"errors"
	"fmt"
)

// rawChange is a path that differs between two trees. Modes are git's six
// octal digits, all zero where the path is not there.
type rawChange struct {
	path          string
	before, after string
	was, oid      string // before and after
}

// eachChange reads the output of git diff-tree --raw --no-abbrev -z: a colon,
// both modes, both object ids and a status letter, with blanks between them
// and ended by NUL; then the path, ended by NUL.
func eachChange(out []byte, do func(rawChange) error) error {
	for len(out) > 0 {
		head, rest, ok := bytes.Cut(out, []byte{0})
		name, rest, ended := bytes.Cut(rest, []byte{0})
		if !ok || !ended {
			return errors.New("a field does not end with NUL")
		}
		f := bytes.Split(head, []byte{' '})
		if len(f) != 5 || len(f[0]) != 7 || f[0][0] != ':' || len(f[1]) != 6 || len(f[4]) != 1 || len(name) == 0 {
			return fmt.Errorf("the change %q %q is malformed", head, name)
		}
		c := rawChange{path: string(name), before: string(f[0][1:]), after: string(f[1]), was: string(f[2]), oid: string(f[3])}
		if err := do(c); err != nil {
			return err
		}
		out = rest
	}
	return nil
}
