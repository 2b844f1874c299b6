package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/dudesons/loktar/checks"
)

// notice is what is known of a run that people are told of. It is kept for
// ever.
type notice struct {
	Row   uint64                 `json:"row,omitempty"` // the key of its row
	Posts map[string]checks.Post `json:"posts,omitempty"`
}

// noticeRow is a checks.NoticeRow as it is stored.
type noticeRow struct {
	Run   string    `json:"run"`
	Rev   uint64    `json:"rev"`
	Since time.Time `json:"since"`
}

var noticeRows = queue[noticeRow]{bucketNoticeRows, func(r *noticeRow) bool { return r.Run != "" }}

// told notes that people are told of the run.
func told(tx *bolt.Tx, run string) error {
	b := tx.Bucket(bucketNotices)
	if b.Get([]byte(run)) != nil {
		return nil
	}
	return putJSON(b, []byte(run), notice{})
}

// notice makes the row of a run that people are told of, or gives the one that
// waits a newer revision. For any other run it does nothing.
func (s *Store) notice(tx *bolt.Tx, run string) error {
	known, rows := tx.Bucket(bucketNotices), tx.Bucket(bucketNoticeRows)
	var n notice
	found, lost, err := s.heal(tx, bucketNotices, []byte(run), &n)
	switch {
	case err != nil:
		return err
	case lost:
		return dropNotice(tx, run)
	case !found:
		return nil
	}
	rev, err := rows.NextSequence()
	if err != nil {
		return err
	}
	r := noticeRow{Run: run, Since: s.now()}
	if n.Row != 0 {
		if _, lost, err := s.heal(tx, bucketNoticeRows, seqKey(n.Row), &r); err != nil {
			return err
		} else if lost {
			r = noticeRow{Run: run, Since: s.now()}
		}
	} else {
		n.Row = rev
		if err := putJSON(known, []byte(run), n); err != nil {
			return err
		}
	}
	r.Rev = rev
	return putJSON(rows, seqKey(n.Row), r)
}

// dropNotice removes the row of a run of which it is lost what people were told.
func dropNotice(tx *bolt.Tx, run string) error {
	c := tx.Bucket(bucketNoticeRows).Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		var r noticeRow
		if json.Unmarshal(v, &r) == nil && r.Run == run {
			return c.Delete()
		}
	}
	return nil
}

// remakeNotice makes the row anew that was lost in the place seq.
func (s *Store) remakeNotice(tx *bolt.Tx, seq uint64) error {
	known := tx.Bucket(bucketNotices)
	c := known.Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		var n notice
		if json.Unmarshal(v, &n) != nil || n.Row != seq {
			continue
		}
		run := string(k)
		n.Row = 0
		if err := putJSON(known, []byte(run), n); err != nil {
			return err
		}
		return s.notice(tx, run)
	}
	return nil
}

// Notices are the first limit rows of runs whose state people were not told,
// oldest first: a row keeps its place while its revision grows. A run has
// one from each commit on that has its aggregate check dirty, where its Notify
// was set when it was put first. A limit below 1 gives none.
func (s *Store) Notices(limit int) (rows []checks.NoticeRow, err error) {
	var bad []badRow
	if limit < 1 {
		return nil, nil
	}
	err = s.db.View(func(tx *bolt.Tx) (err error) {
		bad, err = noticeRows.each(tx, func(r noticeRow) (bool, error) {
			rows = append(rows, checks.NoticeRow(r))
			return len(rows) < limit, nil
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read notices: %w", err)
	}
	noticeRows.mend(s, bad, s.remakeNotice)
	return rows, nil
}

// NoticeDone ends the row of the run when rev is its revision; with a newer
// one it stays. No row is no error.
func (s *Store) NoticeDone(ctx context.Context, run string, rev uint64) error {
	err := s.writer.do(ctx, func(tx *bolt.Tx) error {
		known, rows := tx.Bucket(bucketNotices), tx.Bucket(bucketNoticeRows)
		var n notice
		switch found, lost, err := s.heal(tx, bucketNotices, []byte(run), &n); {
		case err != nil:
			return err
		case lost:
			return dropNotice(tx, run)
		case !found || n.Row == 0:
			return nil
		}
		var r noticeRow
		if _, err := getJSON(rows, seqKey(n.Row), &r); err != nil || r.Rev != rev {
			return err
		}
		if err := rows.Delete(seqKey(n.Row)); err != nil {
			return err
		}
		n.Row = 0
		return putJSON(known, []byte(run), n)
	})
	if err != nil {
		return fmt.Errorf("end notice of run %s: %w", run, err)
	}
	return nil
}

// Posts are what each place was told of the run; none when nothing was.
func (s *Store) Posts(run string) (map[string]checks.Post, error) {
	var n notice
	err := s.db.View(func(tx *bolt.Tx) error {
		if _, err := getJSON(tx.Bucket(bucketNotices), []byte(run), &n); err != nil {
			return damagedAt(bucketNotices, []byte(run), err)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read what was told of run %s: %w", run, err)
	}
	return n.Posts, nil
}

// Posted puts what a place was told of the run over what was stored before,
// and remembers the id of a channel that the place names. The error is of kind
// checks.KindNotFound when nobody is told of such a run.
func (s *Store) Posted(ctx context.Context, run, place string, p checks.Post) error {
	err := s.writer.do(ctx, func(tx *bolt.Tx) error {
		known := tx.Bucket(bucketNotices)
		var n notice
		found, lost, err := s.heal(tx, bucketNotices, []byte(run), &n)
		switch {
		case err != nil:
			return err
		case lost:
			return dropNotice(tx, run)
		case !found:
			return checks.Errorf(checks.KindNotFound, nil, "Nobody is told of a run %s.", run)
		}
		posts := maps.Clone(n.Posts)
		if posts == nil {
			posts = map[string]checks.Post{}
		}
		posts[place] = p
		n.Posts = posts
		if strings.HasPrefix(place, "#") && p.Channel != "" {
			if err := tx.Bucket(bucketChannels).Put([]byte(place), []byte(p.Channel)); err != nil {
				return err
			}
		}
		return putJSON(known, []byte(run), n)
	})
	if err != nil {
		return fmt.Errorf("note what was told of run %s: %w", run, err)
	}
	return nil
}

// ChannelID is the id that a channel had by its last message; empty when none
// is known.
func (s *Store) ChannelID(name string) (id string, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		if name != "" {
			id = string(tx.Bucket(bucketChannels).Get([]byte(name)))
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("read channel %s: %w", name, err)
	}
	return id, nil
}

// PullComment is the id at GitHub of our comment on a pull request that is
// kept up to date; 0 when none is known.
func (s *Store) PullComment(repo int64, number int) (id int64, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		if _, err := getJSON(tx.Bucket(bucketPullComments), pullKey(repo, number), &id); err != nil {
			s.skip(damagedAt(bucketPullComments, pullKey(repo, number), err))
			id = 0
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("read comment of pull request %d: %w", number, err)
	}
	return id, nil
}

// SetPullComment remembers it; 0 forgets it.
func (s *Store) SetPullComment(ctx context.Context, repo int64, number int, id int64) error {
	err := s.writer.do(ctx, func(tx *bolt.Tx) error {
		return putJSON(tx.Bucket(bucketPullComments), pullKey(repo, number), id)
	})
	if err != nil {
		return fmt.Errorf("note comment of pull request %d: %w", number, err)
	}
	return nil
}

func pullKey(repo int64, number int) []byte { return be(be(nil, uint64(repo)), uint64(number)) }
