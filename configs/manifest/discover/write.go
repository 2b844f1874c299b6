package discover

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Manifest writes the loktar.json of some packages: pretty, each package's
// keys in the order in which people write them, without those that say what
// is so anyway. schema is what $schema names; empty leaves it out.
func Manifest(packages []Package, schema string) ([]byte, error) {
	type entry struct {
		Name     string   `json:"pkg_name"`
		Dir      string   `json:"pkg_dir,omitempty"`
		PkgType  string   `json:"pkg_type,omitempty"`
		TestType string   `json:"test_type"`
		Commands []string `json:"commands,omitempty"`
		Type     string   `json:"type"`
	}
	file := struct {
		Schema   string  `json:"$schema,omitempty"`
		Packages []entry `json:"packages"`
	}{Schema: schema, Packages: []entry{}}
	for _, p := range packages {
		e := entry{Name: p.Name, Dir: p.Dir, PkgType: p.PkgType, TestType: p.TestType, Commands: p.Commands, Type: p.Type}
		if e.Dir == e.Name {
			e.Dir = ""
		}
		if e.PkgType == "none" {
			e.PkgType = ""
		}
		file.Packages = append(file.Packages, e)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(file); err != nil {
		return nil, fmt.Errorf("write loktar.json: %w", err)
	}
	return b.Bytes(), nil
}
