package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	gh "github.com/google/go-github/v60/github"

	"github.com/dudesons/loktar/checks"
)

const (
	// pauseUnknown is how long to wait when GitHub limits and does not say.
	pauseUnknown = time.Minute
	// maxHold bounds what a server can make us wait; budgets are by the hour.
	maxHold = time.Hour + 5*time.Minute
)

// fault is the cause of an error, for the log. It holds no error of a
// library: those repeat what the server said, and a server may say anything.
type fault struct {
	what string // "put check run of acme/shop"
	said string
	ctx  error // the context's error, when that ended the call
	do   remedy
}

func (f *fault) Error() string { return f.what + ": " + f.said }

func (f *fault) Unwrap() error { return f.ctx }

func (f *fault) remedy() remedy { return f.do }

// limitFault is a fault that ends by itself.
type limitFault struct {
	fault
	after time.Duration
}

// RetryAfter is how long GitHub wants to hear nothing.
func (f *limitFault) RetryAfter() time.Duration { return f.after }

// target is what a call is about, for the texts of its errors.
type target struct {
	verb string // "put check run"
	repo checks.Repo
	// missing is the sentence for a 404, and denied that for a 403; denied may
	// be empty.
	missing, denied string
	// deniedKind goes with denied; the zero value is checks.KindRefused.
	deniedKind checks.Kind
	granted    bool // a 403 may be over with a new token
	minting    bool // the call itself asks for a token
	asApp      bool // the call is the App's own, with no installation's token
}

func (t target) what() string {
	if t.repo == (checks.Repo{}) {
		return t.verb
	}
	return t.verb + " of " + t.repo.FullName()
}

// answer is how GitHub turned a request down.
type answer struct {
	status int
	header http.Header
	said   string
	token  bool // the request was for an installation token
}

// answerOf finds GitHub's answer in what the libraries made of it.
func answerOf(err error, minting bool) (answer, bool) {
	var limited *gh.RateLimitError
	var abuse *gh.AbuseRateLimitError
	var refused *gh.ErrorResponse
	var token *ghinstallation.HTTPError
	switch {
	case errors.As(err, &token) && token.Response != nil:
		var body struct {
			Message string `json:"message"`
		}
		// What does not parse says nothing.
		_ = json.NewDecoder(io.LimitReader(token.Response.Body, 64<<10)).Decode(&body)
		token.Response.Body.Close()
		return answer{token.Response.StatusCode, token.Response.Header, body.Message, true}, true
	case errors.As(err, &limited):
		h := http.Header{}
		if limited.Response.Header != nil {
			h = limited.Response.Header.Clone()
		}
		h.Set("X-RateLimit-Remaining", "0")
		h.Set("X-RateLimit-Reset", strconv.FormatInt(limited.Rate.Reset.Unix(), 10))
		return answer{http.StatusTooManyRequests, h, limited.Message, minting}, true
	case errors.As(err, &abuse):
		h := http.Header{}
		if abuse.RetryAfter != nil {
			h.Set("Retry-After", strconv.FormatInt(int64(abuse.RetryAfter.Seconds())+1, 10))
		}
		return answer{http.StatusTooManyRequests, h, abuse.Message, minting}, true
	case errors.As(err, &refused) && refused.Response != nil:
		said := refused.Message
		for _, e := range refused.Errors {
			said = strings.TrimSpace(said + " " + strings.TrimSpace(e.Field+" "+e.Message))
		}
		return answer{refused.Response.StatusCode, refused.Response.Header, said, minting}, true
	}
	return answer{}, false
}

// translate makes the one error that a caller sees of err.
func (a *App) translate(ctx context.Context, err error, t target, tr *trace) error {
	f := fault{what: t.what()}
	ans, ok := answerOf(err, t.minting)
	if !ok {
		if ctx.Err() != nil {
			f.ctx = ctx.Err()
		}
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		f.said = tr.clean(err.Error())
		if errors.Is(err, errAgain) {
			return checks.Errorf(checks.KindUnavailable, &limitFault{f, a.o.Unsaid}, "GitHub asks this server to slow down. It will be tried again.")
		}
		return checks.Errorf(checks.KindUnavailable, &f, "GitHub does not answer. It will be tried again.")
	}
	f.said = strings.TrimSuffix(fmt.Sprintf("GitHub answered %d: %s", ans.status, tr.clean(ans.said)), ": ")
	if after, is := ans.limit(time.Now(), a.o.Unsaid); is {
		return checks.Errorf(checks.KindUnavailable, &limitFault{f, after}, "GitHub asks this server to slow down. It will be tried again.")
	}
	r := rulingFor(ans, t)
	f.do = r.do
	return checks.Errorf(r.kindFor(t), &f, "%s", r.text(t))
}

// limit reports whether the answer is about how much we ask for, and how long
// to wait.
func (a answer) limit(now time.Time, unsaid time.Duration) (time.Duration, bool) {
	spent := a.header.Get("X-RateLimit-Remaining") == "0"
	retry := a.header.Get("Retry-After")
	switch a.status {
	case http.StatusTooManyRequests:
	case http.StatusForbidden:
		if !spent && retry == "" && !strings.Contains(strings.ToLower(a.said), "rate limit") {
			return 0, false
		}
	default:
		return 0, false
	}
	after := unsaid
	if s, err := strconv.ParseInt(retry, 10, 32); err == nil && s >= 0 {
		after = time.Duration(s) * time.Second
	} else if s, err := strconv.ParseInt(a.header.Get("X-RateLimit-Reset"), 10, 64); err == nil && spent {
		after = time.Unix(s, 0).Sub(now)
	}
	return min(max(after, time.Second), maxHold), true
}

var (
	credential = regexp.MustCompile(`(?i)gh[a-z]_[\w.-]+|github_pat_\w+|(bearer|basic)\s+\S+`)
	// longWord may be a credential in any encoding; a commit's SHA has 40.
	longWord = regexp.MustCompile(`[^\s"]{41,}`)
)

const (
	mask    = "[masked]"
	maxSaid = 300
)

// clean is text of unknown origin for the log: without the credentials that
// the call sent, in one line, bounded.
func (t *trace) clean(text string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.secrets {
		_, value, _ := strings.Cut(s, " ")
		for _, secret := range []string{s, value} {
			if secret != "" {
				text = strings.ReplaceAll(text, secret, mask)
			}
		}
	}
	text = credential.ReplaceAllString(text, mask)
	text = longWord.ReplaceAllString(text, mask)
	text = strings.Join(strings.Fields(strings.Map(printable, strings.ToValidUTF8(text, "\uFFFD"))), " ")
	if runes := []rune(text); len(runes) > maxSaid {
		text = string(runes[:maxSaid]) + "…"
	}
	return text
}
