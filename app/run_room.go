package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/dudesons/loktar/checks"
)

// room is a folder in the user's cache folder that one local run at a time has
// to itself: the files that it tests, what its jobs write, and the name under
// which it is known to the Docker engine. Who has it holds a lock on it, which
// goes with the process. It lies at run/REPOSITORY/NUMBER: further runs of the
// same repository at the same time take further numbers.
type room struct {
	dir      string
	instance string
	lock     *os.File
}

// maxRooms bounds how many runs of one repository go on at once.
const maxRooms = 64

// roomsDir is the folder with all rooms and logs of the user.
func roomsDir(cacheDir string) (string, error) {
	if cacheDir == "" {
		return "", checks.Errorf(checks.KindConfig, nil, "It is not known where files can be kept: neither HOME nor XDG_CACHE_HOME is set. Set XDG_CACHE_HOME to a folder on disk.")
	}
	dir := filepath.Join(cacheDir, "loktar", "run")
	if strings.ContainsAny(dir, ",:\\\"\n") {
		return "", checks.Errorf(checks.KindConfig, nil, "The cache folder %q cannot hold workspaces: its path has a comma, colon, quote, backslash or line break. Set XDG_CACHE_HOME to another one.", dir)
	}
	return dir, nil
}

// repositoryDir is the folder for what is kept of the repository at path.
func repositoryDir(rooms, path string) string {
	sum := sha256.Sum256([]byte(path))
	return filepath.Join(rooms, hex.EncodeToString(sum[:8]))
}

// openRoom takes the first room below dir that nobody has.
func openRoom(dir string) (*room, error) {
	for n := range maxRooms {
		r, err := takeRoom(filepath.Join(dir, strconv.Itoa(n)))
		if r != nil || err != nil {
			return r, err
		}
	}
	return nil, checks.Errorf(checks.KindUnavailable, nil, "%d runs of this repository go on already. Wait for one to end.", maxRooms)
}

// takeRoom is nil when somebody has the room.
func takeRoom(dir string) (_ *room, err error) {
	defer func() {
		if err != nil {
			err = checks.Errorf(checks.KindConfig, err, "The folder %s cannot be used. Make it one that you may write to, or set XDG_CACHE_HOME to another.", dir)
		}
	}()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, lock.Close()
	}
	r := &room{dir: dir, lock: lock}
	if err == nil {
		r.instance, err = nameIn(filepath.Join(dir, "instance"))
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return r, nil
}

// nameIn is the random name in a file, which is made where there is none.
func nameIn(file string) (string, error) {
	text, err := os.ReadFile(file)
	if name := strings.TrimSpace(string(text)); err == nil && len(name) == 26 {
		return name, nil
	}
	name := strings.ToLower(rand.Text())
	return name, os.WriteFile(file, []byte(name+"\n"), 0o600)
}

func (r *room) path(name string) string { return filepath.Join(r.dir, name) }

// busyFile says that something of the room may be at the Docker engine. It
// holds the host of that.
func (r *room) busyFile() string { return r.path("busy") }

// busy notes that something of the room comes to be at the engine.
func (r *room) busy() error {
	return os.WriteFile(r.busyFile(), []byte(os.Getenv("DOCKER_HOST")), 0o600)
}

// quiet notes that nothing of the room is at the engine any more.
func (r *room) quiet() error { return os.Remove(r.busyFile()) }

// left reports whether a process that was killed may have left something.
func (r *room) left() bool {
	host, err := os.ReadFile(r.busyFile())
	return err == nil && string(host) == os.Getenv("DOCKER_HOST")
}

func (r *room) close() error { return r.lock.Close() }

// leftBehind are the rooms of any repository that nobody has, and of which
// something may be at the engine. The caller closes them.
func leftBehind(rooms string) (list []*room) {
	marks, _ := filepath.Glob(filepath.Join(rooms, "*", "*", "busy")) // the pattern is right
	for _, mark := range marks {
		r, err := takeRoom(filepath.Dir(mark))
		if r == nil || err != nil {
			continue // somebody has it, or nobody can
		}
		if !r.left() {
			r.close()
			continue
		}
		list = append(list, r)
	}
	return list
}

// maxLogs is how many runs of a repository have their logs kept.
const maxLogs = 20

// pruneLogs removes the logs of all runs but the newest below dir.
func pruneLogs(ctx context.Context, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) <= maxLogs {
		return nil //nolint:nilerr // there are none
	}
	type old struct {
		name string
		time int64
	}
	var all []old
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			all = append(all, old{e.Name(), info.ModTime().UnixNano()})
		}
	}
	slices.SortFunc(all, func(a, b old) int { return cmp.Compare(b.time, a.time) })
	for _, o := range all[min(len(all), maxLogs):] {
		if ctx.Err() != nil {
			return nil
		}
		if err := os.RemoveAll(filepath.Join(dir, o.name)); err != nil {
			return fmt.Errorf("remove old logs: %w", err)
		}
	}
	return nil
}
