package github

import (
	"net/http"
	"sync"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	"github.com/golang-jwt/jwt/v4"
)

// tolerance is how far GitHub's clock may be from ours before we go by its:
// what an App signs counts from half a minute back.
const tolerance = 15 * time.Second

// clock knows how far GitHub's time is from ours, as its answers tell. The
// zero value takes both for the same.
type clock struct {
	mu   sync.Mutex
	skew time.Duration
}

// heard takes the Date header of an answer that came now.
func (c *clock) heard(date string, now time.Time) {
	at, err := http.ParseTime(date)
	if err != nil {
		return
	}
	skew := at.Sub(now)
	if skew.Abs() < tolerance {
		skew = 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.skew = skew
}

func (c *clock) ahead() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.skew
}

// signer signs what the App says of itself in GitHub's time.
type signer struct {
	ghinstallation.Signer
	clock *clock
}

func (s signer) Sign(claims jwt.Claims) (string, error) {
	if c, ok := claims.(*jwt.RegisteredClaims); ok && c.IssuedAt != nil && c.ExpiresAt != nil {
		skew := s.clock.ahead().Truncate(time.Second)
		moved := *c
		moved.IssuedAt, moved.ExpiresAt = jwt.NewNumericDate(c.IssuedAt.Add(skew)), jwt.NewNumericDate(c.ExpiresAt.Add(skew))
		claims = &moved
	}
	return s.Signer.Sign(claims)
}
