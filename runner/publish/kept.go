package publish

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
)

// keptRepo is the name under which the engine keeps images that were built and
// are not published yet. Each package has one tag of it: the next build of the
// package takes its place.
const keptRepo = "loktar-built"

func keptName(r Release) string {
	sum := sha256.Sum256([]byte(strings.ToLower(r.Repo.FullName()) + "/" + r.Package.Name))
	return keptRepo + ":" + hex.EncodeToString(sum[:16])
}

// kept is the id of the image that is kept for the package, with its labels; ""
// where none is, or the engine does not tell.
func kept(ctx context.Context, engine *client.Client, r Release) (id string, labels map[string]string) {
	info, err := engine.ImageInspect(ctx, keptName(r))
	if err != nil || info.Config == nil {
		return "", nil
	}
	return info.ID, info.Config.Labels
}

// KeptImage is the id of the image that the engine keeps of the package of r
// until it is published; "" where there is none.
func KeptImage(ctx context.Context, engine *client.Client, r Release) string {
	id, _ := kept(ctx, engine, r)
	return id
}

// letGo takes the name from the image of a release that is published.
func letGo(ctx context.Context, engine *client.Client, r Release) {
	if id, labels := kept(ctx, engine, r); id != "" && labelsOf(labels, r) {
		_, _ = engine.ImageRemove(ctx, keptName(r), image.RemoveOptions{})
	}
}

// labelsOf reports whether labels are those of the release.
func labelsOf(labels map[string]string, r Release) bool {
	for name, value := range Labels(r) {
		if labels[name] != value {
			return false
		}
	}
	return true
}

// SweepImages removes from the engine what was built before and never
// published: releases that were given up. It touches no image but those that
// BuildImage made and nothing published. What somebody still waits to publish
// has to be built again then, under the same version. An error is the engine's;
// what could not be removed stays for the next time.
func SweepImages(ctx context.Context, engine *client.Client, before time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	images, err := engine.ImageList(ctx, image.ListOptions{Filters: filters.NewArgs(filters.Arg("reference", keptRepo+":*"))})
	if err != nil {
		return engineFault(ctx, err, "list images that were built")
	}
	for _, i := range images {
		info, err := engine.ImageInspect(ctx, i.ID) // the list has names of that pattern alone
		if err != nil || !time.Unix(i.Created, 0).Before(before) || !info.Metadata.LastTagTime.Before(before) {
			continue // it is gone, or new
		}
		for _, tag := range info.RepoTags {
			// A push that was broken off has left the version's tag as well.
			if !strings.HasPrefix(tag, keptRepo+":") && !strings.HasSuffix(tag, ":"+i.Labels[LabelVersion]) {
				continue
			}
			if _, err := engine.ImageRemove(ctx, tag, image.RemoveOptions{}); err != nil {
				return engineFault(ctx, err, fmt.Sprintf("remove image %s", tag))
			}
		}
	}
	return nil
}
