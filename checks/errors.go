package checks

import (
	"errors"
	"fmt"
	"syscall"
)

// Kind sorts errors by what is to be done about them.
type Kind int

// The kinds of error.
const (
	// KindInternal: nobody expected it. The zero value.
	KindInternal Kind = iota
	// KindUnavailable: something that we need does not answer now; the same
	// call may succeed later.
	KindUnavailable
	// KindNotFound: the thing asked for is not there, and asking again will
	// not bring it.
	KindNotFound
	// KindRefused: the other side understood and will not do it.
	KindRefused
	// KindConfig: the operator has to mend the server's configuration or
	// machine (image missing, disk full).
	KindConfig
	// KindAway: something outside that one job needs, as a registry, does not
	// answer now. The job is to be tried again later, and no other waits for it.
	KindAway
	// KindMoved: the repository has another name by now. The event that tells
	// of it may still be on its way.
	KindMoved
	// KindLost: what was begun is gone, through no fault of the one who asks.
	// The same is to be begun anew, and can be at once.
	KindLost
	// KindDamaged: what was stored cannot be read, and never will be.
	KindDamaged
)

func (k Kind) String() string {
	switch k {
	case KindUnavailable:
		return "unavailable"
	case KindNotFound:
		return "not found"
	case KindRefused:
		return "refused"
	case KindConfig:
		return "configuration"
	case KindAway:
		return "away"
	case KindMoved:
		return "moved"
	case KindLost:
		return "lost"
	case KindDamaged:
		return "damaged"
	}
	return "internal"
}

// Error is an error with a kind and a sentence for the person who meets it.
type Error struct {
	Kind Kind
	// Cause is set where it ends a job and is one that is told apart.
	Cause Cause
	// Public is safe for anyone to read: no path of the server, no secret.
	Public string
	Err    error
}

// Error is the text for the log: the public sentence and the cause.
func (e *Error) Error() string {
	switch {
	case e.Err == nil:
		return e.Public
	case e.Public == "":
		return e.Err.Error()
	}
	return fmt.Sprintf("%s: %v", e.Public, e.Err)
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an error of a kind; format and args make its public sentence,
// err (which may be nil) is the cause.
func Errorf(k Kind, err error, format string, args ...any) error {
	return &Error{Kind: k, Public: fmt.Sprintf(format, args...), Err: err}
}

// KindOf is the kind of the outermost Error in err's chain.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return KindInternal
}

// PublicText is the outermost sentence of err for a stranger, or fallback when
// err has none.
func PublicText(err error, fallback string) string {
	for e := (*Error)(nil); errors.As(err, &e); err = e.Err {
		if e.Public != "" {
			return e.Public
		}
	}
	return fallback
}

// IsDiskFull reports whether err says that a disk, or somebody's share of it,
// takes no more.
func IsDiskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
