package docker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/docker/docker/api/types/mount"
	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
)

// recordFile is the file in a job's folder that tells the next process of the
// job. No container sees it.
const recordFile = "job.json"

// recordForm changes with what a process has to know to take up a job.
var recordForm = func() string {
	sum := sha256.Sum256([]byte(script))
	return "3-" + hex.EncodeToString(sum[:8])
}()

// jobRecord is what the next process has to know of a job to take it up.
type jobRecord struct {
	runner.Left
	Form     string `json:"form"`
	Instance string `json:"instance"`
	Name     string `json:"name"`
	// Nonce and CleanNonce are those of the containers of the steps and of the
	// clean lines, where these have one of their own.
	Nonce      string `json:"nonce"`
	CleanNonce string `json:"clean_nonce,omitempty"`
	ImageID    string `json:"image_id"`
	Image      string `json:"image"`
	// Network is the id of the instance's network where the job has one.
	Network string `json:"network,omitempty"`
	// Holder is the one whose network it joined, Witness the one that vouches
	// for the engine; it has one of them or none.
	Holder  *holderRecord `json:"holder,omitempty"`
	Witness *holderRecord `json:"witness,omitempty"`
	// Side are its services.
	Side   sidecars `json:"side,omitzero"`
	Mask   string   `json:"mask,omitempty"`
	Copies bool     `json:"copies,omitempty"`
	// LowFiles is what Sandbox.lowFiles was.
	LowFiles bool `json:"low_files,omitempty"`
	// Began is when the steps were about to start.
	Began time.Time `json:"began"`
	// Spent is what of the timeout was over then.
	Spent time.Duration `json:"spent,omitempty"`
	// TimedOut and Exceeded are why the steps are being ended.
	TimedOut bool   `json:"timed_out,omitempty"`
	Exceeded string `json:"exceeded,omitempty"`
	// Ended is set once all was taken of the job and only the clean lines are
	// left; Saved is then what Task.Save told.
	Ended *runner.Exit    `json:"ended,omitempty"`
	Saved json.RawMessage `json:"saved,omitempty"`
}

type holderRecord struct {
	ID      string        `json:"id"`
	Name    string        `json:"name"`
	Network bool          `json:"network"`
	Since   string        `json:"since"`
	Files   []mount.Mount `json:"files,omitempty"`
}

func recordOf(h *holder) *holderRecord {
	if h == nil {
		return nil
	}
	return &holderRecord{h.id, h.name, h.network, h.since, h.files}
}

func (r *holderRecord) holder() *holder {
	if r == nil {
		return nil
	}
	return &holder{id: r.ID, name: r.Name, network: r.Network, since: r.Since, files: r.Files}
}

// remember makes j's record, before its container starts.
func (s *Sandbox) remember(j *job) error {
	t := &j.task
	j.record = jobRecord{
		Left: runner.Left{Job: t.Job, Attempt: t.Attempt, Tree: t.Tree, Hidden: t.Hidden, Git: t.Git, Caches: t.Caches, Secrets: slices.Sorted(maps.Keys(t.Secrets))},
		Form: recordForm, Instance: s.o.Instance, Name: j.name, Nonce: j.nonce, ImageID: j.image.id, Image: t.Image,
		Mask: j.mask, Copies: j.copies, LowFiles: s.lowFiles.Load(), Began: time.Now().Add(-j.spent), Spent: j.spent, Side: j.side,
	}
	j.record.Holder, j.record.Witness = recordOf(j.holder), recordOf(j.witness)
	if t.Network {
		s.mu.Lock()
		j.record.Network = s.network
		s.mu.Unlock()
	}
	return s.note(j)
}

// note writes j's record. It outlives the process, not a loss of power: that
// ends the job too.
func (s *Sandbox) note(j *job) error {
	text, err := json.Marshal(&j.record)
	if err == nil {
		next := filepath.Join(j.dir, recordFile+".new")
		if err = os.WriteFile(next, text, 0o600); err == nil {
			err = os.Rename(next, filepath.Join(j.dir, recordFile))
		}
	}
	return fault(err, "note how far the job is")
}

// readLeft reads the records in the work folder and keeps those of jobs that
// are still wanted. What is not kept is removed by Reap.
func (s *Sandbox) readLeft() error {
	if s.o.Wanted == nil {
		return nil
	}
	entries, err := os.ReadDir(s.o.WorkDir)
	if err != nil {
		return fmt.Errorf("read work folder: %w", err)
	}
	for _, e := range entries {
		r, err := readRecord(filepath.Join(s.o.WorkDir, e.Name(), recordFile))
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			s.log.Warn().Err(err).Str("folder", e.Name()).Msg("what a job left cannot be read; the job is run anew")
		case r.Name != e.Name() || r.Instance != s.o.Instance || r.Form != recordForm:
		case s.o.Wanted(r.Left):
			if old := s.left[r.Job]; old != nil {
				// The container that it was begun in first could not be removed.
				if old.Began.After(r.Began) {
					continue
				}
				delete(s.live, old.Name)
				if old.Holder != nil {
					delete(s.live, old.Holder.Name)
				}
			}
			s.left[r.Job] = r
			s.live[r.Name] = struct{}{}
			if r.Holder != nil {
				s.live[r.Holder.Name] = struct{}{}
			}
			if r.Network != "" {
				s.network = r.Network
			}
		}
	}
	// There is one at a time; of several, the engine ended all but the last.
	var last *jobRecord
	for _, r := range s.left {
		if r.Witness != nil && (last == nil || r.Began.After(last.Began)) {
			last = r
		}
	}
	if last != nil {
		s.witness = last.Witness.holder()
		s.live[s.witness.name] = struct{}{}
	}
	return nil
}

func readRecord(file string) (*jobRecord, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	r := new(jobRecord)
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("read %s: %w", recordFile, err)
	}
	return r, nil
}

// AllLeft is what an earlier process left and what can be resumed.
func (s *Sandbox) AllLeft() (all []runner.Left) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.left {
		all = append(all, r.Left)
	}
	return all
}

// Left implements runner.Resumer.
func (s *Sandbox) Left(id checks.JobID, attempt int) (runner.Left, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.left[id]; r != nil && r.Attempt == attempt {
		return r.Left, true
	}
	return runner.Left{}, false
}

// claim takes what is left of a job from what can be resumed.
func (s *Sandbox) claim(id checks.JobID) *jobRecord {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.left[id]
	delete(s.left, id)
	return r
}

// Abandon implements runner.Resumer.
func (s *Sandbox) Abandon(ctx context.Context, id checks.JobID, gone func()) {
	ctx = s.logged(ctx)
	r := s.claim(id)
	if r == nil {
		return
	}
	zerolog.Ctx(ctx).Info().Str("job", id.String()).Msg("what an earlier process left of the job is not wanted any more")
	j := s.resumed(r, runner.Task{Job: id})
	s.leave(j.name, s.remove(ctx, j))
	s.giveBack(ctx, j.holder, true, j.stays)
	if !j.stays {
		gone()
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.abandoned = append(s.abandoned, gone)
}

// resumed is the job of r, with the files of t.
func (s *Sandbox) resumed(r *jobRecord, t runner.Task) *job {
	j := &job{
		task: t, record: *r, name: r.Name, nonce: r.Nonce, dir: filepath.Join(s.o.WorkDir, r.Name),
		mask: r.Mask, copies: r.Copies, filled: true, image: pin{id: r.ImageID}, side: r.Side, spent: r.Spent,
	}
	j.holder, j.witness = r.Holder.holder(), r.Witness.holder()
	if r.LowFiles {
		s.lowFiles.Store(true)
	}
	return j
}

// noteEnd has the next process know that all was taken of j, and how that
// went. Where it cannot know what was taken, it runs the job anew.
func (s *Sandbox) noteEnd(j *job, exit runner.Exit, log *zerolog.Logger) {
	if j.task.Save == nil {
		return
	}
	saved, err := j.task.Save()
	if err == nil {
		j.record.Ended, j.record.Saved = &exit, saved
		err = s.note(j)
	}
	if err != nil {
		log.Warn().Err(err).Str("job", j.task.Job.String()).Msg("how the job ended cannot be noted; after a restart it would be run anew")
	}
}
