package app

import (
	"cmp"
	"context"
	"errors"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/keys"
	"github.com/dudesons/loktar/configs"
	"github.com/dudesons/loktar/runner/publish"
	"github.com/dudesons/loktar/runner/source"
	"github.com/dudesons/loktar/store/blob"
)

// registry is where the configuration lets a package be published.
func (r *releases) registry(repo checks.Repo, pkg checks.Package) (configs.Registry, error) {
	b := pkg.BuildInfo
	kind, named := cmp.Or(b.RegistryType, b.StorageType), b.Bucket
	switch {
	case pkg.PkgType == "docker":
		// Quay is one too. Where build_type url would have an archive go does
		// not count: the server builds the image.
		kind, named = configs.RegistryOCI, b.RegistryPrefix
	case pkg.PkgType == "whl" && (kind != "" || b.Index != ""):
		kind, named = cmp.Or(kind, configs.RegistryPyPI), b.Index
	}
	reg, err := r.cfg.RegistryFor(repo.Owner, repo.Name, pkg.Name, kind, named)
	var refused *configs.RegistryError
	if errors.As(err, &refused) {
		return reg, checks.Errorf(checks.KindConfig, nil, "%s", refused.Text)
	}
	return reg, err
}

// publisher is the way to a package's registry, until it is closed. What
// build_info says of the place has chosen the registry, and counts no further:
// it is taken out of pkg.
func (r *releases) publisher(repo checks.Repo, pkg *checks.Package) (to publish.Publisher, done func(), err error) {
	reg, err := r.registry(repo, *pkg)
	if err != nil {
		return nil, nil, err
	}
	to, done, err = r.open(reg, pkg)
	return placed{to, reg}, done, placeIn(reg, err)
}

// open is publisher, of the registry that was chosen.
func (r *releases) open(reg configs.Registry, pkg *checks.Package) (to publish.Publisher, done func(), err error) {
	if pkg.BuildInfo.Prefix != "" && reg.Folder == "" && pkg.PkgType != "docker" {
		return nil, nil, checks.Errorf(checks.KindConfig, nil, "`build_info.prefix` cannot be used in a registry that several repositories may publish to. Take it out.")
	}
	pkg.BuildInfo.Index, pkg.BuildInfo.Bucket, pkg.BuildInfo.RegistryPrefix = "", "", ""
	switch reg.Type {
	case configs.RegistryOCI:
		return r.images(reg), func() {}, nil
	case configs.RegistryPyPI:
		return publish.NewPyPI(publish.PyPIOptions{Index: reg.URL, Credentials: credentials(reg)}), func() {}, nil
	case configs.RegistryFile:
		folder, err := publish.OpenFolder(reg.Path)
		if err != nil {
			return nil, nil, err
		}
		done = func() { _ = folder.Close() }
		own, err := within(folder, reg.Folder)
		if err != nil {
			done()
			return nil, nil, err
		}
		return publish.NewFolder(own, ""), done, nil
	case configs.RegistryS3:
		return publish.NewS3(func(ctx context.Context, _ string) (publish.Place, error) {
			s3, err := openS3(ctx, reg)
			if err != nil {
				return publish.Place{}, err
			}
			own, err := within(s3, reg.Folder)
			return publish.Place{Bucket: own, URL: "s3://" + reg.S3.Bucket}, err
		}), func() {}, nil
	}
	return nil, nil, checks.Errorf(checks.KindConfig, nil, "A package of type %s cannot be published to a registry of type %s.", pkg.PkgType, reg.Type)
}

// credentials are those of a registry, read at each use.
func credentials(reg configs.Registry) publish.Credentials {
	return func(context.Context, string) (publish.Credential, error) {
		user, password, err := reg.Credentials()
		return publish.Credential{Username: user, Password: password.Reveal()}, err
	}
}

// within is a bucket below a folder, where there is one.
func within(b blob.Bucket, folder string) (blob.Bucket, error) {
	if folder == "" {
		return b, nil
	}
	return blob.Sub(b, folder)
}

// keyTree is a source.Tree in the terms of keys.
type keyTree struct{ *source.Tree }

func keyEntry(e source.Entry) keys.Entry {
	return keys.Entry{Name: e.Name, Mode: keys.Mode(e.Mode), OID: e.OID}
}

func (t keyTree) Entry(path string) (keys.Entry, bool, error) {
	e, ok, err := t.Tree.Entry(path)
	return keyEntry(e), ok, err
}

func (t keyTree) List(dir string) ([]keys.Entry, error) {
	entries, err := t.Tree.List(dir)
	if err != nil || entries == nil {
		return nil, err
	}
	out := make([]keys.Entry, len(entries))
	for i, e := range entries {
		out[i] = keyEntry(e)
	}
	return out, nil
}

func (t keyTree) Files(do func(string, keys.Entry) error) error { return t.files(".", "", do) }

// files goes through a folder in git's order, which sorts a folder as if its
// name ended in a slash.
func (t keyTree) files(dir, prefix string, do func(string, keys.Entry) error) error {
	entries, err := t.List(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := prefix + e.Name
		if e.Mode == keys.ModeFolder {
			err = t.files(path, path+"/", do)
		} else {
			err = do(path, e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
