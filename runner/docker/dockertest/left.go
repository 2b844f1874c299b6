package dockertest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"
)

// Left names what is left of jobs, which should be nothing: containers, volumes
// and networks with that label at the engine ("loktar.run=ID"; "" means all but
// the engine's own networks), and below the server's data folder mounts, job
// folders, git folders made for one job, and temporary files.
func Left(ctx context.Context, engine *client.Client, label, data string) (left []string, err error) {
	only := filters.NewArgs()
	if label != "" {
		only.Add("label", label)
	}
	containers, err := engine.ContainerList(ctx, container.ListOptions{All: true, Filters: only})
	if err != nil {
		return nil, err
	}
	for _, c := range containers {
		left = append(left, "container "+strings.Join(c.Names, " "))
	}
	volumes, err := engine.VolumeList(ctx, volume.ListOptions{Filters: only})
	if err != nil {
		return nil, err
	}
	for _, v := range volumes.Volumes {
		left = append(left, "volume "+v.Name)
	}
	networks, err := engine.NetworkList(ctx, network.ListOptions{Filters: only})
	if err != nil {
		return nil, err
	}
	for _, n := range networks {
		switch n.Name {
		case "none", "host", "bridge":
		default:
			left = append(left, "network "+n.Name)
		}
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(mounts)) {
		// An overlay names the folders that it is made of, other mounts where
		// they are. The folder itself may well be a mount.
		if strings.Contains(line, data+"/") {
			left = append(left, "mount "+strings.TrimSpace(line))
		}
	}
	files, err := leftFiles(data)
	return append(left, files...), err
}

func leftFiles(data string) (left []string, err error) {
	err = filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it went meanwhile
		}
		if err != nil {
			return err
		}
		name, dir := d.Name(), filepath.Dir(path)
		switch {
		case dir == filepath.Join(data, "work"):
			left = append(left, "job folder "+name)
			return fs.SkipDir
		case strings.HasPrefix(name, "loktar-blob-"), strings.HasPrefix(name, "git-") && strings.HasPrefix(dir, filepath.Join(data, "git")):
			left = append(left, "temporary "+path)
		case d.IsDir() && strings.HasSuffix(dir, "/mirrors"):
			return fs.SkipDir // it is git's
		}
		return nil
	})
	return left, err
}
