// Package value reads what the server's configuration and loktar.json have in
// common: sizes of memory, image references, and words that were nearly right.
package value

import (
	"errors"

	"github.com/distribution/reference"
	units "github.com/docker/go-units"
)

// minMemory is the least that a Docker engine accepts as a memory limit.
const minMemory = 6 << 20

// maxMemory is far above any machine and far below the end of int64.
const maxMemory = 1 << 50

// Memory reads a size such as "512MiB" or "4GiB" into bytes, as Docker does:
// units count in 1024s, "4g", "4GB" and "4GiB" are the same. The error is one
// clause with its remedy.
func Memory(s string) (int64, error) {
	n, err := units.RAMInBytes(s)
	switch {
	case err != nil, n < 0, n > maxMemory:
		return 0, errors.New("is not a size; write for example 4GiB")
	case n < minMemory:
		return 0, errors.New("is below 6MiB, the least that Docker accepts; write for example 512MiB")
	}
	return n, nil
}

// Image checks the form of an image reference: NAME[:TAG][@DIGEST], or an
// image id. It does not ask whether there is such an image.
func Image(s string) error {
	if _, err := reference.ParseAnyReference(s); err != nil {
		return errors.New("is not an image reference; write NAME:TAG in lower case, for example debian:13")
	}
	return nil
}
