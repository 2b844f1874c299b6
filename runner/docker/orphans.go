package docker

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// maxOpened bounds what is looked at of all that the processes of a job have
// open or mapped.
const maxOpened = 1_000_000

// orphans is how much disk the files of containers take that have no name any
// more, but are open or mapped in one of their processes: no folder shows them.
// It is 0 where the server does not see those processes: when it is not root,
// or has process ids of its own. why says that there are too many to be looked
// at. A descriptor on its way between two sockets is not found.
func orphans(ctx context.Context, containers ...string) (size int64, why string) {
	o := orphanCounter{seen: make(map[orphan]struct{})}
	for _, pid := range numbersIn("/proc") {
		// Which container a process is of stands in the name of its control group.
		groups, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
		if err == nil && slices.ContainsFunc(containers, func(id string) bool { return bytes.Contains(groups, []byte(id)) }) {
			o.process(ctx, pid)
		}
	}
	if o.opened > maxOpened {
		why = fmt.Sprintf("The job had more than %d files open, and was ended.", maxOpened)
	}
	return o.size, why
}

type orphan struct{ device, inode uint64 }

type orphanCounter struct {
	size   int64
	opened int
	seen   map[orphan]struct{}
}

// process looks at each thread, as each may have files of its own. All share
// one memory, which the first may have left by ending.
func (o *orphanCounter) process(ctx context.Context, pid int) {
	mapped := false
	for _, thread := range numbersIn(fmt.Sprintf("/proc/%d/task", pid)) {
		if ctx.Err() != nil {
			return
		}
		if thread == pid || !sameFiles(thread, pid) {
			o.look(fmt.Sprintf("/proc/%d/fd", thread))
		}
		mapped = mapped || o.look(fmt.Sprintf("/proc/%d/map_files", thread))
	}
}

// look counts what the links in dir lead to, and reports whether there is one.
func (o *orphanCounter) look(dir string) (some bool) {
	d, err := os.Open(dir)
	if err != nil {
		return false // it ended, or the server may not look
	}
	defer d.Close()
	for o.opened <= maxOpened {
		names, err := d.Readdirnames(namesAtOnce)
		for _, name := range names {
			some = true
			o.opened++
			var st unix.Stat_t
			if unix.Fstatat(int(d.Fd()), name, &st, 0) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || st.Nlink > 0 {
				continue
			}
			key := orphan{st.Dev, st.Ino} //nolint:unconvert // other machines have other types
			if _, again := o.seen[key]; again {
				continue
			}
			o.seen[key] = struct{}{}
			var fs unix.Statfs_t
			if unix.Statfs(dir+"/"+name, &fs) == nil && fs.Type != unix.TMPFS_MAGIC && fs.Type != unix.HUGETLBFS_MAGIC {
				o.size += st.Blocks * 512 // others are memory, and counted as that
			}
		}
		if err != nil || len(names) == 0 {
			break
		}
	}
	return some
}

// sameFiles reports whether two threads share their open files: kcmp(2) with
// KCMP_FILES.
func sameFiles(a, b int) bool {
	const kcmpFiles = 2
	r, _, errno := unix.Syscall6(unix.SYS_KCMP, uintptr(a), uintptr(b), kcmpFiles, 0, 0, 0)
	return errno == 0 && r == 0
}

// numbersIn are the entries of a folder of /proc that are numbers.
func numbersIn(dir string) (numbers []int) {
	d, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer d.Close()
	names, _ := d.Readdirnames(-1) // those that were read count
	for _, name := range names {
		if n, err := strconv.Atoi(name); err == nil {
			numbers = append(numbers, n)
		}
	}
	return numbers
}
