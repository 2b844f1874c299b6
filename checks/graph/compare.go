package graph

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// Changes are what a change of loktar.json means.
type Changes struct {
	// Entries are the packages that were added or whose own entry, with the
	// defaults filled in, means something else than before.
	Entries []string
	// Removed are the packages that are no longer listed.
	Removed []Removed
	// Everything, when not empty, says why every package is affected.
	Everything string
}

// Removed is a package that is no longer listed, and those that depended on
// it and are still there.
type Removed struct {
	Name       string
	Dependents []string
}

// Compare compares loktar.json before and after a change. Layout, and the
// order of whatever is not carried out in its order, do not matter. Without a
// base every package is new. What base and head share is not changed by it.
func Compare(base, head *checks.Manifest) Changes {
	if base == nil {
		base = &checks.Manifest{GlobalInputs: head.GlobalInputs}
	}
	var c Changes
	if !slices.Equal(sorted(base.GlobalInputs), sorted(head.GlobalInputs)) {
		c.Everything = "global_inputs in " + checks.ManifestFile + " changed"
	}
	before := make(map[string]*checks.Package, len(base.Packages))
	for i := range base.Packages {
		before[base.Packages[i].Name] = &base.Packages[i]
	}
	after := make(map[string]bool, len(head.Packages))
	for i := range head.Packages {
		p := &head.Packages[i]
		after[p.Name] = true
		if old := before[p.Name]; old == nil || !sameEntry(old, p) {
			c.Entries = append(c.Entries, p.Name)
		}
	}
	place := map[string]int{}
	for i := range base.Packages {
		if name := base.Packages[i].Name; !after[name] {
			place[name] = len(c.Removed)
			c.Removed = append(c.Removed, Removed{Name: name})
		}
	}
	if len(place) == 0 {
		return c
	}
	for i := range base.Packages {
		p := &base.Packages[i]
		if !after[p.Name] {
			continue
		}
		for _, d := range sorted(p.DependsOn) {
			if at, gone := place[d]; gone {
				c.Removed[at].Dependents = append(c.Removed[at].Dependents, p.Name)
			}
		}
	}
	return c
}

func sameEntry(a, b *checks.Package) bool {
	if reflect.DeepEqual(a, b) {
		return true
	}
	before, err := canonical(*a)
	if err != nil {
		return false
	}
	after, err := canonical(*b)
	return err == nil && bytes.Equal(before, after)
}

// canonical is p's entry in one form: lists whose order means nothing are
// sorted, and an empty list is as none. Commands and Clean run in their
// order, and it stays.
func canonical(p checks.Package) ([]byte, error) {
	for _, list := range []*[]string{
		&p.DependsOn, &p.DependenciesType, &p.ExcludeKeywords, &p.Inputs, &p.Secrets,
		&p.Artifacts, &p.Reports, &p.BuildInfo.ExtraVersions,
	} {
		*list = sorted(*list)
	}
	p.Cache = slices.Clone(p.Cache)
	for i := range p.Cache {
		p.Cache[i].Paths = sorted(p.Cache[i].Paths)
	}
	slices.SortStableFunc(p.Cache, func(a, b checks.Cache) int { return strings.Compare(a.Key, b.Key) })
	if p.Services != nil {
		services := make(map[string]checks.Service, len(p.Services))
		for name, s := range p.Services {
			s.Ports = slices.Compact(slices.Sorted(slices.Values(s.Ports)))
			services[name] = s
		}
		p.Services = services
	}
	return json.Marshal(p)
}

// sorted is list as a set: a sorted copy, each once.
func sorted(list []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(list)))
}
