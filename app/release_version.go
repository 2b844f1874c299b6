package app

import (
	"context"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner/publish"
)

// maxVersionFile bounds what is read of a file with a version; its first line
// counts.
const maxVersionFile = 4 << 10

// template is what the package's version is made of: build_info.version, or
// the first line of the file that it names, in the tested tree.
func (r *releases) template(ctx context.Context, run checks.Run, job checks.Job) (string, error) {
	var broken error
	text, err := publish.ReadTemplate(job.Package.BuildInfo.Version, func(name string) ([]byte, error) {
		data, err := r.runner.ReadFile(ctx, run, job, name, maxVersionFile)
		if err != nil && checks.KindOf(err) != checks.KindRefused {
			broken = err
		}
		return data, err
	})
	if broken != nil {
		return "", broken
	}
	return text, err
}
