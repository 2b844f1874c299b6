package app

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/configs"
	"github.com/dudesons/loktar/runner"
	"github.com/dudesons/loktar/store"
	"github.com/dudesons/loktar/store/blob"
)

// artifacts are the files that tests left. Each repository has a folder of its
// own; nothing that is published is read from here.
type artifacts struct {
	shelf
	close func() error
	s3    *blob.S3 // nil when it is a folder
	// owner is who uses a storage that others may reach too; "" where nobody
	// else does.
	owner string
	days  int
	store *store.Store
	built *shelf // of releases
	log   zerolog.Logger
}

func openArtifacts(ctx context.Context, cfg configs.Config, s *store.Store, log zerolog.Logger) (*artifacts, error) {
	a := &artifacts{close: func() error { return nil }, days: cfg.Artifacts.Days, store: s, log: log.With().Str("part", "artifacts").Logger()}
	to := cfg.Artifacts.Storage
	if to != nil {
		a.owner = s.InstanceID()
	}
	if to != nil && to.Type == configs.RegistryS3 {
		s3, err := openS3(ctx, *to)
		if err != nil {
			return nil, err
		}
		a.s3, a.bucket = s3, s3
		return a, nil
	}
	path := filepath.Join(cfg.DataDir, "artifacts")
	if to != nil {
		path = to.Path
	}
	dir, err := blob.OpenDir(path)
	if err != nil {
		return nil, err
	}
	a.bucket, a.close = dir, dir.Close
	return a, nil
}

// openS3 is the bucket of a registry or of a storage.
func openS3(ctx context.Context, reg configs.Registry) (*blob.S3, error) {
	return blob.OpenS3(ctx, blob.S3Options{
		Endpoint: reg.S3.Endpoint, Region: reg.S3.Region, Bucket: reg.S3.Bucket, Prefix: reg.S3.Prefix,
		PathStyle: reg.S3.PathStyle, SSE: reg.S3.SSE, KMSKeyID: reg.S3.KMSKeyID, Plain: reg.S3.Plain,
		Keys: func() (blob.S3Keys, error) {
			access, secret, err := reg.Credentials()
			return blob.S3Keys{Access: access, Secret: secret.Reveal()}, err
		},
	})
}

// keep is the runner's Keep.
func (a *artifacts) keep(ctx context.Context, f runner.KeptFile) (string, error) {
	if f.Repo.ID <= 0 {
		return "", errors.New("the run has no repository")
	}
	sum, _, err := a.add(ctx, f.Repo.ID, f.Open)
	return sum, err
}

// introduce tells the operator at once when the bucket cannot be used.
func (a *artifacts) introduce(ctx context.Context) {
	if a.s3 == nil {
		return
	}
	if err := a.s3.Check(ctx); err != nil && ctx.Err() == nil {
		a.log.Warn().Err(err).Msg("the bucket of artifacts.storage cannot be used; jobs run, and what they leave is not kept")
	}
}

// tidy removes what is kept no longer: of tests, what no job names that is
// younger than the configuration says; of releases, what is owed no more.
func (a *artifacts) tidy(ctx context.Context) {
	for what, sweep := range map[string]func(context.Context) (swept, error){"tests": a.sweepTests, "releases": a.sweepBuilt} {
		done, err := sweep(ctx)
		if err != nil && ctx.Err() == nil {
			a.log.Warn().Err(err).Str("of", what).Msg("cannot remove all files that are kept no longer; the next turn is tomorrow")
		}
		if done.Objects > 0 {
			a.log.Info().Int("files", done.Objects).Int64("bytes", done.Bytes).Str("of", what).Msg("removed files that are kept no longer")
		}
	}
}

func (a *artifacts) sweepTests(ctx context.Context) (swept, error) {
	if err := a.own(ctx); err != nil {
		return swept{}, err
	}
	named := map[item]bool{}
	err := a.store.Kept(a.time().AddDate(0, 0, -a.days), func(repo int64, sum string) error {
		i, err := itemOfSum(repo, sum)
		named[i] = true
		return errors.Join(err, ctx.Err())
	})
	if err != nil {
		return swept{}, err
	}
	done, err := a.sweep(ctx, named)
	if err == nil && a.s3 != nil {
		_, err = a.s3.Sweep(ctx, fresh) // what was not uploaded to its end
	}
	return done, err
}

func (a *artifacts) sweepBuilt(ctx context.Context) (swept, error) {
	owed, err := a.store.AllOwed()
	if err != nil {
		return swept{}, err
	}
	named := map[item]bool{}
	for _, p := range owed {
		// A later state is published, so nothing asks for this one any more.
		if last, found, err := a.store.LastPublished(p.Repo, p.Package); err != nil {
			return swept{}, err
		} else if found && last.Number > p.Number {
			continue
		}
		for _, file := range p.Items {
			if file.SHA256 == "" {
				continue
			}
			i, err := itemOfSum(0, file.SHA256)
			if err != nil {
				return swept{}, err
			}
			named[i] = true
		}
	}
	return a.built.sweep(ctx, named)
}

// ownerKey holds the instance whose server keeps files in a storage.
const ownerKey = "owner"

// own takes the storage for this server, or finds that it did. One that is
// another's has files that this store knows nothing of.
func (a *artifacts) own(ctx context.Context) error {
	if a.owner == "" {
		return nil
	}
	_, err := a.bucket.Put(ctx, ownerKey, strings.NewReader(a.owner), blob.PutOptions{IfAbsent: true, ContentType: "text/plain"})
	if !errors.Is(err, blob.ErrExists) {
		return err
	}
	r, _, err := a.bucket.Get(ctx, ownerKey, blob.GetOptions{})
	if err != nil {
		return err
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, 1000))
	if err != nil || string(text) == a.owner {
		return err
	}
	return checks.Errorf(checks.KindConfig, nil, "another server keeps files in artifacts.storage, so none are removed there; give each server a folder or prefix of its own, or remove the object %q if there is no other", ownerKey)
}

// run removes once a day.
func (a *artifacts) run(ctx context.Context) {
	a.introduce(ctx)
	daily(ctx, 5*time.Minute, func() { a.tidy(ctx) })
}
