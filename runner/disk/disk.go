// Package disk tells how much room a disk has left.
package disk

import "golang.org/x/sys/unix"

// A disk that has less left than this counts as full: who fails on it may have
// removed a part of what it could not write to the end.
const (
	LittleBytes = 32 << 20
	LittleFiles = 256
)

// Left is what the disk below dir has left for who is not root: bytes, and
// files where it has a bound for them. ok is false where that cannot be asked.
func Left(dir string) (bytes int64, files uint64, bounded, ok bool) {
	var fs unix.Statfs_t
	if unix.Statfs(dir, &fs) != nil {
		return 0, 0, false, false
	}
	return int64(fs.Bavail) * fs.Bsize, fs.Ffree, fs.Files > 0, true //nolint:unconvert // other machines have other types
}

// Full reports whether the disk below dir takes no more. What cannot be asked
// is not full.
func Full(dir string) bool {
	bytes, files, bounded, ok := Left(dir)
	return ok && (bytes < LittleBytes || bounded && files < LittleFiles)
}
