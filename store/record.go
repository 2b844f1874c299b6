package store

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	bolt "go.etcd.io/bbolt"

	"github.com/dudesons/loktar/checks"
)

// maxName bounds the names that become part of a key, in bytes.
const maxName = 4096

// checkName refuses a name that cannot be part of a key. what says whose.
func checkName(what, name string) error {
	switch {
	case name == "":
		return checks.Errorf(checks.KindRefused, nil, "The %s is empty.", what)
	case len(name) > maxName:
		return checks.Errorf(checks.KindRefused, nil, "The %s has %d bytes; %d is the most.", what, len(name), maxName)
	case strings.IndexByte(name, 0) >= 0 || !utf8.ValidString(name):
		return checks.Errorf(checks.KindRefused, nil, "The %s %q is not plain text.", what, name)
	}
	return nil
}

func putJSON(b *bolt.Bucket, key []byte, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %T: %w", v, err)
	}
	return b.Put(key, data)
}

// getJSON reads the record of key into v and reports whether there is one.
func getJSON(b *bolt.Bucket, key []byte, v any) (bool, error) {
	data := b.Get(key)
	if data == nil {
		return false, nil
	}
	if err := json.Unmarshal(data, v); err != nil {
		return true, fmt.Errorf("decode %T: %w", v, err)
	}
	return true, nil
}
