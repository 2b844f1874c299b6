package docker

import "time"

// Timed has a Sandbox tell how long each part of a job takes.
func Timed(tell func(part string, took time.Duration)) func(*Options) {
	return func(o *Options) { o.timed = tell }
}

// ThroughEngine has a Sandbox read artifacts through the engine alone.
func ThroughEngine(o *Options) { o.noMount = true }

// Copying has a Sandbox copy the tree for each job, as one does where overlays
// do not serve.
func Copying(o *Options) { o.noOverlay = true }

// RecordForm and RecordFile are of what tells the next process of a job.
var RecordForm = recordForm

const RecordFile = recordFile

// WithoutProc has a Sandbox look at services as one does that does not see the
// engine's processes.
func WithoutProc(o *Options) { o.noProc = true }
