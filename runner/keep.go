package runner

import (
	"context"
	"encoding/json"
	"io"
	"io/fs"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/checks"
)

// Keep keeps one file that a test left, and tells the SHA-256 of its content in
// hexadecimal digits.
type Keep func(ctx context.Context, file KeptFile) (sha256 string, err error)

// KeptFile is a file that an attempt of a job left. Name, Size, Mode and Open
// are those of Collect.
type KeptFile struct {
	Repo checks.Repo
	Job  checks.JobID
	Name string
	Size int64
	Mode fs.FileMode
	Open func() (io.ReadCloser, error)
}

// keeping takes what a test leaves.
type keeping struct {
	read    *reading
	kept    []checks.Artifact
	refusal string // why not all is there: a fault of ours
	told    string // likewise, the job's own doing
}

// keep has t hand over what the package's `artifacts` and `reports` name.
func (r *Runner) keep(run checks.Run, job checks.Job, t *Task, log *Log, read *reading) *keeping {
	k := &keeping{read: read}
	p := job.Package
	if r.o.Keep == nil || len(p.Artifacts)+len(p.Reports) == 0 || len(t.Steps) == 0 {
		return k
	}
	isReport := func(string) bool { return false }
	// Of globs that cannot be read the finder tells.
	if reports, err := newGlobs(p.Reports); err == nil {
		isReport = reports.match
	}
	t.Save, t.Load = k.save, k.load
	t.Artifacts = &Artifacts{
		Globs: append(append([]string(nil), p.Reports...), p.Artifacts...), MaxBytes: r.o.MaxKept, Lenient: true, First: isReport,
		Collect: func(ctx context.Context, name string, size int64, mode fs.FileMode, open func() (io.ReadCloser, error)) error {
			if k.refusal != "" {
				return nil // one is enough to know
			}
			if log.masked(name) != name {
				k.told = "Files are not kept that have a secret in their names."
				return nil
			}
			if isReport(name) {
				read.report(ctx, name, open)
			}
			sum, err := r.o.Keep(ctx, KeptFile{Repo: run.Repo, Job: job.ID(), Name: name, Size: size, Mode: mode, Open: open})
			switch {
			case err == nil:
			case ctx.Err() != nil:
				return ctx.Err()
			default:
				// The verdict stands: it is about the code.
				zerolog.Ctx(ctx).Error().Err(err).Str("job", job.ID().String()).Str("file", name).Msg("a file that a job left cannot be kept")
				k.refusal = "Not all of its files could be kept: " + checks.PublicText(err, "the server's log tells why.")
				return nil
			}
			a := checks.Artifact{Name: name, Kind: checks.KindArtifact, SHA256: sum, Size: size}
			if isReport(name) {
				a.Kind = checks.KindReport
			}
			k.kept = append(k.kept, a)
			return nil
		},
	}
	return k
}

// taken is what keeping knows, for another process.
type taken struct {
	Kept    []checks.Artifact `json:"kept,omitempty"`
	Refusal string            `json:"refusal,omitempty"`
	Told    string            `json:"told,omitempty"`
	// Reports are what annotate.Collector knows of them.
	Reports json.RawMessage `json:"reports"`
}

func (k *keeping) save() ([]byte, error) {
	reports, err := k.read.c.Save()
	if err != nil {
		return nil, err
	}
	return json.Marshal(taken{k.kept, k.refusal, k.told, reports})
}

func (k *keeping) load(saved []byte) error {
	var t taken
	if err := json.Unmarshal(saved, &t); err != nil {
		return err
	}
	k.kept, k.refusal, k.told = t.Kept, t.Refusal, t.Told
	return k.read.c.Load(t.Reports)
}

// noted is r with what was kept.
func (k *keeping) noted(r checks.Result) checks.Result {
	r.Artifacts = k.kept
	for _, why := range []string{k.told, k.refusal} {
		if why != "" {
			r.Detail = andText(r.Detail, why)
		}
	}
	return r
}

func andText(a, b string) string {
	if a == "" {
		return b
	}
	return a + " " + b
}
