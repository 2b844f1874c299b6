package source

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// maxOutput bounds what is kept of one git process's standard output, in bytes.
const maxOutput = 512 << 20

// maxStderr bounds what is kept of its standard error, in bytes.
const maxStderr = 8 << 10

// passedOn are the only variables of our own environment that git sees.
var passedOn = []string{
	"PATH", "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY",
	"SSL_CERT_FILE", "SSL_CERT_DIR",
}

type setting struct{ key, value string }

// git runs git processes that see no configuration but ours.
type git struct {
	bin    string
	env    []string
	config []setting
}

func newGit(bin, home string, allowFile bool) *git {
	g := &git{bin: bin, env: []string{
		"HOME=" + home, "LC_ALL=C", "TZ=UTC",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_ATTR_NOSYSTEM=1",
		"GIT_TERMINAL_PROMPT=0", "GIT_NO_REPLACE_OBJECTS=1",
	}}
	for _, name := range passedOn {
		if v, ok := os.LookupEnv(name); ok {
			g.env = append(g.env, name+"="+v)
		}
	}
	// transfer.fsckObjects stays off: it refuses old histories that GitHub
	// serves. Hostile trees are refused where they would do harm, at checkout.
	g.config = []setting{
		{"core.hooksPath", "/dev/null"}, {"core.fsmonitor", "false"}, {"core.askPass", ""},
		{"core.attributesFile", "/dev/null"}, {"core.excludesFile", "/dev/null"},
		{"core.symlinks", "true"}, {"core.fileMode", "true"}, {"core.ignoreCase", "false"},
		{"core.protectNTFS", "true"}, {"core.protectHFS", "true"},
		{"core.autocrlf", "false"}, {"core.logAllRefUpdates", "false"},
		{"core.filesRefLockTimeout", "5000"}, {"core.packedRefsTimeout", "5000"},
		{"credential.helper", ""}, {"transfer.credentialsInUrl", "die"},
		{"protocol.allow", "never"}, {"protocol.http.allow", "always"}, {"protocol.https.allow", "always"},
		{"http.followRedirects", "false"}, {"http.lowSpeedLimit", "1"}, {"http.lowSpeedTime", "90"},
		// A pack appears whole or not at all; loose objects come one by one.
		{"fetch.unpackLimit", "1"},
		{"fetch.recurseSubmodules", "false"}, {"submodule.recurse", "false"},
		{"gc.auto", "0"}, {"maintenance.auto", "false"},
	}
	if allowFile {
		g.config = append(g.config, setting{"protocol.file.allow", "always"})
	}
	return g
}

// call is one git process.
type call struct {
	dir     string // the git directory; empty for none
	args    []string
	env     []string
	config  []setting
	stdin   []byte
	max     int      // of standard output, in bytes; 0 means maxOutput
	secrets []string // never shown in an error
	umask   bool     // write files with umask 022 whatever ours is
	most    int64    // of each file that is written, in bytes; 0 is no bound
}

// gitError is a git process that ended badly.
type gitError struct {
	verb   string
	exit   int // -1 when a signal ended it
	stderr string
}

func (e *gitError) Error() string {
	return fmt.Sprintf("git %s: exit status %d: %s", e.verb, e.exit, e.stderr)
}

// exitOf is the exit status of the git process that err tells of, else -1.
func exitOf(err error) int {
	var e *gitError
	if errors.As(err, &e) {
		return e.exit
	}
	return -1
}

// stderrOf is what that git process said.
func stderrOf(err error) string {
	var e *gitError
	if errors.As(err, &e) {
		return e.stderr
	}
	return ""
}

// command makes the process of c. The end of ctx stops it and its children:
// first with SIGTERM, so that git takes its lock files away.
func (g *git) command(ctx context.Context, c call) *exec.Cmd {
	args := c.args
	if c.dir != "" {
		args = append([]string{"--git-dir=" + c.dir}, args...)
	}
	cmd := exec.CommandContext(ctx, g.bin, args...)
	before := ""
	if c.umask {
		before = "umask 022 && "
	}
	if c.most > 0 {
		before += "ulimit -f " + strconv.FormatInt(c.most/512+1, 10) + " && " // POSIX counts blocks of 512 bytes
	}
	if before != "" {
		cmd = exec.CommandContext(ctx, "/bin/sh", append([]string{"-c", before + `exec "$0" "$@"`, g.bin}, args...)...)
	}
	cmd.Env = append(append([]string{}, g.env...), c.env...)
	n := 0
	for _, list := range [][]setting{g.config, c.config} {
		for _, s := range list {
			i := strconv.Itoa(n)
			cmd.Env = append(cmd.Env, "GIT_CONFIG_KEY_"+i+"="+s.key, "GIT_CONFIG_VALUE_"+i+"="+s.value)
			n++
		}
	}
	cmd.Env = append(cmd.Env, "GIT_CONFIG_COUNT="+strconv.Itoa(n))
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// run runs c and returns its standard output. A bad end is a *gitError, or
// the error of ctx when that ended it.
func (g *git) run(ctx context.Context, c call) ([]byte, error) {
	cmd := g.command(ctx, c)
	out, errs := &bounded{max: cmp.Or(c.max, maxOutput)}, &bounded{max: maxStderr, cut: true}
	cmd.Stdout, cmd.Stderr = out, errs
	if c.stdin != nil {
		cmd.Stdin = bytes.NewReader(c.stdin)
	}
	err := cmd.Run()
	if err == nil {
		return out.Bytes(), nil
	}
	if ctx.Err() != nil && cmd.Process != nil {
		// A child that ignored SIGTERM must not write on.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	if out.over {
		return nil, fmt.Errorf("git %s: %w", c.args[0], errTooMuch)
	}
	return out.Bytes(), failure(ctx, c, err, errs)
}

func failure(ctx context.Context, c call, err error, errs *bounded) error {
	verb := c.args[0]
	if ctx.Err() != nil {
		return fmt.Errorf("git %s: %w", verb, context.Cause(ctx))
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return fmt.Errorf("git %s: %w", verb, err)
	}
	return &gitError{verb: verb, exit: exit.ExitCode(), stderr: masked(strings.TrimSpace(errs.String()), c.secrets)}
}

// masked is text without the secrets.
func masked(text string, secrets []string) string {
	for _, s := range secrets {
		if s != "" {
			text = strings.ReplaceAll(text, s, "***")
		}
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// bounded keeps the first max bytes written to it. More is dropped when cut
// is set, and an error otherwise.
type bounded struct {
	bytes.Buffer
	max  int
	cut  bool
	over bool
}

var errTooMuch = errors.New("git printed more than is kept")

func (b *bounded) Write(p []byte) (int, error) {
	room := b.max - b.Len()
	if len(p) <= room {
		return b.Buffer.Write(p)
	}
	if !b.cut {
		b.over = true
		return 0, errTooMuch
	}
	b.Buffer.Write(p[:max(room, 0)])
	return len(p), nil
}
