package docker

// ThroughEngine has a Sandbox read artifacts through the engine alone.
func ThroughEngine(o *Options) { o.noMount = true }
