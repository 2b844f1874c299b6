package publish

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// tagged is what a tag of a registry means.
type tagged struct {
	digest  string // of the manifest
	config  string // the digest of the configuration: the image's id at most engines
	labels  map[string]string
	created time.Time
}

// is reports whether the image is that of the release.
func (t *tagged) is(r Release) bool {
	if r.Image != "" && (r.Image == t.config || r.Image == t.digest) {
		return true
	}
	return labelsOf(t.labels, r)
}

// newer reports whether the image is that of a later release than ours, r.
func (t *tagged) newer(ours *tagged, r Release) bool {
	if t.labels[LabelPackage] != r.Package.Name || t.labels[LabelRepo] != r.Repo.FullName() {
		return false
	}
	if numbers, err := numbering(r.Package); err == nil {
		n, ok := numbers.Number(t.labels[LabelVersion])
		own, okOwn := numbers.Number(r.Version)
		if ok && okOwn {
			return n > own
		}
	}
	return t.created.After(ours.created)
}

const maxManifest = 4 << 20

// manifest is what is read of an image's manifest, or of an index of many.
type manifest struct {
	Config    descriptor   `json:"config"`
	Manifests []descriptor `json:"manifests"`
}

type descriptor struct {
	Digest   string `json:"digest"`
	Platform struct {
		OS string `json:"os"`
	} `json:"platform"`
}

// look tells what a tag means; nil when there is no such tag.
func (m *remoteImages) look(ctx context.Context, tag string) (*tagged, error) {
	doing := fmt.Sprintf("look up %s:%s", m.name.Name(), tag)
	t := &tagged{}
	var man manifest
	digest, err := m.manifest(ctx, tag, &man)
	if isNotFound(err) {
		return nil, nil
	}
	t.digest = digest
	// Engines with containerd's store push an index, even of one image.
	if err == nil && man.Config.Digest == "" {
		for _, d := range man.Manifests {
			if d.Platform.OS != "unknown" {
				_, err = m.manifest(ctx, d.Digest, &man)
				break
			}
		}
	}
	if err == nil && man.Config.Digest != "" {
		t.config = man.Config.Digest
		err = m.config(ctx, t)
	}
	if err != nil {
		return nil, m.fault(ctx, err, doing)
	}
	return t, nil
}

func (m *remoteImages) manifest(ctx context.Context, ref string, into *manifest) (string, error) {
	desc, body, err := m.repo.Manifests().FetchReference(ctx, ref)
	if err != nil {
		return "", err
	}
	defer body.Close()
	*into = manifest{}
	return desc.Digest.String(), decode(body, into)
}

// config reads the labels. Another's image may have any configuration.
func (m *remoteImages) config(ctx context.Context, t *tagged) error {
	_, body, err := m.repo.Blobs().FetchReference(ctx, t.config)
	if isNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer body.Close()
	var c struct {
		Created time.Time `json:"created"`
		Config  struct {
			Labels map[string]string
		} `json:"config"`
	}
	if err := decode(body, &c); err != nil {
		return err
	}
	t.labels, t.created = c.Config.Labels, c.Created
	return nil
}

// decode reads JSON of a bounded size. What is no JSON is no image of ours.
func decode(r io.Reader, into any) error {
	data, more, err := readSome(r, maxManifest)
	if err != nil || more {
		return err
	}
	_ = json.Unmarshal(data, into)
	return nil
}
