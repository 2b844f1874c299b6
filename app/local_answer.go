package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner/source"
)

// Affected is what a change in a local repository affects, to be shown.
type Affected struct {
	Base, BaseSHA string // as a person calls it, and its id
	MergeBase     string
	Head          string
	Notice        string // something that will surprise; may be empty
	Everything    string // why every package counts as affected; may be empty
	Affected      []AffectedPackage
	Unaffected    []string // names, sorted
	Unowned       []string // the first files of no package
	UnownedCount  int
	IgnoredCount  int
	Held          []string // what the commit rule kept out, a sentence each
}

// AffectedPackage is a package of loktar.json, and why it is affected.
type AffectedPackage struct {
	Name, Dir, Type, PkgType, TestType string
	Needs                              []string // affected ones
	Reasons                            []checks.Reason
}

// ListAffected is AskLocal for who needs the list alone. With o.CacheDir it
// remembers answers by the commits that were compared: nothing else counts.
func ListAffected(ctx context.Context, o LocalOptions) (*Affected, error) {
	cache, q := openLocalCache(o.CacheDir), quick(o)
	if a := cache.answer(q); a != nil {
		return a, nil
	}
	full, err := AskLocal(ctx, o)
	if err != nil {
		return nil, err
	}
	a := shown(full)
	if q.head == a.Head && q.base == full.base && a.Everything == "" {
		cache.keepAnswer(q, a)
	}
	return a, nil
}

// question are the commits to compare, as far as they are known at once, and
// how. The zero value is none.
type question struct {
	head string
	base baseline
}

// quick finds out what to compare without starting git. It is the zero value
// where that is not possible, and where more counts than the commits. Who
// keeps an answer has looked whether git says the same of them.
func quick(o LocalOptions) question {
	refs, ok := source.FindRefs(o.Dir)
	if !ok || o.Uncommitted || o.Merge || o.CacheDir == "" || !refs.Complete() {
		return question{}
	}
	l := &local{LocalOptions: o, revs: refs}
	head, err := refs.Commit(l.headName())
	if err != nil || head == "" {
		return question{}
	}
	base, err := l.base(head)
	if err != nil || base.commit == "" {
		return question{}
	}
	return question{head, base}
}

// id tells questions apart.
func (q question) id() string {
	h := sha256.Sum256(fmt.Appendf(nil, "%s %s %q %t %q", q.head, q.base.commit, q.base.name, q.base.direct, q.base.notice))
	return hex.EncodeToString(h[:])
}

// shown is what of an answer is shown.
func shown(a *LocalAnswer) *Affected {
	c, r := &a.Change, &a.Affected
	out := &Affected{Base: a.Base, BaseSHA: c.BaseSHA, MergeBase: c.MergeBase, Head: c.HeadSHA, Notice: a.Notice, Everything: c.Unbounded,
		Unowned: r.Unowned, UnownedCount: r.UnownedCount, IgnoredCount: r.Ignored, Held: a.Held}
	in := make([]bool, len(c.Manifest.Packages))
	for _, p := range r.Affected {
		in[p.Index] = true
		k := &c.Manifest.Packages[p.Index]
		out.Affected = append(out.Affected, AffectedPackage{k.Name, k.Dir, k.Type, k.PkgType, string(k.TestType), p.Needs, p.Reasons})
	}
	for i := range c.Manifest.Packages {
		if !in[i] {
			out.Unaffected = append(out.Unaffected, c.Manifest.Packages[i].Name)
		}
	}
	slices.Sort(out.Unaffected)
	return out
}

// answer is what is kept of a question, or nil.
func (c localCache) answer(q question) *Affected {
	if q.head == "" {
		return nil
	}
	u := c.load("answer", q.id())
	if u == nil {
		return nil
	}
	a := &Affected{Base: q.base.name, BaseSHA: q.base.commit, Head: q.head, Notice: q.base.notice, MergeBase: u.text()}
	a.Affected = list(u, func(p *AffectedPackage) {
		p.Name, p.Dir, p.Type, p.PkgType, p.TestType, p.Needs = u.text(), u.text(), u.text(), u.text(), u.text(), u.texts()
		p.Reasons = list(u, func(r *checks.Reason) {
			r.Kind, r.Subject, r.Dir, r.File = checks.ReasonKind(u.text()), u.text(), u.text(), u.text()
			r.Line, r.More = u.num(), u.num()
		})
	})
	a.Unaffected, a.Unowned, a.Held = u.texts(), u.texts(), u.texts()
	a.UnownedCount, a.IgnoredCount = u.num(), u.num()
	if u.bad {
		return nil
	}
	return a
}

func (c localCache) keepAnswer(q question, a *Affected) {
	var p packer
	p.text(a.MergeBase)
	p.num(len(a.Affected))
	for _, k := range a.Affected {
		for _, s := range []string{k.Name, k.Dir, k.Type, k.PkgType, k.TestType} {
			p.text(s)
		}
		p.texts(k.Needs)
		p.num(len(k.Reasons))
		for _, r := range k.Reasons {
			for _, s := range []string{string(r.Kind), r.Subject, r.Dir, r.File} {
				p.text(s)
			}
			p.num(r.Line)
			p.num(r.More)
		}
	}
	for _, names := range [][]string{a.Unaffected, a.Unowned, a.Held} {
		p.texts(names)
	}
	p.num(a.UnownedCount)
	p.num(a.IgnoredCount)
	c.write("answer", q.id(), p.pack("answer"+q.id()))
	c.prune()
}
