package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/dudesons/loktar/checks"
)

// keepDeliveries is how long the GUID of a planned delivery is remembered.
// GitHub offers a redelivery for three days.
const keepDeliveries = 7 * 24 * time.Hour

// DeliveryRecord is what is known of a delivery.
type DeliveryRecord struct {
	// Received is when it came.
	Received time.Time `json:"received"`
	// Pending is true until its event is planned.
	Pending bool `json:"pending,omitempty"`
	// Note says what became of it: a run's id, or why there is no run. Empty
	// while it is pending.
	Note string `json:"note,omitempty"`
}

// delivery is a DeliveryRecord as it is stored.
type delivery struct {
	DeliveryRecord
	Seq uint64 `json:"seq"` // in the inbox
}

var inbox = queue[checks.Event]{bucketInbox, func(ev *checks.Event) bool { return ev.Delivery != "" }}

// Accept puts ev into the inbox. When it returns without an error the event
// is on the disk. fresh is false when the delivery ev.Delivery is known
// already; then nothing changes. A delivery stays known while it is pending,
// and for at least seven days after it was planned.
//
// When ctx ends before the event's turn it is not accepted and the error is
// ctx's. An error of kind checks.KindRefused means that ev has no usable
// delivery GUID.
func (s *Store) Accept(ctx context.Context, ev checks.Event) (fresh bool, err error) {
	if err := checkName("delivery GUID", ev.Delivery); err != nil {
		return false, fmt.Errorf("accept delivery: %w", err)
	}
	if ev.Received.IsZero() {
		ev.Received = s.now()
	}
	event, err := json.Marshal(ev)
	if err != nil {
		return false, fmt.Errorf("encode delivery %s: %w", ev.Delivery, err)
	}
	guid := []byte(ev.Delivery)
	err = s.writer.do(ctx, func(tx *bolt.Tx) error {
		known, inbox := tx.Bucket(bucketDeliveries), tx.Bucket(bucketInbox)
		if fresh = known.Get(guid) == nil; !fresh {
			return nil
		}
		seq, err := inbox.NextSequence()
		if err != nil {
			return err
		}
		d := delivery{DeliveryRecord: DeliveryRecord{Received: ev.Received, Pending: true}, Seq: seq}
		if err := putJSON(known, guid, d); err != nil {
			return err
		}
		return inbox.Put(seqKey(seq), event)
	})
	if err != nil {
		return false, fmt.Errorf("accept delivery %s: %w", ev.Delivery, err)
	}
	return fresh, nil
}

// Pending are the first limit events that were accepted and not planned, in
// the order of their acceptance. Their repositories and installations, and the
// repositories of their pull requests, are those of the newest move of each,
// unless the event was received after that. A limit below 1 gives none.
func (s *Store) Pending(limit int) ([]checks.Event, error) {
	var evs []checks.Event
	var bad []badRow
	if limit < 1 {
		return nil, nil
	}
	err := s.db.View(func(tx *bolt.Tx) (err error) {
		mv := s.movesIn(tx)
		bad, err = inbox.each(tx, func(ev checks.Event) (bool, error) {
			if err := mv.event(&ev); err != nil {
				return false, err
			}
			evs = append(evs, ev)
			return len(evs) < limit, nil
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read inbox: %w", err)
	}
	inbox.mend(s, bad, forgetDelivery)
	return evs, nil
}

// Delivery is what is known of the delivery guid, and whether it is known.
func (s *Store) Delivery(guid string) (DeliveryRecord, bool, error) {
	var d delivery
	var found bool
	err := s.db.View(func(tx *bolt.Tx) (err error) {
		if found, err = getJSON(tx.Bucket(bucketDeliveries), []byte(guid), &d); err != nil {
			s.skip(damagedAt(bucketDeliveries, []byte(guid), err))
			d = delivery{DeliveryRecord: DeliveryRecord{Note: "What became of it cannot be read."}}
		}
		return nil
	})
	if err != nil {
		return DeliveryRecord{}, false, fmt.Errorf("read delivery %s: %w", guid, err)
	}
	return d.DeliveryRecord, found, nil
}

// forgetDelivery forgets the delivery whose event was lost in the place seq of
// the inbox, so that GitHub may deliver it again.
func forgetDelivery(tx *bolt.Tx, seq uint64) error {
	c := tx.Bucket(bucketDeliveries).Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		var d delivery
		if json.Unmarshal(v, &d) == nil && d.Pending && d.Seq == seq {
			return c.Delete()
		}
	}
	return nil
}

// pendingOf finds the event of a delivery of which the rest cannot be read.
func pendingOf(tx *bolt.Tx, guid string) (d delivery) {
	c := tx.Bucket(bucketInbox).Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		var ev checks.Event
		if json.Unmarshal(v, &ev) == nil && ev.Delivery == guid {
			return delivery{DeliveryRecord{Received: ev.Received, Pending: true}, binary.BigEndian.Uint64(k)}
		}
	}
	return d
}

// settle ends the pending delivery guid with note. Only from then on does its
// time run out.
func (s *Store) settle(tx *bolt.Tx, guid, note string) error {
	known := tx.Bucket(bucketDeliveries)
	var d delivery
	if _, lost, err := s.heal(tx, bucketDeliveries, []byte(guid), &d); err != nil {
		return err
	} else if lost {
		d = pendingOf(tx, guid)
	}
	if !d.Pending {
		return checks.Errorf(checks.KindNotFound, nil, "Delivery %s is not pending.", guid)
	}
	if err := tx.Bucket(bucketInbox).Delete(seqKey(d.Seq)); err != nil {
		return err
	}
	d.Pending, d.Note = false, note
	if err := putJSON(known, []byte(guid), d); err != nil {
		return err
	}
	return tx.Bucket(bucketExpiry).Put(append(timeKey(s.now()), guid...), nil)
}

// prune forgets some of the deliveries that are out of time. It runs at the
// end of a transaction of n requests and forgets a few more than those can
// have settled, so that it keeps up and never holds anybody up.
func (s *Store) prune(tx *bolt.Tx, n int) error {
	known, expiry := tx.Bucket(bucketDeliveries), tx.Bucket(bucketExpiry)
	until := timeKey(s.now().Add(-keepDeliveries))
	var old [][]byte
	c := expiry.Cursor()
	for k, _ := c.First(); k != nil && len(old) < n+8; k, _ = c.Next() {
		if bytes.Compare(k[:8], until) >= 0 {
			break
		}
		old = append(old, bytes.Clone(k))
	}
	for _, k := range old {
		if err := known.Delete(k[8:]); err != nil {
			return err
		}
		if err := expiry.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// timeKey orders times from 1970 to 2262 by the nanosecond.
func timeKey(t time.Time) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(max(t.UnixNano(), 0)))
}
