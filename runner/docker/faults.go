package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/client"

	"github.com/dudesons/loktar/checks"
)

// fault gives an engine's error the kind and the words that it deserves. verb
// says what was tried, for the log.
func fault(err error, verb string) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s: %w", verb, err)
	text := err.Error()
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case strings.Contains(text, "permission denied while trying to connect"):
		return checks.Causef(checks.CauseEngineLost, err, "The server may not use the Docker engine. Run it as root, or as a member of the group docker.")
	case unreachable(err):
		return checks.Causef(checks.CauseEngineLost, err, "The Docker engine does not answer. Start it, or check DOCKER_HOST.")
	case checks.IsDiskFull(err) || strings.Contains(text, noSpaceText) || strings.Contains(text, "disk quota exceeded"):
		return checks.Causef(checks.CauseDiskFull, err, "The disk of the server or of the Docker engine is full. Its operator has to free some space; `docker system df` shows what the engine holds.")
	case strings.Contains(text, "while mounting volume") || strings.Contains(text, "failed to mount local volume"):
		return checks.Causef(checks.CauseMount, err,
			"The Docker engine could not mount the job's files. data_dir must be on a disk (ext4, xfs or btrfs) of the machine that the engine runs on, at the same path for both.")
	}
	return checks.Causef(checks.CauseEngine, err, "The Docker engine refused to run the job. The server's log holds its words, for the operator.")
}

func unreachable(err error) bool {
	var network *net.OpError
	return client.IsErrConnectionFailed(err) || cerrdefs.IsUnavailable(err) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network)
}

// short is text that a stranger wrote, for use within a sentence.
func short(text string) string {
	if runes := []rune(text); len(runes) > 200 {
		return string(runes[:200]) + "…"
	}
	return text
}
