package keys

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
)

// format is the first thing in all that is hashed. It changes when keys mean
// something else than before: then no old key equals a new one.
const format = "loktar package key 1"

type digest [sha256.Size]byte

// encoder writes values one after the other so that different values never
// give the same bytes: a text is its length and its bytes, a list its length
// and its elements, and what is optional has a name before it.
type encoder []byte

// newEncoder starts what is hashed for one purpose.
func newEncoder(purpose string) encoder {
	e := make(encoder, 0, 512)
	e.str(format)
	e.str(purpose)
	return e
}

func (e *encoder) num(n int) { *e = binary.AppendUvarint(*e, uint64(n)) }

func (e *encoder) str(s string) {
	e.num(len(s))
	*e = append(*e, s...)
}

func (e *encoder) bool(b bool) {
	n := 0
	if b {
		n = 1
	}
	e.num(n)
}

// list writes a list whose order counts.
func (e *encoder) list(list []string) {
	e.num(len(list))
	for _, s := range list {
		e.str(s)
	}
}

// set writes a list whose order and repetitions do not count.
func (e *encoder) set(list []string) { e.list(sorted(list)) }

func (e *encoder) pairs(m map[string]string) {
	e.num(len(m))
	if len(m) == 0 {
		return
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		e.str(k)
		e.str(m[k])
	}
}

func (e *encoder) entry(path string, at Entry) {
	e.str(path)
	e.str(string(at.Mode))
	e.str(at.OID)
}

// part writes something that has an end only when it is written as a whole.
func (e *encoder) part(name string, of encoder) {
	e.str(name)
	e.str(string(of))
}

func (e *encoder) digest(d digest) { *e = append(*e, d[:]...) }

// digests writes a set of digests.
func (e *encoder) digests(set []digest) {
	set = slices.Compact(sortedDigests(set))
	e.num(len(set))
	for _, d := range set {
		e.digest(d)
	}
}

func (e encoder) sum() digest { return sha256.Sum256(e) }

func sortedDigests(list []digest) []digest {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b digest) int { return bytes.Compare(a[:], b[:]) })
	return list
}

// sorted is list as a set: a sorted copy, each once.
func sorted[T cmp.Ordered](list []T) []T {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}
