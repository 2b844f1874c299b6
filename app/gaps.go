package app

import (
	"context"
	"fmt"
	"slices"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/graph"
	"github.com/dudesons/loktar/runner/source"
)

// maxManifest bounds the loktar.json that is read again, in bytes, as source
// bounds it.
const maxManifest = 16 << 20

// whole is nil when the files of a package of run are all there. The files
// that it owns and those that match its inputs are its own: others' gaps are
// others' matter. The error is of checks.KindConfig when one is a submodule, or
// a pointer of Git LFS: steps that run on those would test something else.
func (w workspaces) whole(ctx context.Context, run checks.Run, name string, gaps []source.Gap) error {
	if len(gaps) == 0 {
		return nil
	}
	m, err := w.manifest(ctx, run)
	if err != nil {
		return fmt.Errorf("look for missing files: %w", err)
	}
	packages := slices.Clone(m.Packages)
	for i := range packages {
		// What a package depends on is tested by itself.
		packages[i].DependsOn = nil
	}
	g, err := graph.New(packages)
	if err != nil {
		return fmt.Errorf("look for missing files: %w", err)
	}
	hit := map[source.GapKind]*missing{}
	for _, gap := range gaps {
		files := []string{gap.Path}
		if gap.Kind == source.GapSubmodule {
			// A glob for what is in it, as vendor/lib/**, means it too.
			files = append(files, gap.Path+"/x")
		}
		for _, a := range g.Affected(graph.Query{Files: files}).Affected {
			if a.Name != name {
				continue
			}
			if hit[gap.Kind] == nil {
				hit[gap.Kind] = &missing{first: gap.Path}
			}
			hit[gap.Kind].count++
		}
	}
	if m := hit[source.GapSubmodule]; m != nil {
		return checks.Causef(checks.CauseFiles, nil,
			"%s of this package is a submodule%s, which Loktar does not fetch: its steps would see an empty folder, so they were not run. "+
				"Put the files themselves into the repository, or take the submodule out of the package's folder and inputs.", m.path(), m.more())
	}
	if m := hit[source.GapLFS]; m != nil {
		return checks.Causef(checks.CauseFiles, nil,
			"%s of this package is kept with Git LFS%s, which Loktar does not fetch: its steps would see a pointer of a few lines, so they were not run. "+
				"Put the file itself into the repository (`git lfs untrack`), or move it out of the package's folder and inputs.", m.path(), m.more())
	}
	return nil
}

// missing counts gaps of one kind.
type missing struct {
	first string
	count int
}

func (m *missing) path() string {
	const most = 200
	p := []rune(m.first)
	if len(p) > most {
		p = append([]rune("…"), p[len(p)-most:]...)
	}
	return fmt.Sprintf("%q", string(p))
}

func (m *missing) more() string {
	if m.count == 1 {
		return ""
	}
	return fmt.Sprintf(" (and %d more like it)", m.count-1)
}

// manifest is the loktar.json that counted for run, the caller's own but for
// Packages.
func (w workspaces) manifest(ctx context.Context, run checks.Run) (*checks.Manifest, error) {
	objects, err := w.source.Objects(ctx, run.Repo)
	if err != nil {
		return nil, err
	}
	defer objects.Close()
	blob, text, err := objects.Blob(manifestRev(run)+":"+checks.ManifestFile, maxManifest)
	if err != nil {
		return nil, err
	}
	m, problems := w.manifests.parse(blob.OID, text, nil)
	if m == nil {
		return nil, fmt.Errorf("parse %s: %d problems", checks.ManifestFile, len(problems))
	}
	return m, nil
}

// manifestRev is the tree or commit whose loktar.json counts for run.
func manifestRev(run checks.Run) string {
	if run.Untrusted() {
		return run.BaseSHA // see source.Loaded.Forked
	}
	return run.Tree
}
