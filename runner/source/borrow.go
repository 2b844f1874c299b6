package source

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// Borrow has repo's mirror find its objects in the folder objects of a
// repository on this machine too, which is only read: nothing need be fetched
// of it. It returns the folder that holds the mirror's own objects.
func (s *Source) Borrow(ctx context.Context, repo checks.Repo, objects string) (own string, err error) {
	if strings.ContainsAny(objects, "\n\"#") || !filepath.IsAbs(objects) {
		return "", checks.Errorf(checks.KindRefused, nil, "The path of the repository, %q, is not one that can be used: it holds a quote, a hash or a line break.", objects)
	}
	m := s.mirror(repo)
	if err := m.lock(ctx); err != nil {
		return "", err
	}
	defer m.unlock()
	if err := m.ensure(ctx); err != nil {
		return "", err
	}
	own = filepath.Join(m.dir, "objects")
	list := filepath.Join(own, "info", "alternates")
	if old, err := os.ReadFile(list); err == nil && string(old) == objects+"\n" {
		return own, nil
	}
	if err := os.MkdirAll(filepath.Dir(list), 0o755); err != nil {
		return "", fmt.Errorf("borrow objects: %w", err)
	}
	if err := os.WriteFile(list, []byte(objects+"\n"), 0o644); err != nil {
		return "", fmt.Errorf("borrow objects: %w", err)
	}
	return own, nil
}

// lender is the folder that Borrow named; empty when there is none.
func (m *mirror) lender() string {
	text, err := os.ReadFile(filepath.Join(m.dir, "objects", "info", "alternates"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// lends reports why the folder lender does not hold all that a job of run may
// ask git for, or nil.
func (m *mirror) lends(ctx context.Context, lender, tree string, run checks.Run) error {
	out, err := m.run(ctx, "rev-parse", "--verify", "--end-of-options", run.HeadSHA+"^{tree}")
	if err != nil {
		return fmt.Errorf("read the tree of the commit: %w", err)
	}
	if strings.TrimSpace(string(out)) != tree {
		return checks.Errorf(checks.KindConfig, nil,
			"The package asks for `git`, and its files are of no commit here. Commit first, and run it without --uncommitted and --merge.")
	}
	if _, err := os.Stat(filepath.Join(lender, "info", "alternates")); err == nil {
		return checks.Errorf(checks.KindConfig, nil,
			"The package asks for `git`, and this repository has its objects in another one (objects/info/alternates), which its steps would not see. Run it in a clone made without --shared and --reference.")
	}
	return nil
}
