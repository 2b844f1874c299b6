package app

import (
	"context"
	"errors"
	"strings"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/configs"
	"github.com/dudesons/loktar/runner/publish"
)

// placed is a registry whose faults say which one of the configuration it is.
type placed struct {
	publish.Publisher
	reg configs.Registry
}

// Highest implements publish.Publisher.
func (p placed) Highest(ctx context.Context, pkg checks.Package) (int64, error) {
	n, err := p.Publisher.Highest(ctx, pkg)
	return n, placeIn(p.reg, err)
}

// Publish implements publish.Publisher.
func (p placed) Publish(ctx context.Context, r publish.Release) (publish.Published, error) {
	done, err := p.Publisher.Publish(ctx, r)
	return done, placeIn(p.reg, err)
}

// placeIn names the key of the configuration that has reg, in an error that
// its operator or nobody can do something about.
func placeIn(reg configs.Registry, err error) error {
	var known *checks.Error
	kind := checks.KindOf(err)
	if kind != checks.KindConfig && kind != checks.KindUnavailable || !errors.As(err, &known) {
		return err
	}
	key := "publish.storage"
	if reg.Name != "" {
		key = "registries." + reg.Name
	}
	text := checks.PublicText(err, "It cannot be used. The server's log says why.")
	if !strings.HasSuffix(text, ".") {
		text += "."
	}
	return checks.Errorf(kind, err, "`%s`: %s", key, text)
}
