package minihub

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// What a repository that is no longer in use refuses.
var (
	errGone     = errors.New("the repository was deleted")
	errArchived = errors.New("the repository was archived so it is read-only")
)

// checkNames refuses what GitHub does not take as the names of an owner and
// of a repository.
func checkNames(owner, name string) error {
	if !ownerName.MatchString(owner) || !repoName.MatchString(name) || strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".git") {
		return errors.New("GitHub takes letters, digits, - and _ (in the repository's name also .)")
	}
	return nil
}

// freeDir is a folder for a new repository. One that had the name before
// keeps its own. refMu is held.
func (h *Hub) freeDir(owner, name string) string {
	base := filepath.Join(h.opts.Dir, "repos", strings.ToLower(owner), strings.ToLower(name))
	dir := base + ".git"
	for n := 1; h.dirs[dir]; n++ {
		dir = fmt.Sprintf("%s.%d.git", base, n)
	}
	return dir
}

// forkOf is r itself or its fork, whichever the owner has; nil when neither.
func (h *Hub) forkOf(r *Repo, owner string) *Repo {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, other := range h.repos {
		if strings.EqualFold(other.owner.login, owner) && (other == r || other.parent == r) {
			return other
		}
	}
	return nil
}

// writable refuses a repository that was deleted or archived.
func (r *Repo) writable() error {
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	switch {
	case r.gone:
		return errGone
	case r.archived:
		return errArchived
	}
	return nil
}

// mayPush is writable, and refuses the branches of the merge queue too.
func (r *Repo) mayPush(branch string) error {
	if strings.HasPrefix(branch, queuePrefix) {
		return fmt.Errorf("only the merge queue writes branches below %s", queuePrefix)
	}
	return r.writable()
}

// Rename gives the repository another name and tells it as
// repository.renamed. The API and git redirect from the old name until
// another repository takes it. The folder stays where it is. It fails when
// the name is taken or GitHub would not take it.
func (r *Repo) Rename(name string) error {
	h := r.hub
	h.refMu.Lock()
	defer h.refMu.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	from := r.name
	if err := r.move(r.owner, name); err != nil {
		return fmt.Errorf("rename %s to %s: %w", r.FullName(), name, err)
	}
	h.emit(r, "repository", "renamed", nil, r.owner, func() obj {
		return obj{"changes": obj{"repository": obj{"name": obj{"from": from}}}}
	})
	h.touch()
	return nil
}

// Transfer gives the repository to another owner, whose login the hub must
// know, and redirects as Rename does. Apps that are installed on the new
// owner are told repository.transferred, with that installation; those of the
// old owner reach the repository no longer.
func (r *Repo) Transfer(newOwner string) error {
	h := r.hub
	h.refMu.Lock()
	defer h.refMu.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	old, to := r.owner, h.users[strings.ToLower(newOwner)]
	var err error
	switch to {
	case nil:
		err = fmt.Errorf("nobody has the login %s", newOwner)
	case old:
		err = errors.New("it is the owner already")
	default:
		err = r.move(to, r.name)
	}
	if err != nil {
		return fmt.Errorf("transfer %s to %s: %w", r.FullName(), newOwner, err)
	}
	h.unselect(r)
	h.emit(r, "repository", "transferred", nil, old, func() obj {
		return obj{"changes": obj{"owner": obj{"from": obj{"user": h.userJSON(old)}}}}
	})
	h.touch()
	return nil
}

// move gives the repository another full name and leaves a redirect behind.
// refMu and mu are held.
func (r *Repo) move(owner *user, name string) error {
	h := r.hub
	before, now := r.FullName(), owner.login+"/"+name
	if r.gone {
		return errGone
	}
	if err := checkNames(owner.login, name); err != nil {
		return err
	}
	if before == now {
		return errors.New("it has that name already")
	}
	if other := h.repo(now); other != nil && other != r {
		return errors.New("the name is taken")
	}
	delete(h.repos, strings.ToLower(before))
	h.repos[strings.ToLower(now)] = r
	h.moved[strings.ToLower(before)] = r
	delete(h.moved, strings.ToLower(now))
	r.nameMu.Lock()
	defer r.nameMu.Unlock()
	r.owner, r.name = owner, name
	return nil
}

// unselect takes the repository out of all selections that do not cover it
// any more. mu is held.
func (h *Hub) unselect(r *Repo) {
	for _, a := range h.apps {
		for _, in := range a.installations {
			if !in.covers(r) {
				delete(in.selected, r.id)
			}
		}
	}
}

// Archive makes the repository read-only for good and tells it as
// repository.archived. Its pull requests and merge queue stay as they are.
func (r *Repo) Archive() error {
	h := r.hub
	h.refMu.Lock()
	defer h.refMu.Unlock()
	if err := r.writable(); err != nil {
		return fmt.Errorf("archive %s: %w", r.FullName(), err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	r.archived = true
	h.emit(r, "repository", "archived", nil, r.owner, func() obj { return obj{} })
	h.touch()
	return nil
}

// DeleteRepo deletes a repository and tells it as repository.deleted. Its old
// names and its id are gone too; its forks, and pull requests from it to other
// repositories, stay. The folder stays on disk. What is still asked of r
// fails.
func (h *Hub) DeleteRepo(r *Repo) error {
	h.refMu.Lock()
	defer h.refMu.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	if r.hub != h || r.gone {
		return fmt.Errorf("delete %s: the hub has no such repository", r.FullName())
	}
	h.emit(r, "repository", "deleted", nil, r.owner, func() obj { return obj{} })
	delete(h.repos, strings.ToLower(r.FullName()))
	for name, to := range h.moved {
		if to == r {
			delete(h.moved, name)
		}
	}
	for _, other := range h.repos {
		if other.parent == r {
			other.parent = nil
		}
	}
	r.gone, r.queue = true, nil
	h.unselect(r)
	h.touch()
	return nil
}
