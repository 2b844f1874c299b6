package docker

import (
	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner/disk"
)

// noteRoom remembers when a disk that j writes to is full, whoever filled it.
// What j comes to is then no word about its code.
func (s *Sandbox) noteRoom(j *job) {
	if j.copies || j.diskFull.Load() {
		return // the engine's disk is not to be seen from here
	}
	for _, dir := range []string{j.dir, j.machine.root} {
		if dir != "" && disk.Full(dir) {
			j.diskFull.Store(true)
		}
	}
}

// errDiskFull is what ends a job that failed on a full disk.
func errDiskFull() error {
	return checks.Causef(checks.CauseDiskFull, nil,
		"A disk of the server or of the Docker engine was full while the job ran, so what it came to says nothing about the code. The server's operator has to free some space; `docker system df` shows what the engine holds.")
}
