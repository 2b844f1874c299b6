package app

import (
	"encoding/binary"

	"github.com/dudesons/loktar/checks"
)

// unpacker reads what a packer wrote. Of anything else bad is set in the end,
// and what was read is worth nothing.
type unpacker struct {
	body  []byte
	table []string
	bad   bool
}

// unpack checks what was packed under a name; nil when it is damaged.
func unpack(data []byte, name string) *unpacker {
	if len(data) < 8 || binary.LittleEndian.Uint64(data) != checksum(name, data[8:]) {
		return nil
	}
	u := &unpacker{body: data[8:]}
	count, table, chars := u.num(), u.num(), u.num()
	if u.bad || table > len(u.body) || chars > len(u.body)-table || count > table {
		return nil
	}
	lengths := &unpacker{body: u.body[:table]}
	all := string(u.body[table : table+chars])
	u.body = u.body[table+chars:]
	u.table = make([]string, count)
	for i := range u.table {
		n := lengths.num()
		if n > len(all) {
			return nil
		}
		u.table[i], all = all[:n], all[n:]
	}
	return u
}

func (u *unpacker) num() int {
	n, size := binary.Uvarint(u.body)
	if size <= 0 || n > 1<<40 {
		u.bad, u.body = true, nil
		return 0
	}
	u.body = u.body[size:]
	return int(n)
}

func (u *unpacker) flag() bool { return u.num() == 1 }

func (u *unpacker) text() string {
	i := u.num()
	if i >= len(u.table) {
		u.bad = true
		return ""
	}
	return u.table[i]
}

// count is the length of a list, each element of which takes some bytes.
func (u *unpacker) count() int {
	n := u.num()
	if n > len(u.body) {
		u.bad = true
		return 0
	}
	return n
}

// list reads a list; an empty one is nil.
func list[T any](u *unpacker, each func(*T)) []T {
	n := u.count()
	if n == 0 {
		return nil
	}
	out := make([]T, n)
	for i := range out {
		each(&out[i])
	}
	return out
}

func (u *unpacker) texts() []string { return list(u, func(s *string) { *s = u.text() }) }

func (u *unpacker) manifest() *checks.Manifest {
	m := &checks.Manifest{GlobalInputs: u.texts(), Ignore: u.texts()}
	m.Packages = list(u, func(k *checks.Package) {
		k.Name, k.Dir, k.PkgType, k.TestType, k.Type = u.text(), u.text(), u.text(), checks.TestType(u.text()), u.text()
		k.BuildInfo.RegistryPrefix = u.text()
		k.DependsOn, k.DependenciesType, k.ExcludeKeywords, k.Inputs = u.texts(), u.texts(), u.texts(), u.texts()
	})
	return m
}

func (u *unpacker) edges() []checks.Edge {
	return list(u, func(e *checks.Edge) {
		e.From, e.To, e.File, e.Line, e.Cyclic = u.text(), u.text(), u.text(), u.num(), u.flag()
	})
}

func (u *unpacker) unread() []checks.FileProblem {
	return list(u, func(f *checks.FileProblem) {
		f.Package, f.File, f.Line, f.Message, f.Warning = u.text(), u.text(), u.num(), u.text(), u.flag()
	})
}

func (u *unpacker) links() []checks.Link {
	return list(u, func(l *checks.Link) { l.Path, l.Target = u.text(), u.text() })
}
