package app

import (
	"context"
	"errors"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/configs"
	"github.com/dudesons/loktar/runner/publish"
	"github.com/dudesons/loktar/store/blob"
)

// unpublished is how long an image stays at the engine that was built and not
// published. A release that is still owed then has it built again.
const unpublished = 7 * 24 * time.Hour

// images is the way to a registry of images.
func (r *releases) images(reg configs.Registry) publish.Publisher {
	prefix, plain := imagePrefix(reg.URL)
	return inTurn{publish.NewOCI(publish.OCIOptions{Engine: r.engine, Prefix: prefix, PlainHTTP: plain, Credentials: credentials(reg)}), &r.turns, reg.Name}
}

// imagePrefix is what stands before the names of images in a registry, and
// which hosts speak HTTP without TLS. A host of one word needs its port: names
// of images that begin with such a word are Docker Hub's.
func imagePrefix(address string) (prefix string, plain []string) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return address, nil
	}
	host, port := u.Host, ":443"
	if u.Scheme == "http" {
		port = ":80"
	}
	if !strings.ContainsAny(host, ".:") && host != "localhost" {
		host += port
	}
	if u.Scheme == "http" {
		plain = []string{host}
	}
	return host + u.Path, plain
}

// image has the engine build a release's image from the package's folder as
// the release steps left it, and notes its id in pub.
func (r *releases) image(of publish.Release, pub *checks.Publication) func(context.Context, string, io.Writer) error {
	return func(ctx context.Context, dir string, log io.Writer) error {
		id, err := publish.BuildImage(ctx, r.engine, publish.Build{Dir: dir, Release: of, Log: log})
		if err != nil {
			return err
		}
		pub.Items = []checks.PublishedItem{{Name: "image", Digest: id}}
		return nil
	}
}

// lost reports whether what was built has to be built again: the engine does
// not have the image any more, or the server's folder not all of the files, as
// when only the store was brought back from a backup.
func (r *releases) lost(ctx context.Context, pkg checks.Package, items []checks.PublishedItem) bool {
	if len(items) == 0 {
		return true
	}
	if pkg.PkgType != "docker" {
		return slices.ContainsFunc(items, func(i checks.PublishedItem) bool {
			there, err := blob.Blobs{Bucket: r.built.bucket}.Has(ctx, blob.Digest(i.SHA256))
			return err == nil && !there || errors.Is(err, blob.ErrCorrupt)
		})
	}
	_, err := r.engine.ImageInspect(ctx, items[0].Digest)
	return cerrdefs.IsNotFound(err)
}

// sweep removes images from the engine whose release was given up.
func (r *releases) sweep(ctx context.Context) {
	if err := publish.SweepImages(ctx, r.engine, time.Now().Add(-unpublished)); err != nil && ctx.Err() == nil {
		r.log.Warn().Err(err).Msg("cannot remove images of releases that were given up; the next turn is tomorrow")
	}
}
