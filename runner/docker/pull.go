package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/registry"
	"github.com/docker/docker/client"
	units "github.com/docker/go-units"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
)

const (
	// pullSilence is how long a pull may go on without a word of the engine.
	pullSilence = 5 * time.Minute
	// pullReport is how often a job's log tells how far a pull is.
	pullReport = 10 * time.Second
)

// Credentials give the name and the password for the registry of that host
// ("docker.io", "127.0.0.1:5000"); empty ones mean that there are none. They
// are asked at each pull. An error says in public words what has to be mended.
type Credentials func(registry string) (user, password string, err error)

// TokenUser is the name that stands with an identity token in place of a
// password, as Docker's credential helpers have it.
const TokenUser = "<token>"

// pulling is a pull under way. All jobs that need its image share it.
type pulling struct {
	done    chan struct{}
	err     error // once done
	cancel  context.CancelFunc
	waiting int // jobs; guarded by Sandbox.mu

	mu     sync.Mutex
	layers map[string]layer
}

// layer is how far one layer of an image is, in bytes.
type layer struct {
	done       bool
	have, size int64
}

// pull has the engine fetch an image and waits for it. It goes on while at
// least one job waits.
func (s *Sandbox) pull(ctx context.Context, ref reference.Named, out runner.Output) error {
	name := reference.FamiliarString(ref)
	s.mu.Lock()
	p := s.pulls[name]
	if p == nil {
		own, cancel := context.WithCancel(context.WithoutCancel(ctx))
		p = &pulling{done: make(chan struct{}), cancel: cancel, layers: make(map[string]layer)}
		s.pulls[name] = p
		go func() {
			defer cancel()
			err := s.fetch(own, ref, p)
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.pulls[name] == p {
				delete(s.pulls, name)
			}
			p.err = err
			close(p.done)
		}()
	}
	p.waiting++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if p.waiting--; p.waiting == 0 {
			p.cancel()
			if s.pulls[name] == p {
				delete(s.pulls, name) // whoever comes now must not join what ends
			}
		}
	}()
	out.Heading("Pulling the image " + name)
	report := time.NewTicker(pullReport)
	defer report.Stop()
	for {
		select {
		case <-p.done:
			return p.err
		case <-ctx.Done():
			return fmt.Errorf("pull image: %w", ctx.Err())
		case <-report.C:
			if text := p.text(); text != "" {
				out.Heading(text)
			}
		}
	}
}

// fetch pulls once.
func (s *Sandbox) fetch(ctx context.Context, ref reference.Named, p *pulling) error {
	var o image.PullOptions
	var password string
	if s.o.Credentials != nil {
		host := reference.Domain(ref)
		user, secret, err := s.o.Credentials(host)
		switch {
		case err != nil && s.o.Own:
			return checks.Causef(checks.CauseImageLogin, err, "The login for pulls from %s cannot be read: %v", host, err)
		case err != nil:
			return checks.Causef(checks.CauseImageLogin, err, "The credentials for pulls from %s cannot be read. The server's operator has to mend them.", host)
		}
		if password = secret; user != "" {
			sent := registry.AuthConfig{Username: user, Password: password, ServerAddress: host}
			if user == TokenUser {
				sent = registry.AuthConfig{IdentityToken: password, ServerAddress: host}
			}
			if o.RegistryAuth, err = registry.EncodeAuthConfig(sent); err != nil {
				return fmt.Errorf("encode credentials: %w", err)
			}
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(pullSilence, func() { cancel(errSilence) })
	defer silence.Stop()
	stream, err := s.engine.ImagePull(ctx, reference.FamiliarString(ref), o)
	if err == nil {
		err = p.read(stream, func() { silence.Reset(pullSilence) })
		err = errors.Join(err, stream.Close())
	}
	if err != nil && errors.Is(context.Cause(ctx), errSilence) {
		err = errSilence
	}
	return s.inWords(ref, pullFault(ref, err, o.RegistryAuth != "", password), o.RegistryAuth != "")
}

var errSilence = errors.New("no word of the engine for a while (i/o timeout)")

// read reads the engine's account of a pull to its end.
func (p *pulling) read(stream io.Reader, heard func()) error {
	for dec := json.NewDecoder(stream); ; {
		var message struct {
			ID       string `json:"id"`
			Status   string `json:"status"`
			Error    string `json:"error"`
			Progress struct {
				Current int64 `json:"current"`
				Total   int64 `json:"total"`
			} `json:"progressDetail"`
		}
		switch err := dec.Decode(&message); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read answer: %w", err)
		case message.Error != "":
			return errors.New(message.Error)
		}
		heard()
		p.mu.Lock()
		l, known := p.layers[message.ID]
		switch message.Status {
		case "Pulling fs layer", "Waiting":
			known = true
		case "Downloading":
			l.have, l.size, known = message.Progress.Current, message.Progress.Total, true
		case "Download complete", "Already exists", "Pull complete":
			l.have, l.done, known = max(l.have, l.size), true, true
		}
		if known && message.ID != "" {
			p.layers[message.ID] = l
		}
		p.mu.Unlock()
	}
}

// text says how far the pull is.
func (p *pulling) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var done int
	var have int64
	for _, l := range p.layers {
		if l.done {
			done++
		}
		have += l.have
	}
	if len(p.layers) == 0 {
		return ""
	}
	return fmt.Sprintf("Still pulling: %d of %d layers, %s", done, len(p.layers), units.BytesSize(float64(have)))
}

// pullFault tells apart why an image could not be pulled. login tells whether
// credentials were sent.
func pullFault(ref reference.Named, err error, login bool, password string) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	text := err.Error()
	if password != "" && strings.Contains(text, password) {
		text = strings.ReplaceAll(text, password, "[masked]")
		err = errors.New(text)
	}
	err = fmt.Errorf("pull image: %w", err)
	name, host := short(reference.FamiliarString(ref)), reference.Domain(ref)
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(text, w) {
				return true
			}
		}
		return false
	}
	switch {
	case client.IsErrConnectionFailed(err), has("no space left on device"):
		return fault(err, "pull image")
	case strings.HasPrefix(name, "loktar/base"):
		return checks.Causef(checks.CauseImageMissing, err, "The image %s is not on the Docker engine. Make it with `make image`, or name another in runner.image.", name)
	case has("unauthorized", "no basic auth credentials", "access to the resource is denied", "403 Forbidden", "incorrect username or password"):
		if login {
			return checks.Causef(checks.CauseImageLogin, err, "The registry %s refused the image %s: the server's credentials for it are wrong, or do not allow it. Its operator corrects the registry of type `pull` for it in `registries`.", host, name)
		}
		return checks.Causef(checks.CauseImageLogin, err, "The registry %s wants a login for the image %s, and the server has none. Its operator adds a registry of type `pull` for it to `registries`.", host, name)
	case has("pull access denied"):
		return checks.Causef(checks.CauseImageUnknown, err, "The image %s does not exist at %s, or needs a login that the server does not have. Correct `image` in %s, or have the server's operator add a registry of type `pull` to `registries`.", name, host, checks.ManifestFile)
	case cerrdefs.IsNotFound(err), has("manifest unknown", "name unknown", "not found: "):
		return checks.Causef(checks.CauseImageUnknown, err, "The image %s does not exist at %s. Correct `image` in %s, or runner.image of the server.", name, host, checks.ManifestFile)
	case has("toomanyrequests", "Too Many Requests"):
		return checks.Causef(checks.CauseImageUnpullable, err, "The registry %s takes no more pulls for now, so the image %s could not be pulled. Wait, or have the server's operator add credentials: a registry of type `pull` in `registries`.", host, name)
	case has("dial tcp", "no such host", "timeout", "connection re", "EOF", "TLS", "x509", "server gave HTTP response", "proxyconnect", "network is unreachable"):
		return checks.Causef(checks.CauseImageUnpullable, err, "The image %s could not be pulled: the Docker engine cannot reach the registry %s. Check the name, and the way there from the engine's machine.", name, host)
	}
	return checks.Causef(checks.CauseImageUnpullable, err, "The image %s could not be pulled from %s. The server's log holds the engine's words.", name, host)
}
