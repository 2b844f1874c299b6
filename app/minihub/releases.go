package minihub

import (
	"context"
	"time"
)

// maxRelease is how many characters the notes of a release may have: the
// bound that GitHub's refusal names.
const maxRelease = 125_000

// release is a release of a tag. It is shown for as long as the tag is there:
// GitHub makes it a draft when the tag goes.
type release struct {
	id                      int64
	tag, name, body, target string
	author                  *user
	prerelease              bool
	created                 time.Time
}

// Release is the state of a release at one moment.
type Release struct {
	ID              int64
	Tag, Name, Body string
	Author          string
	Latest          bool // it is the one that the repository's page shows first
}

// releaseOf finds the release of a tag; nil when there is none. Hub.mu is
// held.
func (r *Repo) releaseOf(tag string) *release {
	for _, one := range r.releases {
		if one.tag == tag {
			return one
		}
	}
	return nil
}

// Releases are the releases of a repository, oldest first. repo is
// OWNER/NAME.
func (v *View) Releases(repo string) []Release {
	r := v.h.repo(repo)
	if r == nil {
		return nil
	}
	var out []Release
	for _, one := range r.releases {
		out = append(out, Release{ID: one.id, Tag: one.tag, Name: one.name, Body: one.body, Author: one.author.login, Latest: one == r.latest})
	}
	return out
}

// Releases are the releases of a repository, oldest first. repo is
// OWNER/NAME.
func (h *Hub) Releases(repo string) (rs []Release) {
	h.Read(func(v *View) { rs = v.Releases(repo) })
	return rs
}

// TagAt is the commit that a tag leads to; empty when there is no such tag.
func (r *Repo) TagAt(ctx context.Context, name string) (string, error) {
	refs, err := r.tips(ctx)
	if err != nil {
		return "", err
	}
	return refs["refs/tags/"+name], nil
}
