package publish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"strings"

	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"github.com/dudesons/loktar/checks"
)

// maxContext bounds the files that a build sends to the engine.
const maxContext = 8 << 30

// Build is an image to be built.
type Build struct {
	// Dir is the folder of the package, as the steps left it: it is the
	// context, and holds the Dockerfile. It is opened once; nothing that a
	// symbolic link in it names outside is read.
	Dir string
	// Dockerfile is its name in Dir; empty for Dockerfile.
	Dockerfile string
	// Release is what the image is for: Labels(Release) become its labels,
	// build_info.build_args its arguments beside LOKTAR_VERSION and
	// LOKTAR_SHA, `network` and `resources` of the package hold as far as the
	// engine's builder can.
	Release Release
	// Log takes the builder's output; it may be nil. Bound it: the output is
	// as long as the repository's code likes.
	Log io.Writer
	// Classic builds with the classic builder even where BuildKit is.
	Classic bool
}

// BuildImage builds the image at the engine and returns its id, for
// Release.Image. It uses BuildKit where the engine offers it, else the classic
// builder; both without any credential, so that base images must be public or
// on the engine already. Error kinds: Refused when the Dockerfile does not
// build (its Public is for the owner; the log holds the words), Unavailable
// when the engine is not there. The engine keeps the image until it is
// published, or the package's next one is built, or SweepImages removes it.
func BuildImage(ctx context.Context, engine *client.Client, b Build) (id string, err error) {
	if b.Dockerfile == "" {
		b.Dockerfile = "Dockerfile"
	}
	if b.Log == nil {
		b.Log = io.Discard
	}
	if !cleanName(b.Dockerfile) {
		return "", refusedf("%q cannot be the name of a Dockerfile.", short(b.Dockerfile))
	}
	root, err := os.OpenRoot(b.Dir)
	if err != nil {
		return "", fmt.Errorf("build image: %w", err)
	}
	defer root.Close()
	file, err := openRegular(root, b.Dockerfile)
	if errors.Is(err, fs.ErrNotExist) {
		return "", checks.Errorf(checks.KindRefused, err, "The package %q has no %s. Add one, or set another pkg_type.", b.Release.Package.Name, b.Dockerfile)
	}
	if err != nil {
		return "", fmt.Errorf("build image: %w", err)
	}
	file.Close()

	ping, err := engine.Ping(ctx)
	if err != nil {
		return "", engineFault(ctx, err, "build image")
	}
	engine.NegotiateAPIVersionPing(ping)
	former, _ := kept(ctx, engine, b.Release)
	o := b.options()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	progress := &progress{log: b.Log}
	// Engines that have BuildKit, and yet prefer neither, name none.
	if !b.Classic && ping.BuilderVersion != build.BuilderV1 {
		if session, err := openSession(ctx, engine); err == nil {
			o.Version, o.SessionID = build.BuilderBuildKit, session
		}
	}

	pr, pw := io.Pipe()
	packed := make(chan error, 1)
	go func() {
		err := packContext(ctx, root, b.Dockerfile, maxContext, pw)
		packed <- err
		pw.CloseWithError(err)
	}()
	defer pr.Close()
	resp, err := engine.ImageBuild(ctx, pr, o)
	if err == nil {
		err = progress.read(resp.Body)
		resp.Body.Close()
	} else {
		err = &startFault{err}
	}
	pr.Close()
	if failed := <-packed; failed != nil && !errors.Is(failed, io.ErrClosedPipe) && ctx.Err() == nil {
		return "", failed
	}
	if err != nil {
		return "", b.fault(ctx, err)
	}
	if progress.id == "" {
		return "", errors.New("build image: the engine did not tell the image's id")
	}
	if id, err = b.confirm(ctx, engine, progress.id); err != nil {
		return "", err
	}
	// Builders may say that an image is as old as its base; this dates it.
	if err := engine.ImageTag(ctx, id, keptName(b.Release)); err != nil {
		return "", engineFault(ctx, err, "name the image that was built")
	}
	if former != "" && former != id {
		// It may be in use, or be somebody's by another name.
		_, _ = engine.ImageRemove(ctx, former, image.RemoveOptions{})
	}
	return id, nil
}

// startFault is an error of the engine before the build began.
type startFault struct{ error }

func (e *startFault) Unwrap() error { return e.error }

// fault tells the Dockerfile's faults from the engine's.
func (b *Build) fault(ctx context.Context, err error) error {
	var failed *buildError
	switch {
	case ctx.Err() != nil:
		return engineFault(ctx, err, "build image")
	case errors.As(err, &failed) && !strings.Contains(failed.text, "no space left on device"):
		return checks.Errorf(checks.KindRefused, err, "The image of %q does not build: %s", b.Release.Package.Name, short(failed.text))
	case client.IsErrConnectionFailed(err), errors.Is(err, io.ErrUnexpectedEOF), strings.HasSuffix(err.Error(), "EOF"):
		return checks.Errorf(checks.KindUnavailable, fmt.Errorf("build image: %w", err), "The Docker engine went away while it built the image.")
	}
	var early *startFault
	if errors.As(err, &early) && strings.Contains(err.Error(), "dockerfile parse error") {
		return checks.Errorf(checks.KindRefused, err, "The Dockerfile of %q cannot be read: %s", b.Release.Package.Name, short(err.Error()))
	}
	return engineFault(ctx, err, "build image")
}

func (b *Build) options() build.ImageBuildOptions {
	pkg := b.Release.Package
	args := maps.Clone(pkg.BuildInfo.BuildArgs)
	if args == nil {
		args = map[string]string{}
	}
	args["LOKTAR_VERSION"], args["LOKTAR_SHA"] = b.Release.Version, b.Release.Commit
	o := build.ImageBuildOptions{
		Tags: []string{keptName(b.Release)}, Dockerfile: b.Dockerfile, Labels: Labels(b.Release), BuildArgs: map[string]*string{},
		Remove: true, ForceRemove: true, NetworkMode: "default",
		Memory: pkg.Resources.Memory, MemorySwap: pkg.Resources.Memory,
	}
	if pkg.Resources.CPUs > 0 {
		o.CPUPeriod, o.CPUQuota = 100_000, int64(pkg.Resources.CPUs*100_000)
	}
	if !pkg.Network {
		o.NetworkMode = "none"
	}
	for name, value := range args {
		o.BuildArgs[name] = &value
	}
	return o
}

// confirm sees to it that the image has the labels, by which it is known
// again. It also makes a short id long.
func (b *Build) confirm(ctx context.Context, engine *client.Client, id string) (string, error) {
	info, err := engine.ImageInspect(ctx, id)
	if err != nil {
		return "", engineFault(ctx, err, "look up the image that was built")
	}
	for name, value := range Labels(b.Release) {
		if info.Config == nil || info.Config.Labels[name] != value {
			return "", fmt.Errorf("build image: the builder did not set the label %s", name)
		}
	}
	return info.ID, nil
}

// buildError is what the builder said of the Dockerfile.
type buildError struct{ text string }

func (e *buildError) Error() string { return e.text }

// progress reads what both builders tell.
type progress struct {
	log   io.Writer
	id    string
	names map[string]bool // of steps that were told of, for BuildKit
}

func (p *progress) read(r io.Reader) error {
	for dec := json.NewDecoder(r); ; {
		var message struct {
			Stream string          `json:"stream"`
			Status string          `json:"status"`
			ID     string          `json:"id"`
			Error  string          `json:"error"`
			Aux    json.RawMessage `json:"aux"`
		}
		switch err := dec.Decode(&message); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read answer: %w", err)
		case message.Error != "":
			p.write(message.Error + "\n")
			return &buildError{message.Error}
		}
		if !strings.Contains(message.Stream, " tagged "+keptRepo+":") { // a name of ours alone
			p.write(message.Stream)
		}
		if message.Status != "" && !strings.Contains(message.Status, "ing") {
			p.write(strings.TrimSpace(message.ID+" "+message.Status) + "\n")
		}
		if message.ID == "moby.buildkit.trace" {
			var trace []byte
			if json.Unmarshal(message.Aux, &trace) == nil {
				p.trace(trace)
			}
			continue
		}
		var aux struct{ ID string }
		if json.Unmarshal(message.Aux, &aux) == nil && aux.ID != "" {
			p.id = aux.ID
		}
	}
}

// write passes output on. A log that fails does not fail the build.
func (p *progress) write(text string) {
	if text != "" {
		_, _ = io.WriteString(p.log, text)
	}
}
