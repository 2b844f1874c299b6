package publish

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/store/blob"
)

// Place is a bucket, and the URL that its keys are beneath for people and
// tools ("s3://artifacts"; empty for none).
type Place struct {
	Bucket blob.Bucket
	URL    string
}

// Storage publishes files as they are:
//
//	[PREFIX/]jars/prod/NAME/VERSION/FILE     versions, written once
//	[PREFIX/]jars/dev/NAME/BRANCH/FILE       builds of pull requests; the newest
//
// with PREFIX of build_info.prefix and the kind of package in place of jar.
// FILE is the file's name; beside the files is .loktar.json, which tells the
// commit and the files. In BRANCH, bytes other than letters, digits, `.`, `_`,
// `-` and `/` are written as %XX. Make one with NewS3 or NewFolder.
type Storage struct {
	place func(ctx context.Context, bucket string) (Place, error)
}

var _ Publisher = (*Storage)(nil)

// Highest implements Publisher.
func (s *Storage) Highest(ctx context.Context, pkg checks.Package) (int64, error) {
	numbers, err := numbering(pkg)
	if err != nil {
		return 0, err
	}
	place, root, err := s.folder(ctx, pkg, "prod")
	if err != nil {
		return 0, err
	}
	var top int64
	for after := ""; ; {
		page, err := timed(ctx, callTime, func(ctx context.Context) ([]blob.Info, error) {
			return place.Bucket.List(ctx, root+"/", after, blob.ListMax)
		})
		if err == nil && len(page) > 0 && page[0].Key <= after {
			err = checks.Errorf(checks.KindUnavailable, nil, "The storage does not list its files in order.")
		}
		if err != nil {
			return 0, fmt.Errorf("list versions of %q: %w", pkg.Name, err)
		}
		for _, o := range page {
			version, _, _ := strings.Cut(strings.TrimPrefix(o.Key, root+"/"), "/")
			if n, ok := numbers.Number(version); ok {
				top = max(top, n)
			}
		}
		if len(page) < blob.ListMax {
			return top, nil
		}
		// "0" follows "/": the rest of the last version's files is left out.
		last, _, _ := strings.Cut(strings.TrimPrefix(page[len(page)-1].Key, root+"/"), "/")
		after = root + "/" + last + "0"
	}
}

// Find implements Publisher. It finds a release without Files by its record.
func (s *Storage) Find(ctx context.Context, r Release) (Published, State, error) {
	place, dir, err := s.where(ctx, r)
	if err != nil {
		return Published{}, Absent, err
	}
	if r.PullRequest {
		return s.findDev(ctx, r, place, dir)
	}
	rec, ok, err := readRecord(ctx, place.Bucket, dir)
	if err != nil {
		return Published{}, Absent, err
	}
	if !ok {
		found, err := timed(ctx, callTime, func(ctx context.Context) ([]blob.Info, error) {
			return place.Bucket.List(ctx, dir+"/", "", 1)
		})
		if err != nil || len(found) == 0 {
			return Published{}, Absent, err
		}
		return Published{}, Conflict, nil
	}
	if rec.differs(r) != "" {
		return Published{}, Conflict, nil
	}
	return present(ctx, place, dir, rec)
}

func (s *Storage) findDev(ctx context.Context, r Release, place Place, dir string) (Published, State, error) {
	rec, ok, err := readRecord(ctx, place.Bucket, dir)
	if err != nil || !ok {
		return Published{}, Absent, err
	}
	if rec.differs(r) != "" {
		return Published{}, Partial, nil
	}
	found, state, err := present(ctx, place, dir, rec)
	if state == Conflict {
		state = Partial // the next Publish replaces it
	}
	return found, state, err
}

// present tells which files of rec are there.
func present(ctx context.Context, place Place, dir string, rec record) (Published, State, error) {
	found, state := Published{Version: rec.Version}, Complete
	for _, f := range rec.Files {
		sum, size, err := sumOf(ctx, place.Bucket, dir+"/"+f.Name)
		switch {
		case err != nil && checks.KindOf(err) == checks.KindNotFound:
			state = Partial
		case err != nil:
			return Published{}, Absent, err
		case sum != f.SHA256 || size != f.Size:
			return Published{}, Conflict, nil
		default:
			found.Items = append(found.Items, itemOf(place, dir, f))
		}
	}
	return found, state, nil
}

func itemOf(place Place, dir string, f recordFile) checks.PublishedItem {
	item := checks.PublishedItem{Name: f.Name, Size: f.Size, SHA256: f.SHA256}
	if place.URL != "" {
		item.URL = strings.TrimSuffix(place.URL, "/") + "/" + (&url.URL{Path: dir + "/" + f.Name}).EscapedPath()
	}
	return item
}

// sumOf is the SHA-256 of an object, read where the bucket does not know it.
func sumOf(ctx context.Context, b blob.Bucket, key string) (sum string, size int64, err error) {
	sum, err = timed(ctx, uploadTime, func(ctx context.Context) (sum string, err error) {
		sum, size, err = readSum(ctx, b, key)
		return sum, err
	})
	return sum, size, err
}

func readSum(ctx context.Context, b blob.Bucket, key string) (string, int64, error) {
	info, err := b.Stat(ctx, key)
	if err != nil || info.SHA256 != "" {
		return string(info.SHA256), info.Size, err
	}
	body, _, err := b.Get(ctx, key, blob.GetOptions{})
	if err != nil {
		return "", 0, err
	}
	defer body.Close()
	h := sha256.New()
	size, err := io.Copy(h, body)
	return hex.EncodeToString(h.Sum(nil)), size, err
}

// Publish implements Publisher.
func (s *Storage) Publish(ctx context.Context, r Release) (Published, error) {
	place, dir, err := s.where(ctx, r)
	if err != nil {
		return Published{}, err
	}
	if len(r.Files) == 0 {
		return Published{}, refusedf("The package %q made no file to publish. Name what it makes in `artifacts`.", r.Package.Name)
	}
	if r.PullRequest {
		return s.publishDev(ctx, r, place, dir)
	}
	name := placeName(place, dir)
	found, state, err := s.Find(ctx, r)
	switch {
	case err != nil || state == Complete:
		return found, err
	case state == Conflict:
		return Published{}, conflict(r.Version, name, "another release has the version")
	case state == Absent:
		if err := writeRecord(ctx, place.Bucket, dir, recordOf(r), true); err != nil && !errors.Is(err, blob.ErrExists) {
			return Published{}, err
		}
		// Whoever else was faster has the version, unless it was this release.
		rec, ok, err := readRecord(ctx, place.Bucket, dir)
		if err != nil {
			return Published{}, err
		}
		if !ok || rec.differs(r) != "" {
			return Published{}, conflict(r.Version, name, "another release was faster")
		}
	}
	for _, f := range r.Files {
		if slices.ContainsFunc(found.Items, func(i checks.PublishedItem) bool { return i.Name == f.Name }) {
			continue
		}
		err := put(ctx, place.Bucket, dir+"/"+f.Name, f, true)
		if errors.Is(err, blob.ErrExists) {
			var sum string
			if sum, _, err = sumOf(ctx, place.Bucket, dir+"/"+f.Name); err == nil && sum != f.SHA256 {
				return Published{}, conflict(r.Version, name, "file %q is another", f.Name)
			}
		}
		if err != nil {
			return Published{}, err
		}
	}
	return all(place, dir, recordOf(r)), nil
}

// publishDev puts a build over the one before and removes what only that had.
func (s *Storage) publishDev(ctx context.Context, r Release, place Place, dir string) (Published, error) {
	old, _, err := readRecord(ctx, place.Bucket, dir)
	if err != nil {
		return Published{}, err
	}
	// The record names old and new files first, so that a build that comes
	// after a crash knows what to remove.
	rec, both := recordOf(r), recordOf(r)
	var gone []recordFile
	for _, f := range old.Files {
		if !slices.ContainsFunc(rec.Files, func(n recordFile) bool { return n.Name == f.Name }) && cleanName(f.Name) {
			gone = append(gone, f)
		}
	}
	both.Commit, both.Files = "", append(both.Files, gone...)
	if err := writeRecord(ctx, place.Bucket, dir, both, false); err != nil {
		return Published{}, err
	}
	for _, f := range r.Files {
		if err := put(ctx, place.Bucket, dir+"/"+f.Name, f, false); err != nil {
			return Published{}, err
		}
	}
	for _, f := range gone {
		_, err := timed(ctx, callTime, func(ctx context.Context) (struct{}, error) {
			return struct{}{}, place.Bucket.Delete(ctx, dir+"/"+f.Name)
		})
		if err != nil {
			return Published{}, fmt.Errorf("remove file %q of the build before: %w", f.Name, err)
		}
	}
	return all(place, dir, rec), writeRecord(ctx, place.Bucket, dir, rec, false)
}

func all(place Place, dir string, rec record) Published {
	p := Published{Version: rec.Version}
	for _, f := range rec.Files {
		p.Items = append(p.Items, itemOf(place, dir, f))
	}
	return p
}

func put(ctx context.Context, b blob.Bucket, key string, f File, ifAbsent bool) error {
	body, err := f.Open()
	if err != nil {
		return fmt.Errorf("open file %q of the release: %w", f.Name, err)
	}
	defer body.Close()
	info, err := timed(ctx, uploadTime, func(ctx context.Context) (blob.Info, error) {
		return b.Put(ctx, key, body, blob.PutOptions{IfAbsent: ifAbsent, SHA256: blob.Digest(f.SHA256)})
	})
	if err == nil && info.Size != f.Size {
		err = fmt.Errorf("the file has %d bytes, not %d", info.Size, f.Size)
	}
	if err != nil {
		return fmt.Errorf("publish file %q: %w", f.Name, err)
	}
	return nil
}

// where is the folder of a release, which was checked.
func (s *Storage) where(ctx context.Context, r Release) (Place, string, error) {
	if err := checkFiles(r.Files); err != nil {
		return Place{}, "", err
	}
	for _, f := range r.Files {
		if base(f) == recordName {
			return Place{}, "", refusedf("A published file may not be named %s.", recordName)
		}
	}
	kind, leaf := "prod", r.Version
	if r.PullRequest {
		kind, leaf = "dev", escapeBranch(r.Branch)
		if !cleanName(leaf) {
			return Place{}, "", refusedf("The branch %q cannot be the name of a folder.", short(r.Branch))
		}
	} else if err := CheckVersion("", r.Version); err != nil {
		return Place{}, "", err
	}
	place, root, err := s.folder(ctx, r.Package, kind)
	return place, root + "/" + leaf, err
}

// folder is where the releases of a package are.
func (s *Storage) folder(ctx context.Context, pkg checks.Package, kind string) (Place, string, error) {
	if !keyElement().MatchString(pkg.Name) || !keyElement().MatchString(pkg.PkgType) {
		return Place{}, "", refusedf("%q cannot be the name of a folder.", short(pkg.Name))
	}
	root := path.Join(pkg.PkgType+"s", kind, pkg.Name)
	if prefix := strings.Trim(pkg.BuildInfo.Prefix, "/"); prefix != "" {
		if !fs.ValidPath(prefix) || !cleanName(prefix) {
			return Place{}, "", refusedf("build_info.prefix %q is no path. Write one such as `releases/java`.", short(pkg.BuildInfo.Prefix))
		}
		root = prefix + "/" + root
	}
	place, err := s.place(ctx, pkg.BuildInfo.Bucket)
	return place, root, err
}

func placeName(place Place, dir string) string {
	if place.URL == "" {
		return dir
	}
	return strings.TrimSuffix(place.URL, "/") + "/" + dir
}

// escapeBranch writes a branch so that it can be part of a key, different
// ones differently.
func escapeBranch(branch string) string {
	var b strings.Builder
	for i := range len(branch) {
		switch c := branch[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("._-/", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
