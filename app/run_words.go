package app

import (
	"errors"

	"github.com/dudesons/loktar/checks"
)

// atHome is an error of a job where there is no server whose log could tell
// more: what others leave to that is said.
func atHome(err error) error {
	switch cause := checks.CauseOf(err); {
	case err == nil:
		return nil
	case cause == checks.CauseEngine:
		return checks.Causef(cause, err, "The Docker engine refused to run it: %v", innermost(err))
	case cause == checks.CauseDiskFull:
		return checks.Causef(cause, err, "A disk is full, of this machine or of the Docker engine's. Make room; docker system df shows what the engine holds. (%v)", innermost(err))
	case cause == checks.CauseMount:
		return checks.Causef(cause, err, "The Docker engine could not mount the job's files. Set XDG_CACHE_HOME to a folder on a disk (ext4, xfs or btrfs) of the machine that the engine runs on. (%v)", innermost(err))
	case cause == checks.CauseLog:
		return checks.Causef(cause, err, "Its log could not be written; it is below the user's cache folder. (%v)", innermost(err))
	case cause == checks.CauseEngineLost:
		return err // it is tried again
	case cause == "" && checks.KindOf(err) == checks.KindInternal && !errors.As(err, new(*checks.Error)):
		return checks.Errorf(checks.KindInternal, err, "Something unexpected went wrong: %v", err)
	}
	return err
}

func innermost(err error) error {
	for next := err; next != nil; next = errors.Unwrap(next) {
		err = next
	}
	return err
}
