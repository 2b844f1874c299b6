package docker

// ThroughEngine has a Sandbox read artifacts through the engine alone.
func ThroughEngine(o *Options) { o.noMount = true }

// Copying has a Sandbox copy the tree for each job, as one does where overlays
// do not serve.
func Copying(o *Options) { o.noOverlay = true }
