package minihub

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v4"
)

// token is an installation's or a person's token.
type token struct {
	in      *installation // nil for a person's
	user    *user         // nil for an installation's
	repos   map[int64]bool
	perms   map[string]string
	expires time.Time // zero: never
	window  time.Time // start of the hour that used counts in
	used    int
}

// levels orders what a permission allows.
var levels = map[string]int{"": 0, "none": 0, "read": 1, "write": 2, "admin": 3}

// allows reports whether the token has one of the permissions ("a|b").
func (t *token) allows(permissions, level string) bool {
	for p := range strings.SplitSeq(permissions, "|") {
		if levels[t.perms[p]] >= levels[level] {
			return true
		}
	}
	return false
}

// covers reports whether the token reaches a repository. mu is held.
func (t *token) covers(r *Repo) bool {
	if t.user != nil {
		return r.permission(t.user) != "none"
	}
	return t.in.covers(r) && (t.repos == nil || t.repos[r.id])
}

// UserToken is a new personal access token of a login, for git and the pages.
func (h *Hub) UserToken(login string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	b := make([]byte, 18)
	_, _ = rand.Read(b)
	s := "ghp_" + hex.EncodeToString(b)
	h.tokens[s] = &token{user: h.user(login)}
	return s
}

// mint makes an installation token in the long form that GitHub hands out
// since 2026: ghs_APPID_JWT. mu is held.
func (h *Hub) mint(in *installation, repos map[int64]bool, perms map[string]string) (string, *token, error) {
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return "", nil, fmt.Errorf("mint token: %w", err)
	}
	t := &token{in: in, repos: repos, perms: perms, expires: h.now().Add(time.Hour).Truncate(time.Second)}
	s, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iss": "minihub", "sub": "installation:" + strconv.FormatInt(in.id, 10), "aud": h.url, "jti": hex.EncodeToString(id),
		"app_id": in.app.id, "iat": h.now().Unix(), "exp": t.expires.Unix(), "permissions": perms,
	}).SignedString(h.signing)
	if err != nil {
		return "", nil, fmt.Errorf("mint token: %w", err)
	}
	s = "ghs_" + strconv.FormatInt(in.app.id, 10) + "_" + s
	h.tokens[s] = t
	return s, t, nil
}

// lookup finds a token that is still good. mu is held.
func (h *Hub) lookup(s string) *token {
	t := h.tokens[s]
	if t == nil || (!t.expires.IsZero() && !h.now().Before(t.expires)) {
		return nil
	}
	return t
}

// bearer takes the credential out of the Authorization header.
func bearer(r *http.Request) string {
	scheme, rest, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch strings.ToLower(scheme) {
	case "bearer", "token":
		return strings.TrimSpace(rest)
	case "basic":
		_, password, _ := r.BasicAuth()
		return password
	}
	return ""
}

// appOf verifies an App's JWT: RS256 by the key of the App that iss names,
// at most ten minutes long, not from the future.
func (h *Hub) appOf(r *http.Request) (*App, *apiError) {
	raw := bearer(r)
	if raw == "" {
		return nil, errUndecoded
	}
	var app *App
	nobody := errors.New("no such App")
	claims := jwt.MapClaims{}
	p := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithoutClaimsValidation(), jwt.WithJSONNumber())
	_, err := p.ParseWithClaims(raw, claims, func(*jwt.Token) (any, error) {
		id, err := strconv.ParseInt(fmt.Sprint(claims["iss"]), 10, 64)
		if err != nil {
			return nil, errors.New("no issuer")
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if app = h.apps[id]; app == nil {
			return nil, nobody
		}
		return &app.key.PublicKey, nil
	})
	if errors.Is(err, nobody) {
		return nil, refuse(http.StatusNotFound, "Integration not found")
	}
	if err != nil {
		return nil, errUndecoded
	}
	now := h.now()
	exp, err := numericDate(claims["exp"])
	switch {
	case err != nil || !exp.After(now):
		return nil, refuse(http.StatusUnauthorized, "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires")
	case exp.After(now.Add(10 * time.Minute)):
		return nil, refuse(http.StatusUnauthorized, "'Expiration time' claim ('exp') is too far in the future")
	}
	iat, err := numericDate(claims["iat"])
	if err != nil || iat.After(now) {
		return nil, refuse(http.StatusUnauthorized, "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued")
	}
	return app, nil
}

func numericDate(v any) (time.Time, error) {
	n, err := strconv.ParseInt(fmt.Sprint(v), 10, 64)
	return time.Unix(n, 0), err
}

// grant cuts the permissions that were asked for to what the App has.
func grant(have, want map[string]string) (map[string]string, *apiError) {
	if want == nil {
		want = have
	}
	got := map[string]string{"metadata": "read"}
	for k, v := range want {
		if levels[v] == 0 {
			return nil, invalid([]string{fmt.Sprintf("For 'properties/permissions', %q is not a level of %s.", v, k)})
		}
		if levels[have[k]] < levels[v] {
			return nil, refuse(http.StatusUnprocessableEntity, "The permissions requested are not granted to this installation.")
		}
		got[k] = v
	}
	return got, nil
}
