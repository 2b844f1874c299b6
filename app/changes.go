package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/app/github"
	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/configs"
	"github.com/dudesons/loktar/configs/manifest"
	"github.com/dudesons/loktar/runner/source"
)

// openHub is the App's client.
func openHub(cfg configs.Config, log zerolog.Logger, version string) (*github.App, error) {
	key, err := os.ReadFile(cfg.GitHub.PrivateKeyFile)
	if err != nil {
		return nil, fmt.Errorf("read the App's private key: %w", err)
	}
	return github.New(github.Options{
		AppID: cfg.GitHub.AppID, Key: key, APIURL: cfg.APIURL(), Version: version,
		Logger: log.With().Str("part", "github").Logger(),
	})
}

// openSource is the git side, which reaches repositories as the App.
func openSource(cfg configs.Config, hub *github.App) (*source.Source, error) {
	return source.New(source.Options{
		Dir:   filepath.Join(cfg.DataDir, "git"),
		URL:   func(r checks.Repo) string { return cfg.GitURL(r.Owner, r.Name) },
		Token: hub.CloneToken,
	})
}

// changes is the engine's Source: what git says of a change, with the
// loktar.json of both sides parsed.
type changes struct{ source *source.Source }

// Load reads and parses; its errors are those of source.Load.
func (c changes) Load(ctx context.Context, ev checks.Event) (checks.Change, error) {
	loaded, err := c.source.Load(ctx, ev)
	if err != nil {
		return checks.Change{}, err
	}
	ch := loaded.Change
	if loaded.Manifest != nil {
		dirs, err := loaded.Dirs(ctx)
		if err != nil {
			return checks.Change{}, fmt.Errorf("look for packages' folders: %w", err)
		}
		defer dirs.Close()
		m, problems := manifest.Parse(loaded.Manifest, manifest.Options{
			DirExists: dirs.Exists, Dirs: func() []string { return folders(dirs) },
		})
		ch.Manifest, ch.Problems = m, append(ch.Problems, problems...)
		if err := dirs.Err(); err != nil {
			return checks.Change{}, fmt.Errorf("look for packages' folders: %w", err)
		}
	}
	if loaded.BaseManifest != nil {
		ch.BaseManifest, _ = manifest.Parse(loaded.BaseManifest, manifest.Options{})
	}
	return ch, nil
}

// maxFolders bounds how many folders are looked through for one that a
// mistyped pkg_dir may have meant.
const maxFolders = 10_000

// folders are the folders of a tree, those near the root first.
func folders(dirs *source.Dirs) []string {
	all := dirs.Siblings("x")
	for i := 0; i < len(all) && len(all) < maxFolders; i++ {
		for _, name := range dirs.Siblings(all[i] + "/x") {
			all = append(all, all[i]+"/"+name)
		}
	}
	return all
}
