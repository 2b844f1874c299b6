package app

import (
	"errors"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// atHome is an error of a job where there is no server whose log could tell
// more: what others leave to that is said.
func atHome(err error) error {
	cause, said := checks.CauseOf(err), err
	// Of what is said in other words the old ones are of no use.
	if e := (*checks.Error)(nil); errors.As(err, &e) && e.Err != nil {
		said = e.Err
	}
	switch {
	case err == nil:
		return nil
	case cause == checks.CauseEngineLost && strings.Contains(err.Error(), "permission denied while trying to connect"):
		return checks.Causef(cause, said, "You may not use the Docker engine. Become a member of the group docker (sudo usermod -aG docker $USER, then log in anew), or run this as root.")
	case cause == checks.CauseEngine:
		return checks.Causef(cause, said, "The Docker engine refused to run it: %v", innermost(err))
	case cause == checks.CauseDiskFull:
		return checks.Causef(cause, said, "A disk is full, of this machine or of the Docker engine's. Make room; docker system df shows what the engine holds. (%v)", innermost(err))
	case cause == checks.CauseMount:
		return checks.Causef(cause, said, "The Docker engine could not mount the job's files. Set XDG_CACHE_HOME to a folder on a disk (ext4, xfs or btrfs) of the machine that the engine runs on. (%v)", innermost(err))
	case cause == checks.CauseLog:
		return checks.Causef(cause, said, "Its log could not be written; it is below the user's cache folder. (%v)", innermost(err))
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
