package runner

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner/redact"
)

// Secrets gives the secrets that a job may have, by name. An error says in
// public words what has to be mended, and holds no value.
type Secrets func(ctx context.Context, run checks.Run, job checks.Job) (map[string]string, error)

// secrets are those of a job, and keeps them out of its log. The log names
// those that the package asks for and does not get.
func (r *Runner) secrets(ctx context.Context, run checks.Run, job checks.Job, log *Log) (map[string]string, error) {
	names := job.Package.Secrets
	if len(names) == 0 {
		return nil, nil
	}
	why := "the code comes from people who may not write to the repository"
	var given map[string]string
	if !run.Untrusted() {
		why = "they are not for this job"
		if r.o.Secrets != nil {
			var err error
			if given, err = r.o.Secrets(ctx, run, job); err != nil {
				return nil, err
			}
		}
	}
	held := make(map[string]string)
	var missing []string
	for _, name := range names {
		value, ok := given[name]
		switch {
		case !ok:
			missing = append(missing, name)
		case !envName.MatchString(name) || reserved(name) || strings.ContainsRune(value, 0) || len(value) > maxArg:
			return nil, checks.Errorf(checks.KindConfig, nil, "The secret %s cannot be an environment variable: names that begin with LOKTAR are Loktar's, and a value holds no zero byte and at most %s.", name, bytesText(maxArg+256))
		case len(value) < redact.MinLength:
			return nil, checks.Errorf(checks.KindConfig, nil, "The secret %s is shorter than %d bytes, and cannot be told from other text in a log. The server's operator gives it a longer value; what is no secret belongs into `env`.", name, redact.MinLength)
		default:
			held[name] = value
		}
	}
	log.Mask(redact.New(slices.Collect(maps.Values(held))...))
	if len(missing) > 0 {
		log.Heading(fmt.Sprintf("Without the secrets %s: %s", strings.Join(missing, ", "), why))
	}
	return held, nil
}
