package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/dudesons/loktar/checks"
)

var replyQueue = queue[checks.Reply]{bucketReplies, func(r *checks.Reply) bool { return r.Delivery != "" }}

// replyPut is a reply of a commit, encoded.
type replyPut struct {
	delivery string
	data     []byte
}

func prepareReply(r checks.Reply) (replyPut, error) {
	if err := checkName("delivery GUID of a reply", r.Delivery); err != nil {
		return replyPut{}, err
	}
	data, err := json.Marshal(r)
	if err != nil {
		return replyPut{}, fmt.Errorf("encode reply to delivery %s: %w", r.Delivery, err)
	}
	return replyPut{r.Delivery, data}, nil
}

// apply puts the reply at the end of the queue. One that takes the place of
// another is refused: who gives the replies may have read the first already,
// and would end the second unseen.
func (r *replyPut) apply(tx *bolt.Tx) error {
	replies, known := tx.Bucket(bucketReplies), tx.Bucket(bucketReplyIDs)
	if known.Get([]byte(r.delivery)) != nil {
		return checks.Errorf(checks.KindRefused, nil, "A reply to delivery %s waits already.", r.delivery)
	}
	seq, err := replies.NextSequence()
	if err != nil {
		return err
	}
	if err := known.Put([]byte(r.delivery), seqKey(seq)); err != nil {
		return err
	}
	return replies.Put(seqKey(seq), r.data)
}

// Replies are the first limit replies that were committed and not ended by
// ReplyDone, in the order of their commits. Each speaks of its repository as
// the newest move does, unless it was made after that. A limit below 1 gives
// none.
func (s *Store) Replies(limit int) (replies []checks.Reply, err error) {
	var bad []badRow
	if limit < 1 {
		return nil, nil
	}
	err = s.db.View(func(tx *bolt.Tx) (err error) {
		mv := s.movesIn(tx)
		bad, err = replyQueue.each(tx, func(r checks.Reply) (bool, error) {
			if err := mv.reply(&r); err != nil {
				return false, err
			}
			replies = append(replies, r)
			return len(replies) < limit, nil
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read replies: %w", err)
	}
	replyQueue.mend(s, bad, forgetReply)
	return replies, nil
}

// forgetReply forgets whose reply was lost in the place seq.
func forgetReply(tx *bolt.Tx, seq uint64) error {
	c := tx.Bucket(bucketReplyIDs).Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		if bytes.Equal(v, seqKey(seq)) {
			return c.Delete()
		}
	}
	return nil
}

// replyOf is the place of the reply to a delivery; nil when there is none.
func replyOf(tx *bolt.Tx, delivery string) []byte {
	c := tx.Bucket(bucketReplies).Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		if r, err := replyQueue.decode(v); err == nil && r.Delivery == delivery {
			return bytes.Clone(k)
		}
	}
	return nil
}

// ReplyDone ends the reply to the delivery with this GUID: it was given, or
// never will be. When it returns without an error the reply is not read
// again. No such reply is no error.
//
// When ctx ends before its turn nothing changes and the error is ctx's.
func (s *Store) ReplyDone(ctx context.Context, delivery string) error {
	err := s.writer.do(ctx, func(tx *bolt.Tx) error {
		known := tx.Bucket(bucketReplyIDs)
		key := known.Get([]byte(delivery))
		if key == nil {
			return nil
		}
		replies := tx.Bucket(bucketReplies)
		if r, err := replyQueue.decode(replies.Get(key)); err != nil || r.Delivery != delivery {
			key = replyOf(tx, delivery) // its entry is damaged
		}
		if key != nil {
			if err := replies.Delete(key); err != nil {
				return err
			}
		}
		return known.Delete([]byte(delivery))
	})
	if err != nil {
		return fmt.Errorf("end reply to delivery %s: %w", delivery, err)
	}
	return nil
}
