package app

import (
	"context"
	"fmt"
	"time"

	"oras.land/oras-go/v2/registry/remote/auth"
	dockerconfig "oras.land/oras-go/v2/registry/remote/credentials"

	"github.com/dudesons/loktar/configs"
	"github.com/dudesons/loktar/runner/docker"
)

// helperTime is how long the program that keeps somebody's passwords may take:
// it may ask the person.
const helperTime = time.Minute

// pullLogins are the credentials for pulls: those of the configuration, else
// those that `docker login` left for the user, as `docker pull` has them. They
// go to the engine alone.
type pullLogins struct {
	config configs.Config
	// warn is told of what cannot be read: without it, what is public can be
	// pulled all the same.
	warn func(host string, err error)
}

func (r *localRun) logins() pullLogins {
	return pullLogins{r.Pulls, func(host string, err error) {
		r.Log.Warn().Err(err).Msgf("the login for %s cannot be read; images are pulled from there without one", host)
	}}
}

// login is a docker.Credentials.
func (l pullLogins) login(host string) (user, password string, err error) {
	name, secret, err := l.config.PullCredentials(host)
	if err != nil || name != "" {
		return name, secret.Reveal(), err
	}
	found, err := dockerLogin(host)
	switch {
	case err != nil:
		l.warn(host, err)
		return "", "", nil
	case found.RefreshToken != "":
		return docker.TokenUser, found.RefreshToken, nil
	}
	return found.Username, found.Password, nil
}

// dockerLogin looks into the user's config.json, and asks the helper that it
// names. It is read anew each time, so that a login meanwhile counts.
func dockerLogin(host string) (auth.Credential, error) {
	store, err := dockerconfig.NewStoreFromDocker(dockerconfig.StoreOptions{})
	if err != nil {
		return auth.EmptyCredential, fmt.Errorf("read Docker's config.json: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), helperTime)
	defer cancel()
	found, err := store.Get(ctx, dockerconfig.ServerAddressFromRegistry(host))
	if err != nil {
		return auth.EmptyCredential, fmt.Errorf("ask for the login that Docker's config.json has: %w", err)
	}
	return found, nil
}
