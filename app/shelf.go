package app

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/store/blob"
)

const (
	// grace is how long an object stays that nobody names: a job that is under
	// way names what it put here only when it ends.
	grace = 48 * time.Hour
	// fresh is how long an object serves the same content that comes again. It
	// is written anew after that, so that a job has grace less fresh to end.
	fresh = 24 * time.Hour
)

// shelf keeps content under its SHA-256 in a bucket that no other process
// writes to, and removes what nobody names any more. It may be used
// concurrently.
type shelf struct {
	bucket blob.Bucket
	now    func() time.Time // time.Now when nil

	mu   sync.Mutex
	busy map[string]int // keys that are being added
}

// item is an object of a shelf: content of a repository, or of 0, which
// stands for none.
type item struct {
	repo int64
	sum  [sha256.Size]byte
}

// folderOf is where the objects of a repository are; that of 0 is all.
func folderOf(repo int64) string {
	if repo == 0 {
		return ""
	}
	return "repos/" + strconv.FormatInt(repo, 10)
}

func (i item) key() string {
	key := blob.Digest(hex.EncodeToString(i.sum[:])).Key()
	if i.repo != 0 {
		key = folderOf(i.repo) + "/" + key
	}
	return key
}

// itemOf reads a key. What is not one of a shelf's is not its own.
func itemOf(key string) (i item, ok bool) {
	if rest, found := strings.CutPrefix(key, "repos/"); found {
		id, _, _ := strings.Cut(rest, "/")
		i.repo, _ = strconv.ParseInt(id, 10, 64)
	}
	sum, err := hex.DecodeString(key[strings.LastIndexByte(key, '/')+1:])
	if err != nil || len(sum) != len(i.sum) {
		return item{}, false
	}
	copy(i.sum[:], sum)
	return i, i.key() == key
}

func itemOfSum(repo int64, sum string) (item, error) {
	d, err := blob.ParseDigest(sum)
	if err != nil {
		return item{}, err
	}
	i := item{repo: repo}
	_, err = hex.Decode(i.sum[:], []byte(d))
	return i, err
}

func (s *shelf) time() time.Time {
	if s.now == nil {
		return time.Now()
	}
	return s.now()
}

// add keeps content for a repository. open gives it from its start, once to
// learn its SHA-256, and again where it is not there yet. When add returned
// without an error, the content stays for grace less fresh, named or not.
func (s *shelf) add(ctx context.Context, repo int64, open func() (io.ReadCloser, error)) (sum string, size int64, err error) {
	i := item{repo: repo}
	if i.sum, size, err = measure(ctx, open); err != nil {
		return "", 0, fmt.Errorf("read what is to be kept: %w", err)
	}
	key, digest := i.key(), blob.Digest(hex.EncodeToString(i.sum[:]))
	defer s.hold(key)()
	there, err := s.bucket.Stat(ctx, key)
	if err == nil && there.SHA256 == digest && there.Size == size && s.time().Sub(there.Modified) < fresh {
		return string(digest), size, nil
	}
	r, err := open()
	if err != nil {
		return "", 0, fmt.Errorf("read what is to be kept: %w", err)
	}
	defer r.Close()
	_, err = s.bucket.Put(ctx, key, r, blob.PutOptions{SHA256: digest})
	return string(digest), size, err
}

// hold keeps an object from being removed until it is let go.
func (s *shelf) hold(key string) (letGo func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy == nil {
		s.busy = map[string]int{}
	}
	s.busy[key]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.busy[key]--; s.busy[key] == 0 {
			delete(s.busy, key)
		}
	}
}

func measure(ctx context.Context, open func() (io.ReadCloser, error)) (sum [sha256.Size]byte, size int64, err error) {
	r, err := open()
	if err != nil {
		return sum, 0, err
	}
	defer r.Close()
	h := sha256.New()
	for buf := make([]byte, 256<<10); ; {
		n, err := r.Read(buf)
		h.Write(buf[:n])
		size += int64(n)
		switch err = cmp.Or(ctx.Err(), err); {
		case errors.Is(err, io.EOF):
			h.Sum(sum[:0])
			return sum, size, nil
		case err != nil:
			return sum, 0, err
		}
	}
}

// swept is what a sweep removed.
type swept struct {
	Objects int
	Bytes   int64
}

// sweep removes what is older than grace and not named. It may be killed at
// any time. What it does not know as its own it leaves alone.
func (s *shelf) sweep(ctx context.Context, named map[item]bool) (done swept, err error) {
	for after := ""; ; {
		list, err := s.bucket.List(ctx, "", after, blob.ListMax)
		if err != nil {
			return done, err
		}
		for _, o := range list {
			after = o.Key
			i, ours := itemOf(o.Key)
			if !ours || named[i] || s.time().Sub(o.Modified) < grace {
				continue
			}
			gone, err := s.remove(ctx, o.Key)
			if err != nil {
				return done, err
			}
			if gone {
				done.Objects++
				done.Bytes += o.Size
			}
		}
		if len(list) < blob.ListMax {
			return done, nil
		}
	}
}

// remove removes an object, unless somebody adds the same meanwhile or did
// since it was listed.
func (s *shelf) remove(ctx context.Context, key string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy[key] > 0 {
		return false, nil
	}
	switch now, err := s.bucket.Stat(ctx, key); {
	case checks.KindOf(err) == checks.KindNotFound && err != nil:
		return false, nil
	case err != nil && !errors.Is(err, blob.ErrCorrupt):
		return false, err
	case err == nil && s.time().Sub(now.Modified) < grace:
		return false, nil
	}
	return true, s.bucket.Delete(ctx, key)
}
