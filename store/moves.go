package store

import (
	"encoding/json"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/dudesons/loktar/checks"
)

// move is a checks.Move as it is stored, under the repository's id. It is
// kept for ever: what was written before it is read for as long.
type move struct {
	Owner        string    `json:"owner"`
	Name         string    `json:"name"`
	Installation int64     `json:"installation"`
	At           time.Time `json:"at"`
}

// checkMove refuses a move that would take from a repository what it is
// found by.
func checkMove(m checks.Move) error {
	switch {
	case m.Repo.ID < 1 || m.Repo.Owner == "" || m.Repo.Name == "":
		return checks.Errorf(checks.KindRefused, nil, "The repository %q with the id %d cannot be moved to: its id, owner or name is missing.", m.Repo.FullName(), m.Repo.ID)
	case m.Installation < 1:
		return checks.Errorf(checks.KindRefused, nil, "The move of repository %d names no installation.", m.Repo.ID)
	case m.At.IsZero():
		return checks.Errorf(checks.KindRefused, nil, "The move of repository %d has no time.", m.Repo.ID)
	}
	return nil
}

// putMove stores m unless a newer move of its repository is known.
func (s *Store) putMove(tx *bolt.Tx, m checks.Move) error {
	b, key := tx.Bucket(bucketMoves), seqKey(uint64(m.Repo.ID))
	var old move
	found, _, err := s.heal(tx, bucketMoves, key, &old)
	if err != nil {
		return err
	}
	if found && old.At.After(m.At) {
		return nil
	}
	return putJSON(b, key, move{m.Repo.Owner, m.Repo.Name, m.Installation, m.At})
}

// moves are the moves that one transaction sees, each read when it is first
// asked for. Nil stands for none, and then nothing costs anything.
type moves struct {
	store  *Store
	bucket *bolt.Bucket
	read   map[int64]*move // nil for a repository that never moved
}

func (s *Store) movesIn(tx *bolt.Tx) *moves {
	b := tx.Bucket(bucketMoves)
	if k, _ := b.Cursor().First(); k == nil {
		return nil
	}
	return &moves{s, b, map[int64]*move{}}
}

// of is the move of the repository with the id repo that a record written at
// the time since does not know of; nil when there is none.
func (m *moves) of(repo int64, since time.Time) (*move, error) {
	mv, ok := m.read[repo]
	if !ok {
		if data := m.bucket.Get(seqKey(uint64(repo))); data != nil {
			mv = &move{}
			if err := json.Unmarshal(data, mv); err != nil {
				m.store.skip(damagedAt(bucketMoves, seqKey(uint64(repo)), err))
				mv = nil
			}
		}
		m.read[repo] = mv
	}
	if mv == nil || since.After(mv.At) {
		return nil, nil
	}
	return mv, nil
}

// rename brings r, of a record written at the time since, up to date, and
// with it the installation that it was reached by, unless that is nil.
func (m *moves) rename(r *checks.Repo, installation *int64, since time.Time) error {
	mv, err := m.of(r.ID, since)
	if err != nil || mv == nil {
		return err
	}
	r.Owner, r.Name = mv.Owner, mv.Name
	if installation != nil {
		*installation = mv.Installation
	}
	return nil
}

func (m *moves) pullRequest(p *checks.PullRequest, since time.Time) error {
	if p == nil {
		return nil
	}
	if err := m.rename(&p.Base.Repo, nil, since); err != nil {
		return err
	}
	return m.rename(&p.Head.Repo, nil, since)
}

// run brings r, which was just decoded, up to date. So do event and reply.
func (m *moves) run(r *checks.Run) error {
	if m == nil {
		return nil
	}
	if err := m.rename(&r.Repo, &r.Installation, r.Created); err != nil {
		return err
	}
	return m.pullRequest(r.PullRequest, r.Created)
}

func (m *moves) event(ev *checks.Event) error {
	if m == nil {
		return nil
	}
	if err := m.rename(&ev.Repo, &ev.Installation, ev.Received); err != nil {
		return err
	}
	return m.pullRequest(ev.PullRequest, ev.Received)
}

func (m *moves) reply(r *checks.Reply) error {
	if m == nil {
		return nil
	}
	return m.rename(&r.Repo, &r.Installation, r.Since)
}
