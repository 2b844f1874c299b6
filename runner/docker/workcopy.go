package docker

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
)

// maxSent bounds the files that are copied for one job, in bytes.
const maxSent = 64 << 30

// overlay is a job's view of its tree, made by the engine's local volume
// driver. A volume without a name goes when its container does.
func (s *Sandbox) overlay(j *job, labels map[string]string) mount.Mount {
	lower := j.task.Tree
	if j.mask != "" {
		lower = j.mask + ":" + lower
	}
	if j.task.Git != nil {
		lower = j.task.Git.Dir + ":" + lower
	}
	o := fmt.Sprintf("nodev,nosuid,lowerdir=%s,upperdir=%s,workdir=%s", lower, filepath.Join(j.dir, "upper"), filepath.Join(j.dir, "work"))
	return volumeOf("", labels, map[string]string{"type": "overlay", "device": "overlay", "o": j.volatile(o)})
}

// volatile is the options of an overlay, with those that spare the disk. A
// volatile overlay cannot be mounted again, as taking what the job left and
// cleaning after it may have to.
func (j *job) volatile(o string) string {
	if j.machine.volatile && !takes(&j.task) {
		o += ",volatile"
	}
	return o
}

// copied is a volume of the engine's own for a copy of the tree. It has a name,
// so that it outlives the container of the steps where cleaning is apart.
func copied(j *job, labels map[string]string) mount.Mount {
	return volumeOf("loktar-"+j.name, labels, nil)
}

func volumeOf(name string, labels, options map[string]string) mount.Mount {
	return mount.Mount{
		Type: mount.TypeVolume, Source: name, Target: workspace,
		VolumeOptions: &mount.VolumeOptions{
			NoCopy: true, Labels: labels, DriverConfig: &mount.Driver{Name: "local", Options: options},
		},
	}
}

// workspaceMounts are what makes up j's view of its files.
func (s *Sandbox) workspaceMounts(j *job, labels map[string]string) []mount.Mount {
	if j.copies {
		return []mount.Mount{copied(j, labels)}
	}
	list := []mount.Mount{s.overlay(j, labels)}
	if g := j.task.Git; g != nil {
		list = append(list, mount.Mount{Type: mount.TypeBind, Source: g.Objects, Target: runner.GitObjects, ReadOnly: true})
	}
	return append(list, j.cacheMounts(labels)...)
}

// gitEnv has git work in a folder that is another user's, as the server's is
// when it does not run as root. What the package says itself wins.
func gitEnv(t runner.Task) []string {
	if t.Git == nil || t.Env["GIT_CONFIG_COUNT"] != "" {
		return nil
	}
	return []string{"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=" + workspace}
}

// fill copies j's files into its container, before that is started, where they
// are copied at all and were not yet.
func (s *Sandbox) fill(ctx context.Context, j *job, id string) error {
	if !j.copies || j.filled {
		return nil
	}
	// What is written there is not what the job writes: see files.
	if err := os.Remove(filepath.Join(j.dir, "upper")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault(err, "make job folder")
	}
	from, to := io.Pipe()
	done := make(chan error, 1)
	go func() {
		p := packer{out: tar.NewWriter(to), left: maxSent, hidden: setOf(j.task.Hidden)}
		err := p.task(ctx, j.task)
		done <- err
		_ = to.CloseWithError(err) // never fails
	}()
	err := s.engine.CopyToContainer(ctx, id, workspace, from, container.CopyToContainerOptions{})
	_ = from.Close() // ends the packer when the engine stopped reading
	if packed := <-done; packed != nil && !errors.Is(packed, io.ErrClosedPipe) {
		return fmt.Errorf("pack the workspace: %w", packed)
	}
	if err != nil {
		return fault(err, "copy the workspace to the engine")
	}
	j.filled = true
	return nil
}

// packer writes folders of the server to an archive, one file after the other.
type packer struct {
	out    *tar.Writer
	left   int64 // bytes
	hidden map[string]bool
}

func setOf(list []string) map[string]bool {
	set := make(map[string]bool, len(list))
	for _, s := range list {
		set[s] = true
	}
	return set
}

func (p *packer) task(ctx context.Context, t runner.Task) error {
	if err := p.folder(ctx, t.Tree, ".", nil); err != nil {
		return err
	}
	if g := t.Git; g != nil {
		// All of git's objects go where the job can reach them; what says that
		// they are elsewhere does not.
		elsewhere := func(name string) bool { return strings.HasSuffix(name, "info/alternates") }
		if err := p.folder(ctx, g.Dir, ".", elsewhere); err != nil {
			return err
		}
		if err := p.objects(ctx, g.Objects); err != nil {
			return err
		}
	}
	return p.out.Close()
}

// objects packs a folder of git's that grows and shrinks meanwhile. An object
// is never away, but may move from one file to another: after one was missed,
// the files that are new are packed too.
func (p *packer) objects(ctx context.Context, dir string) error {
	packed := map[string]bool{}
	for range 10 {
		missed := false
		err := p.folder(ctx, dir, ".git/objects", func(name string) bool {
			_, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(name)))
			missed = missed || errors.Is(err, fs.ErrNotExist)
			skip := err != nil || packed[name] || strings.Contains(name, "tmp_")
			packed[name] = true
			return skip
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err == nil && !missed {
			return nil
		}
	}
	return checks.Errorf(checks.KindUnavailable, nil, "Git's objects changed all the time while they were copied.")
}

// folder packs what is in dir, as what is in the folder at; skip is asked
// about names from dir.
func (p *packer) folder(ctx context.Context, dir, at string, skip func(name string) bool) error {
	return filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		name, err := filepath.Rel(dir, file)
		if err != nil || name == "." {
			return err
		}
		name = filepath.ToSlash(name)
		switch {
		case !p.hidden[path.Join(at, name)]:
		case d.IsDir():
			return filepath.SkipDir
		default:
			return nil
		}
		if skip != nil && skip(name) {
			return nil
		}
		return p.add(file, path.Join(at, name), d)
	})
}

func (p *packer) add(file, name string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	target := ""
	switch {
	case d.Type()&fs.ModeSymlink != 0:
		if target, err = os.Readlink(file); err != nil {
			return err
		}
	case !d.IsDir() && !d.Type().IsRegular():
		return nil
	}
	header, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return err
	}
	header.Name = name
	header.Uid, header.Gid, header.Uname, header.Gname = 0, 0, "", ""
	if !d.Type().IsRegular() {
		return p.out.WriteHeader(header)
	}
	if p.left -= header.Size; p.left < 0 {
		return checks.Errorf(checks.KindConfig, nil,
			"The repository's files are more than %d GiB, which is too much to copy for each job. Run the server on the machine of the Docker engine, with data_dir on ext4 or xfs, so that nothing is copied.", maxSent>>30)
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := p.out.WriteHeader(header); err != nil {
		return err
	}
	_, err = io.Copy(p.out, f)
	return err
}
