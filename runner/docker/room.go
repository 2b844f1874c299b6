package docker

import (
	"golang.org/x/sys/unix"

	"github.com/dudesons/loktar/checks"
)

// fullBelow is how little a disk has left that counts as full: a job that
// fails may have removed a part of what it could not write to the end.
const fullBelow = 32 << 20

// noteRoom remembers when a disk that j writes to is full, whoever filled it.
// What j comes to is then no word about its code.
func (s *Sandbox) noteRoom(j *job) {
	if j.copies || j.diskFull.Load() {
		return // the engine's disk is not to be seen from here
	}
	for _, dir := range []string{j.dir, j.machine.root} {
		if dir != "" && full(dir) {
			j.diskFull.Store(true)
		}
	}
}

// full reports whether the disk below dir takes no more. What cannot be asked
// is not full.
func full(dir string) bool {
	var fs unix.Statfs_t
	if unix.Statfs(dir, &fs) != nil {
		return false
	}
	free := int64(fs.Bavail) * fs.Bsize //nolint:unconvert // other machines have other types
	return free < fullBelow || fs.Files > 0 && fs.Ffree == 0
}

// errDiskFull is what ends a job that failed on a full disk.
func errDiskFull() error {
	return checks.Causef(checks.CauseDiskFull, nil,
		"A disk of the server or of the Docker engine was full while the job ran, so what it came to says nothing about the code. The server's operator has to free some space; `docker system df` shows what the engine holds.")
}
