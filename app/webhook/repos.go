package webhook

import (
	"strings"

	"github.com/dudesons/loktar/checks"
)

// repositoryPayload is the payload of repository.
type repositoryPayload struct {
	envelope
	Repository repository `json:"repository"`
}

func (p *repositoryPayload) kind(int64) (checks.EventKind, *answer) {
	switch p.Action {
	case "renamed", "transferred":
		return checks.EventRepoMoved, nil
	case "deleted", "archived":
		return checks.EventReposGone, nil
	}
	return "", notKept
}

func (p *repositoryPayload) fill(ev *checks.Event) *answer {
	repo, refused := p.Repository.repo("repository")
	switch {
	case refused != nil:
		return refused
	case ev.Kind == checks.EventReposGone:
		ev.Repos = []checks.Repo{repo}
	default:
		ev.Repo = repo
	}
	return nil
}

// installationPayload is the payload of installation.
type installationPayload struct{ envelope }

func (p *installationPayload) kind(int64) (checks.EventKind, *answer) {
	switch p.Action {
	case "deleted", "suspend":
		return checks.EventReposGone, nil
	}
	return "", notKept
}

// fill leaves Repos empty: all of the installation are gone.
func (p *installationPayload) fill(*checks.Event) *answer { return nil }

// selectionPayload is the payload of installation_repositories.
type selectionPayload struct {
	envelope
	Removed []struct {
		ID       int64  `json:"id"`
		FullName string `json:"full_name"`
	} `json:"repositories_removed"`
}

// kind passes over a removal of nothing: an event without Repos would mean
// all of the installation.
func (p *selectionPayload) kind(int64) (checks.EventKind, *answer) {
	if p.Action == "removed" && len(p.Removed) > 0 {
		return checks.EventReposGone, nil
	}
	return "", notKept
}

func (p *selectionPayload) fill(ev *checks.Event) *answer {
	ev.Repos = make([]checks.Repo, 0, len(p.Removed))
	for i, r := range p.Removed {
		owner, name, _ := strings.Cut(r.FullName, "/")
		in := repository{ID: r.ID, Name: name}
		in.Owner.Login = owner
		repo, refused := in.repo("repositories_removed")
		if refused != nil {
			return unusable("The field repositories_removed[%d] has no usable id or full_name.", i)
		}
		ev.Repos = append(ev.Repos, repo)
	}
	return nil
}
