package webhook

import (
	"context"
	"net/http"
	"time"

	"golang.org/x/sync/semaphore"
)

// A body is in memory before its signature can be judged, so that strangers
// can have bodies kept too. These bound how much, in bytes over all requests.
// Small bodies, which nearly all of GitHub's are, have a share of their own:
// large ones cannot keep them waiting. A buffer that grows takes more for a
// moment.
const (
	smallBody   = 1 << 20
	smallBodies = 25 << 20
	largeBodies = 3 * maxBody
)

// admitTimeout is how long a delivery waits for room. With AcceptTimeout it is
// less than the ten seconds that GitHub waits.
const admitTimeout = 3 * time.Second

var noRoom = &answer{http.StatusServiceUnavailable, "Too many deliveries are being read at once; deliver it again later."}

type admission struct{ small, large *semaphore.Weighted }

func newAdmission() admission {
	return admission{semaphore.NewWeighted(smallBodies), semaphore.NewWeighted(largeBodies)}
}

// admit waits for room for a body of length bytes, or of any length when it
// is negative. size is how long the body may be; release frees its room.
func (a admission) admit(ctx context.Context, length int64) (size int64, release func(), refused *answer) {
	room := a.large
	switch {
	case length < 0:
		length = maxBody
	case length <= smallBody:
		room = a.small
	}
	ctx, cancel := context.WithTimeout(ctx, admitTimeout)
	defer cancel()
	if err := room.Acquire(ctx, length); err != nil {
		return 0, nil, noRoom
	}
	return length, func() { room.Release(length) }, nil
}
