package runner

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// maxArg is what Linux allows for one argument or environment entry
// (MAX_ARG_STRLEN), less room for a name.
const maxArg = 128<<10 - 256

// maxArgs is what Linux allows for all arguments and the environment together
// (execve(2): a quarter of the usual stack), less room for what is Loktar's and
// the image's own.
const maxArgs = 2<<20 - 256<<10

// argCost is what each of them takes beside its text: a pointer, and its ends.
const argCost = 10

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// taskOf says what job means to a sandbox. Tree is left for later.
func taskOf(run checks.Run, job checks.Job) Task {
	p := job.Package
	t := Task{
		Job: job.ID(), Attempt: job.Attempt, Dir: p.Dir, Image: p.Image, Env: envOf(run, job),
		Timeout: p.Timeout, Network: p.Network, Resources: p.Resources, Services: servicesOf(p),
	}
	switch p.TestType {
	case checks.TestCommand:
		t.Steps, t.Clean = p.Commands, p.Clean
	case checks.TestMake:
		t.Steps, t.Clean = []string{"make ci"}, []string{"make clean"}
	}
	return t
}

// envOf is the package's own environment beneath what Loktar promises. Names
// that begin with LOKTAR are Loktar's, whatever the package says.
func envOf(run checks.Run, job checks.Job) map[string]string {
	p := job.Package
	if job.Release != nil {
		p.Name = job.Release.Package
	}
	env := map[string]string{"CI": "true", "HOME": "/root"}
	for name, value := range p.Env {
		if !reserved(name) {
			env[name] = value
		}
	}
	maps.Copy(env, map[string]string{
		"LOKTAR": "true", "LOKTAR_PACKAGE": p.Name, "LOKTAR_RUN": run.ID, "LOKTAR_SHA": run.HeadSHA,
	})
	if run.PullRequest != nil {
		env["LOKTAR_PULL_REQUEST"] = strconv.Itoa(run.PullRequest.Number)
	}
	return env
}

func reserved(name string) bool {
	name = strings.ToUpper(name)
	return strings.HasPrefix(name, "LOKTAR") || strings.HasPrefix(name, "TINI_")
}

// lines are the steps that may run, as Exit.Step counts them.
func (t *Task) lines() []string {
	return append(append([]string(nil), t.Steps...), t.Otherwise...)
}

// ran is how many steps began in a run that ended with exit.
func (t *Task) ran(exit Exit) int {
	if exit.Step < len(t.Steps) || len(t.Otherwise) == 0 {
		return min(exit.Step+1, len(t.Steps))
	}
	return min(exit.Step+1-len(t.Steps), len(t.Otherwise))
}

// refusal says why t cannot be run by anyone because of what the repository
// holds, or "" when it can: a verdict, not a fault.
func refusal(t Task) string {
	all := 0
	for name, value := range t.Secrets {
		all += len(name) + len(value) + argCost
	}
	for name, value := range t.Env {
		all += len(name) + len(value) + argCost
		switch {
		case !envName.MatchString(name):
			return fmt.Sprintf("env names the variable %q. A name has letters, digits and _ only, and does not begin with a digit.", name)
		case strings.ContainsRune(value, 0) || len(value) > maxArg:
			return fmt.Sprintf("The value of %s in env is longer than %s or holds a zero byte. Keep it in a file instead.", name, bytesText(maxArg+256))
		}
	}
	for _, line := range append(append(t.lines(), t.Probe), t.Clean...) {
		all += len(line) + argCost
		if strings.ContainsRune(line, 0) || len(line) > maxArg {
			return fmt.Sprintf("A command is longer than %s or holds a zero byte. Put it into a script in the repository.", bytesText(maxArg+256))
		}
	}
	if all > maxArgs {
		return fmt.Sprintf("The package's commands, its env and its secrets are longer than %s together. Put them into a script or a file in the repository.", bytesText(maxArgs))
	}
	for _, s := range t.Services {
		if why := serviceRefusal(s); why != "" {
			return why
		}
	}
	root, err := os.OpenRoot(t.Tree)
	if err != nil {
		return "" // the sandbox says what is wrong with our own folder
	}
	defer func() { _ = root.Close() }()
	info, err := root.Stat(t.Dir)
	switch {
	case os.IsNotExist(err):
		return fmt.Sprintf("The folder `%s` is not in the tested commit. Correct pkg_dir in %s, or add the folder.", t.Dir, checks.ManifestFile)
	case err != nil:
		return fmt.Sprintf("The folder `%s` cannot be entered: it is not inside the repository. Correct pkg_dir in %s.", t.Dir, checks.ManifestFile)
	case !info.IsDir():
		return fmt.Sprintf("`%s` is not a folder. Correct pkg_dir in %s.", t.Dir, checks.ManifestFile)
	}
	return ""
}
