package github

import (
	"fmt"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/sync/singleflight"

	"github.com/dudesons/loktar/checks"
)

const (
	// requiredFor is how long an answer of RequiredChecks counts.
	requiredFor = time.Minute
	// maxDemands bounds the branches whose answers are remembered.
	maxDemands = 1000
	// maxNames bounds the names that a branch requires, and maxName one of
	// them, in characters: a check run's name is not longer.
	maxNames = 5000
	maxName  = 255
)

// nameSet collects names, within the bounds. The value of a name is whether
// our App alone may report it.
type nameSet struct {
	app  int64
	ours map[string]bool
}

// add takes a name that app alone may report; nil, 0 and -1 stand for anyone.
func (n *nameSet) add(name string, app *int64) {
	ours := app != nil && *app == n.app
	anyone := app == nil || *app == 0 || *app == -1
	if name == "" || !ours && !anyone || utf8.RuneCountInString(name) > maxName {
		return
	}
	if _, there := n.ours[name]; there || len(n.ours) < maxNames {
		n.ours[name] = n.ours[name] || ours
	}
}

func (n *nameSet) required() Required {
	r := Required{Known: true}
	for name, ours := range n.ours {
		if ours {
			r.Ours = append(r.Ours, name)
		} else {
			r.Anyone = append(r.Anyone, name)
		}
	}
	slices.Sort(r.Ours)
	slices.Sort(r.Anyone)
	return r
}

// demands are the answers that still count.
type demands struct {
	flight singleflight.Group
	mu     sync.Mutex
	at     map[demandKey]demand
}

type demandKey struct {
	installation int64
	repo         checks.Repo
	branch       string
}

func (k demandKey) String() string { return fmt.Sprintf("%d %+v %s", k.installation, k.repo, k.branch) }

type demand struct {
	Required
	read time.Time
}

func (d *demands) get(key demandKey) (Required, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	e, ok := d.at[key]
	return e.Required, ok && time.Since(e.read) < requiredFor
}

// put remembers an answer and, where there is no room, forgets the oldest.
func (d *demands) put(key demandKey, r Required) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, there := d.at[key]; !there && len(d.at) >= maxDemands {
		var oldest demandKey
		var since time.Time
		for k, e := range d.at {
			if since.IsZero() || e.read.Before(since) {
				oldest, since = k, e.read
			}
		}
		delete(d.at, oldest)
	}
	d.at[key] = demand{r, time.Now()}
}
