package source

import (
	"bytes"
	"encoding/hex"
	"fmt"
)

// Mode is the mode of a tree entry as git writes it, without leading zeros.
type Mode string

// The modes that git knows.
const (
	ModeFile       Mode = "100644"
	ModeExecutable Mode = "100755"
	ModeSymlink    Mode = "120000"
	ModeFolder     Mode = "40000"
	ModeSubmodule  Mode = "160000"
)

// Entry is one entry of a tree.
type Entry struct {
	Mode Mode
	Name string // any bytes but NUL and slash
	OID  string
}

// IsFile reports whether the entry is a regular file.
func (e Entry) IsFile() bool {
	return len(e.Mode) == 6 && e.Mode[:3] == "100"
}

// IsDir reports whether the entry is a folder.
func (e Entry) IsDir() bool { return e.Mode == ModeFolder }

// IsLink reports whether the entry is a symbolic link.
func (e Entry) IsLink() bool { return e.Mode == ModeSymlink }

// parseTree reads a tree object as git stores it: mode, blank, name, NUL, then
// the object id as idSize bytes; entry after entry.
func parseTree(raw []byte, idSize int) ([]Entry, error) {
	var entries []Entry
	for len(raw) > 0 {
		head, rest, ok := bytes.Cut(raw, []byte{0})
		mode, name, blank := bytes.Cut(head, []byte{' '})
		if !ok || !blank || len(name) == 0 || len(rest) < idSize {
			return nil, fmt.Errorf("tree entry %d is malformed", len(entries))
		}
		mode = bytes.TrimLeft(mode, "0")
		for _, c := range mode {
			if c < '0' || c > '7' {
				return nil, fmt.Errorf("tree entry %d has mode %q", len(entries), mode)
			}
		}
		entries = append(entries, Entry{Mode: Mode(mode), Name: string(name), OID: hex.EncodeToString(rest[:idSize])})
		raw = rest[idSize:]
	}
	return entries, nil
}
