package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker/docker/api/types/mount"
	units "github.com/docker/go-units"
	"golang.org/x/sys/unix"

	"github.com/dudesons/loktar/runner/disk"
)

const (
	// meterTick is how often the disk's free space is asked for, which costs
	// next to nothing.
	meterTick = 250 * time.Millisecond
	// meterTurn is how often files are counted at least. Counting takes at
	// most the fiftieth part of the time.
	meterTurn  = 10 * time.Second
	meterShare = 50
	// maxEntries and maxNested bound what is counted, and with that what a job
	// may make: files, and folders one in another.
	maxEntries = 2_000_000
	maxNested  = 512
	// namesAtOnce bounds how much of a folder is read at once.
	namesAtOnce = 1024
)

// meter watches how much a job writes to disk: to its workspace, to its caches, to
// the root of its container, and to volumes that its image declares. Quotas would be better, but the engine's are only on
// some file systems.
type meter struct {
	// exceeded says in a sentence that a bound was exceeded; once more when the
	// job goes on to grow.
	exceeded chan string
	cancel   context.CancelFunc
	done     chan struct{}
}

// startMeter watches the containers that there are of j until stop.
func (s *Sandbox) startMeter(ctx context.Context, j *job, ids func() []string) *meter {
	ctx, cancel := context.WithCancel(ctx)
	m := &meter{exceeded: make(chan string), cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(m.done)
		m.watch(ctx, s, j, ids)
	}()
	return m
}

func (m *meter) stop() {
	m.cancel()
	<-m.done
}

func (m *meter) watch(ctx context.Context, s *Sandbox, j *job, ids func() []string) {
	tick := time.NewTicker(meterTick)
	defer tick.Stop()
	folders := j.uppers()
	known := map[string]bool{} // containers whose folders are known
	var asked []string         // those whose root only the engine can count
	who := "The job"
	if len(j.services) > 0 {
		who = "The job and its services together"
	}
	limit, told := s.o.Workspace, false
	var size, pause int64
	counted, free := time.Now(), freeSpace(j.dir)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.noteRoom(ctx, j)
		now := freeSpace(j.dir)
		if size+free-now <= limit && time.Since(counted) < max(meterTurn, time.Duration(pause)) {
			continue
		}
		all := ids()
		for _, id := range all {
			if known[id] {
				continue
			}
			known[id] = true
			others := s.otherFolders(ctx, j, id)
			if folders = append(folders, others...); others[0] == "" {
				asked = append(asked, id)
			}
		}
		started := time.Now()
		got, why := tally(ctx, folders)
		for _, id := range asked {
			got += s.rootSize(ctx, id)
		}
		unnamed, many := orphans(ctx, all...)
		got, why = got+unnamed, cmp.Or(why, many)
		if ctx.Err() != nil {
			return
		}
		size, free, counted = got, now, time.Now()
		pause = int64(time.Since(started)) * meterShare
		if why == "" && size > limit {
			why = fmt.Sprintf("%s wrote more than %s to disk, which the server's runner.workspace allows, and was ended. Have it write less, or the operator raise that bound.",
				who, sizeText(s.o.Workspace))
		}
		if why == "" {
			continue
		}
		select {
		case m.exceeded <- why:
		case <-ctx.Done():
			return
		}
		if told {
			return
		}
		told, limit = true, size+s.o.Workspace/10 // room for the clean lines
	}
}

// sizeText is n bytes in words.
func sizeText(n int64) string { return units.BytesSize(float64(n)) }

// freeSpace is what the disk below dir has left, in bytes.
func freeSpace(dir string) int64 {
	bytes, _, _, _ := disk.Left(dir)
	return bytes
}

// otherFolders are where an engine keeps what a container writes outside of the
// workspace. The first is the container's root on an engine with overlays; it is
// "" when that cannot be known here. Among the others are the volumes that the
// image declares; overlays of ours are none of them.
func (s *Sandbox) otherFolders(ctx context.Context, j *job, id string) []string {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	seen, err := s.engine.ContainerInspect(ctx, id)
	if err != nil {
		return []string{""}
	}
	folders := []string{seen.GraphDriver.Data["UpperDir"]}
	if top, err := os.Open(folders[0]); err == nil {
		top.Close()
		// fuse-overlayfs moves there what was removed and is still open.
		folders = append(folders, seen.GraphDriver.Data["WorkDir"])
	} else {
		folders[0] = ""
	}
	for _, m := range seen.Mounts {
		if m.Type == mount.TypeVolume && m.Destination != workspace && !j.isCache(m.Destination) {
			folders = append(folders, m.Source)
		}
	}
	return folders
}

// rootSize is what the engine itself counts there, which takes it longer.
func (s *Sandbox) rootSize(ctx context.Context, id string) int64 {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	seen, _, err := s.engine.ContainerInspectWithRaw(ctx, id, true)
	if err != nil || seen.SizeRw == nil {
		return 0
	}
	return *seen.SizeRw
}

// tally is how much disk the files in folders take. A job changes them
// meanwhile, and may not have the server go anywhere else: no link is
// followed. why says that there are too many to be counted.
func tally(ctx context.Context, folders []string) (size int64, why string) {
	c := counter{seen: make(map[uint64]struct{})}
	for _, folder := range folders {
		top, err := os.OpenFile(folder, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
		if err != nil {
			continue
		}
		c.count(ctx, top)
		top.Close()
	}
	return c.size, c.why
}

type counter struct {
	size    int64
	entries int
	why     string
	seen    map[uint64]struct{} // files with several names
}

func (c *counter) count(ctx context.Context, top *os.File) {
	for todo := []string{"."}; len(todo) > 0 && c.why == ""; {
		name := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		fd, err := unix.Openat2(int(top.Fd()), name, &unix.OpenHow{
			Flags:   unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC,
			Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
		})
		if errors.Is(err, unix.ENOSYS) { // before Linux 5.6
			fd, err = unix.Openat(int(top.Fd()), name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		}
		if err != nil {
			continue // it went, or the server may not look
		}
		dir := os.NewFile(uintptr(fd), "folder of a job")
		for _, sub := range c.entriesOf(ctx, dir) {
			sub = filepath.Join(name, sub)
			if strings.Count(sub, "/") >= maxNested || len(sub) >= unix.PathMax-256 {
				c.why = fmt.Sprintf("The job made more than %d folders one in another, and was ended.", min(maxNested, strings.Count(sub, "/")))
				break
			}
			todo = append(todo, sub)
		}
		dir.Close()
	}
}

// entriesOf counts what is in dir and returns the folders.
func (c *counter) entriesOf(ctx context.Context, dir *os.File) (folders []string) {
	for ctx.Err() == nil && c.why == "" {
		names, err := dir.Readdirnames(namesAtOnce)
		for _, name := range names {
			var st unix.Stat_t
			if unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
				continue
			}
			if c.entries++; c.entries > maxEntries {
				c.why = fmt.Sprintf("The job made more than %d files, and was ended.", maxEntries)
				return nil
			}
			switch isFolder := st.Mode&unix.S_IFMT == unix.S_IFDIR; {
			case isFolder:
				folders = append(folders, name)
			case st.Nlink > 1:
				if _, again := c.seen[st.Ino]; again {
					continue
				}
				c.seen[st.Ino] = struct{}{}
			}
			c.size += st.Blocks * 512
		}
		if err != nil || len(names) == 0 {
			break
		}
	}
	return folders
}
