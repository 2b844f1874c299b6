package configs

// Git bounds what is kept of repositories.
type Git struct {
	// MaxSize bounds mirrors and worktrees together; 0 is no bound.
	MaxSize Size
	// MinFree is what they leave free of the disk; 0 is none.
	MinFree Size
}

func setGitMaxSize(c *Config, v string) error { return setBoundOrNone(&c.Git.MaxSize, v, "100GiB") }

func setGitMinFree(c *Config, v string) error { return setBoundOrNone(&c.Git.MinFree, v, "1GiB") }

// setBoundOrNone is setBound with 0 for none.
func setBoundOrNone(to *Size, v, example string) error {
	if v == "0" {
		*to = 0
		return nil
	}
	return setBound(to, v, example)
}
