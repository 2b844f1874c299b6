package infer

import (
	"errors"
	"path"
	"slices"
	"strings"
)

// listing is what stands in a folder, sorted by name.
type listing []Entry

func (l listing) find(name string) (Entry, bool) {
	at, ok := slices.BinarySearchFunc(l, name, func(e Entry, name string) int { return strings.Compare(e.Name, name) })
	if !ok {
		return Entry{}, false
	}
	return l[at], true
}

// The bounds of a path and of the links that are followed in it, as Linux has
// them.
const (
	maxPath  = 4096
	maxLinks = 40
)

// walker finds files in one tree. It asks only for folders that it has seen
// in the folder above. One goroutine uses it.
type walker struct {
	tree     Tree
	listings *cache[string, listing]
	seen     map[string]listing // by folder
}

// list is what stands in the folder dir, which is found as git finds it: no
// link is followed. It is nil when there is none. oid is the folder's own,
// when it is known already.
func (w *walker) list(dir, oid string) (listing, error) {
	if l, ok := w.seen[dir]; ok {
		return l, nil
	}
	if oid == "" && dir != "." {
		e, ok, err := w.entry(dir)
		if err != nil || !ok || !e.IsDir {
			return nil, err
		}
		oid = e.OID
	}
	var l listing
	known := false
	if oid != "" {
		l, known = w.listings.get(oid)
	}
	if !known {
		entries, err := w.tree.List(dir)
		if err != nil {
			return nil, err
		}
		l = slices.Clone(entries)
		slices.SortFunc(l, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
		if oid != "" {
			weight := 200
			for _, e := range l {
				weight += len(e.Name) + len(e.OID) + 48
			}
			w.listings.put(oid, l, weight)
		}
	}
	w.seen[dir] = l
	return l, nil
}

// entry is what stands at the path p, which is not ".". No link is followed.
func (w *walker) entry(p string) (Entry, bool, error) {
	if len(p) > maxPath {
		return Entry{}, false, nil
	}
	dir, oid := ".", ""
	if parent := path.Dir(p); parent != "." {
		if l, ok := w.seen[parent]; ok {
			e, ok := l.find(path.Base(p))
			return e, ok, nil
		}
	}
	for end := 0; ; {
		l, err := w.list(dir, oid)
		if err != nil {
			return Entry{}, false, err
		}
		start := end
		if slash := strings.IndexByte(p[start:], '/'); slash >= 0 {
			end = start + slash
		} else {
			end = len(p)
		}
		e, ok := l.find(p[start:end])
		if end == len(p) || !ok || !e.IsDir {
			return e, ok && end == len(p), nil
		}
		dir, oid = p[:end], e.OID
		end++
	}
}

// file is the file at the path p. Links are followed as long as they stay in
// the tree; ok is false when no file is there.
func (w *walker) file(p string) (_ Entry, ok bool, _ error) {
	_, e, err := w.real(p)
	return e, e.IsFile, err
}

// real is where the path p leads when links are followed as long as they stay
// in the tree, and what stands there: nothing when there is neither a file nor
// a folder. The place is empty when it is outside of the tree, or unknown.
func (w *walker) real(p string) (at string, _ Entry, _ error) {
	if len(p) > maxPath {
		return "", Entry{}, nil
	}
	links := 0
	at, rest := ".", p
	for rest != "" {
		var elem string
		elem, rest, _ = strings.Cut(rest, "/")
		switch elem {
		case "", ".":
			continue
		case "..":
			if at == "." {
				return "", Entry{}, nil
			}
			at = path.Dir(at)
			continue
		}
		l, err := w.list(at, "")
		if err != nil {
			return "", Entry{}, err
		}
		e, found := l.find(elem)
		switch {
		case found && e.IsDir:
			at = path.Join(at, elem)
		case found && e.IsLink:
			target, err := w.tree.Read(e.OID, maxPath)
			if err != nil && !errors.Is(err, ErrTooLarge) {
				return "", Entry{}, err
			}
			if links++; err != nil || links > maxLinks || len(target) == 0 || target[0] == '/' {
				return "", Entry{}, nil
			}
			rest = string(target) + "/" + rest
			rest = strings.TrimSuffix(rest, "/")
		case found && e.IsFile && rest == "":
			return path.Join(at, elem), e, nil
		default:
			at = path.Join(at, elem, rest)
			if at == ".." || strings.HasPrefix(at, "../") {
				at = ""
			}
			return at, Entry{}, nil
		}
	}
	return at, Entry{IsDir: true}, nil
}
