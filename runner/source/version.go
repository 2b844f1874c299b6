package source

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// minGit is the first git with merge-tree --write-tree and cat-file -z.
const minGit = "2.38"

var versionLine = regexp.MustCompile(`^git version (\d+)\.(\d+)`)

func (g *git) checkVersion(ctx context.Context) error {
	out, err := g.run(ctx, call{args: []string{"version"}})
	if err != nil {
		return checks.Errorf(checks.KindConfig, err, "Git does not run. Install git %s or newer.", minGit)
	}
	return checkVersionLine(strings.TrimSpace(string(out)))
}

func checkVersionLine(line string) error {
	m := versionLine.FindStringSubmatch(line)
	if m == nil {
		return checks.Errorf(checks.KindConfig, fmt.Errorf("git version said %q", line),
			"The version of git could not be read. Install git %s or newer.", minGit)
	}
	major, errMajor := strconv.Atoi(m[1])
	minor, errMinor := strconv.Atoi(m[2])
	if errMajor != nil || errMinor != nil || major < 2 || major == 2 && minor < 38 {
		return checks.Errorf(checks.KindConfig, nil,
			"Git %s.%s is too old. Install git %s or newer (Debian 12 has 2.39).", m[1], m[2], minGit)
	}
	return nil
}
