package store

import (
	"encoding/binary"
	"fmt"
	"strconv"

	bolt "go.etcd.io/bbolt"

	"github.com/dudesons/loktar/checks"
)

// The buckets. Numbers in keys are big-endian, so that the order
// of the keys is the order of the numbers. Records are JSON.
var (
	bucketMeta = []byte("meta") // schema, instance, trial

	bucketInbox      = []byte("inbox")      // sequence -> event, not yet planned
	bucketDeliveries = []byte("deliveries") // GUID -> delivery
	bucketExpiry     = []byte("expiry")     // time of planning, GUID -> nothing

	bucketRuns   = []byte("runs")   // Seq -> run
	bucketRunIDs = []byte("runids") // run's id -> Seq, key in heads, key in targets
	bucketActive = []byte("active") // Seq of unfinished runs -> nothing
	bucketHeads  = []byte("heads")  // repository's id, head SHA, Seq -> nothing
	bucketJobs   = []byte("jobs")   // Seq of the run, package -> job

	bucketOutbox   = []byte("outbox")   // revision the row was made at -> row
	bucketChecks   = []byte("checks")   // check run's key -> check
	bucketDiscards = []byte("discards") // sequence -> discard

	bucketDurations = []byte("durations") // repository's id, package -> duration

	// Since schema 2.
	bucketTargets  = []byte("targets")  // target, Seq -> nothing
	bucketReplies  = []byte("replies")  // sequence -> reply
	bucketReplyIDs = []byte("replyids") // GUID of a reply's delivery -> sequence
	bucketMoves    = []byte("moves")    // repository's id -> move

	// Since schema 3. Nothing is ever removed from the first three.
	bucketPublications = []byte("publications") // repository's id, package, 0, number -> publication
	bucketPubKeys      = []byte("pubkeys")      // repository's id, package, 0, key -> number
	bucketPubVersions  = []byte("pubversions")  // repository's id, package, 0, version -> number
	bucketOwed         = []byte("owed")         // repository's id, sequence -> key in publications

	// Since schema 4.
	bucketProofs    = []byte("proofs")    // repository's id, scope, 0, package, 0, key -> proof
	bucketProofAges = []byte("proofages") // when it passed, key in proofs -> nothing
	bucketClaims    = []byte("claims")    // what one repository alone may have -> that repository

	// Since schema 5.
	bucketNotices      = []byte("notices")      // run's id -> notice
	bucketNoticeRows   = []byte("noticerows")   // revision the row was made at -> row of a notice
	bucketChannels     = []byte("channels")     // name of a channel -> its id
	bucketPullComments = []byte("pullcomments") // repository's id, number -> id of our comment

	// Since schema 6.
	bucketFindings = []byte("findings") // Seq of the run, package -> finding, deflated
	bucketTests    = []byte("tests")    // repository's id, package, 0, test -> outcomes
)

var (
	keySchema   = []byte("schema")
	keyInstance = []byte("instance")
	keyTrial    = []byte("trial")
)

// migrations bring a file from schema i to schema i+1. A new file is schema 0.
var migrations = []func(*bolt.Tx) error{
	createSchema1,
	createSchema2,
	createSchema3,
	createSchema4,
	createSchema5,
	createSchema6,
}

func createSchema1(tx *bolt.Tx) error {
	err := createBuckets(tx, bucketMeta, bucketInbox, bucketDeliveries, bucketExpiry,
		bucketRuns, bucketRunIDs, bucketActive, bucketHeads, bucketJobs,
		bucketOutbox, bucketChecks, bucketDiscards, bucketDurations)
	if err != nil {
		return err
	}
	return tx.Bucket(bucketMeta).Put(keyInstance, []byte(newInstanceID()))
}

// createSchema2 adds the index of targets, replies and moves.
func createSchema2(tx *bolt.Tx) error {
	if err := createBuckets(tx, bucketTargets, bucketReplies, bucketReplyIDs, bucketMoves); err != nil {
		return err
	}
	return indexTargets(tx)
}

// createSchema3 adds publications.
func createSchema3(tx *bolt.Tx) error {
	return createBuckets(tx, bucketPublications, bucketPubKeys, bucketPubVersions, bucketOwed)
}

// createSchema4 adds proofs and claims.
func createSchema4(tx *bolt.Tx) error {
	return createBuckets(tx, bucketProofs, bucketProofAges, bucketClaims)
}

// createSchema5 adds notices.
func createSchema5(tx *bolt.Tx) error {
	return createBuckets(tx, bucketNotices, bucketNoticeRows, bucketChannels, bucketPullComments)
}

// createSchema6 adds what reports and logs tell, and how tests ended.
func createSchema6(tx *bolt.Tx) error {
	return createBuckets(tx, bucketFindings, bucketTests)
}

func createBuckets(tx *bolt.Tx, names ...[]byte) error {
	for _, name := range names {
		if _, err := tx.CreateBucket(name); err != nil {
			return fmt.Errorf("create bucket %s: %w", name, err)
		}
	}
	return nil
}

// migrate brings db to the last schema, in one transaction.
func migrate(db *bolt.DB, path string) error {
	have := 0
	err := db.View(func(tx *bolt.Tx) (err error) {
		have, err = schemaOf(tx)
		return err
	})
	switch {
	case err != nil:
		return checks.Errorf(checks.KindConfig, err, "%s is not a store of Loktar. Set data_dir to a folder of Loktar's own.", path)
	case have > len(migrations):
		return checks.Errorf(checks.KindConfig, nil, "%s was written by a newer loktar (schema %d, this one knows %d). Start that version again, or move the file away to begin with an empty store.", path, have, len(migrations))
	case have == len(migrations):
		return nil
	}
	err = db.Update(func(tx *bolt.Tx) error {
		for _, step := range migrations[have:] {
			if err := step(tx); err != nil {
				return err
			}
		}
		return tx.Bucket(bucketMeta).Put(keySchema, []byte(strconv.Itoa(len(migrations))))
	})
	if checks.IsDiskFull(err) {
		return noRoom(path, err)
	}
	if err != nil {
		return fmt.Errorf("migrate %s from schema %d to %d: %w", path, have, len(migrations), err)
	}
	return nil
}

// schemaOf is the schema of the file, 0 when the file is empty.
func schemaOf(tx *bolt.Tx) (int, error) {
	meta := tx.Bucket(bucketMeta)
	if meta == nil {
		if name, _ := tx.Cursor().First(); name != nil {
			return 0, fmt.Errorf("it has a bucket %q and no schema", name)
		}
		return 0, nil
	}
	n, err := strconv.Atoi(string(meta.Get(keySchema)))
	if err != nil || n < 1 {
		return 0, fmt.Errorf("its schema is %q", meta.Get(keySchema))
	}
	return n, nil
}

// be appends n to key, big-endian.
func be(key []byte, n uint64) []byte { return binary.BigEndian.AppendUint64(key, n) }

// seqKey is the key of sequence n.
func seqKey(n uint64) []byte { return be(make([]byte, 0, 8), n) }
