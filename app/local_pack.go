package app

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/dudesons/loktar/checks"
)

// packer writes values so that reading them costs next to nothing: numbers,
// and strings by their place in a table that is one piece of memory.
type packer struct {
	body  []byte
	table []byte // the length of each string
	chars []byte
	index map[string]uint64
}

func (p *packer) num(n int) { p.body = binary.AppendUvarint(p.body, uint64(n)) }

func (p *packer) text(s string) {
	if p.index == nil {
		p.index = map[string]uint64{}
	}
	i, known := p.index[s]
	if !known {
		i = uint64(len(p.index))
		p.index[s] = i
		p.table = binary.AppendUvarint(p.table, uint64(len(s)))
		p.chars = append(p.chars, s...)
	}
	p.body = binary.AppendUvarint(p.body, i)
}

func (p *packer) texts(list []string) {
	p.num(len(list))
	for _, s := range list {
		p.text(s)
	}
}

func (p *packer) flag(b bool) {
	if b {
		p.num(1)
	} else {
		p.num(0)
	}
}

// pack is all that was written, with a checksum that counts the name too.
func (p *packer) pack(name string) []byte {
	out := make([]byte, 8, 64+len(p.table)+len(p.chars)+len(p.body))
	for _, n := range []int{len(p.index), len(p.table), len(p.chars)} {
		out = binary.AppendUvarint(out, uint64(n))
	}
	out = append(append(append(out, p.table...), p.chars...), p.body...)
	binary.LittleEndian.PutUint64(out, checksum(name, out[8:]))
	return out
}

func checksum(name string, data []byte) uint64 {
	h := sha256.New()
	h.Write([]byte(name + "\x00"))
	h.Write(data)
	return binary.LittleEndian.Uint64(h.Sum(nil))
}

// manifest writes what counts for what is affected: see partial in side.
func (p *packer) manifest(m *checks.Manifest) {
	p.texts(m.GlobalInputs)
	p.texts(m.Ignore)
	p.num(len(m.Packages))
	for i := range m.Packages {
		k := &m.Packages[i]
		for _, s := range []string{k.Name, k.Dir, k.PkgType, string(k.TestType), k.Type, k.BuildInfo.RegistryPrefix} {
			p.text(s)
		}
		for _, list := range [][]string{k.DependsOn, k.DependenciesType, k.ExcludeKeywords, k.Inputs} {
			p.texts(list)
		}
	}
}

func (p *packer) edges(list []checks.Edge) {
	p.num(len(list))
	for _, e := range list {
		p.text(e.From)
		p.text(e.To)
		p.text(e.File)
		p.num(e.Line)
		p.flag(e.Cyclic)
	}
}

func (p *packer) unread(list []checks.FileProblem) {
	p.num(len(list))
	for _, f := range list {
		p.text(f.Package)
		p.text(f.File)
		p.num(f.Line)
		p.text(f.Message)
		p.flag(f.Warning)
	}
}

func (p *packer) links(list []checks.Link) {
	p.num(len(list))
	for _, l := range list {
		p.text(l.Path)
		p.text(l.Target)
	}
}
