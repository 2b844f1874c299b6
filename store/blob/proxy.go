package blob

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/checks"
)

// ProxyOptions say what Handler serves. All but MaxAge and Now are needed.
type ProxyOptions struct {
	Bucket Bucket
	Signer *Signer
	// Prefix is the folder, a key, in which a repository's objects are. Links
	// to others are refused, whoever signed them. Empty refuses all.
	Prefix func(repo int64) string
	// MaxAge is how long a reader's own cache may keep an object, at most
	// until the link ends; 0: it has to ask each time.
	MaxAge time.Duration
	Now    func() time.Time // time.Now when nil
	// Stall is how long a reader may take no more than 64 KiB, before its
	// connection is broken off; a minute when 0. Nothing else bounds how long
	// a download takes.
	Stall time.Duration
}

// Handler serves GET and HEAD of objects: the path is "/" and the key, the
// query is that of Signer.Sign. It knows ranges, If-Range, If-None-Match and
// their like as http.ServeContent does (RFC 9110), streams in constant memory,
// and breaks the connection off when an object turns out to be damaged.
//
// Objects are hostile: what is not known to be harmless is a download, and
// nothing of it runs in the page's origin. Of a link that names the file, the
// name's end says what it is, by a list of harmless types; of another, what it
// was stored as. It logs with the zerolog of the
// request's context.
func Handler(o ProxyOptions) http.Handler {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Stall <= 0 {
		o.Stall = time.Minute
	}
	return &proxy{o}
}

type proxy struct{ ProxyOptions }

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Referrer-Policy", "no-referrer") // the link is a secret
	h.Set("Cache-Control", "no-store")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "A link to a file can only be read.", http.StatusMethodNotAllowed)
		return
	}
	key := strings.TrimPrefix(r.URL.Path, "/")
	grant, ok := p.Signer.verify(key, r.URL.Query())
	left := grant.Expires.Sub(p.Now())
	switch {
	case !ok:
		http.Error(w, "This link to a file was not made by this server, or was changed. Open the file from its run's page.", http.StatusForbidden)
		return
	case left <= 0:
		http.Error(w, "This link to a file ended at "+grant.Expires.UTC().Format(time.RFC1123)+". Open the file from its run's page for a new one.", http.StatusGone)
		return
	case !p.owns(grant.Repo, key):
		http.Error(w, "This file is not of the repository that the link is for.", http.StatusForbidden)
		return
	}
	info, err := p.Bucket.Stat(r.Context(), key)
	if err != nil {
		p.fail(w, r, key, err)
		return
	}
	if age := min(p.MaxAge, left).Truncate(time.Second); age > 0 {
		h.Set("Cache-Control", "private, max-age="+strconv.Itoa(int(age.Seconds())))
	} else {
		h.Set("Cache-Control", "private, no-cache")
	}
	describe(h, info, grant.Name)
	content := &seeker{bucket: p.Bucket, info: info, ctx: r.Context, hint: r.Header.Get("Range")}
	defer content.Close()
	http.ServeContent(&patient{ResponseWriter: w, control: http.NewResponseController(w), stall: p.Stall}, r, "", info.Modified, content)
	if content.err != nil {
		if r.Context().Err() == nil {
			zerolog.Ctx(r.Context()).Error().Err(content.err).Str("key", key).Msg("an object breaks off")
		}
		// The head of the answer is sent: the reader has to see that the rest
		// is missing.
		panic(http.ErrAbortHandler)
	}
}

// owns reports whether key is in the repository's folder.
func (p *proxy) owns(repo int64, key string) bool {
	prefix := p.Prefix(repo)
	return prefix != "" && CheckKey(key) == nil && strings.HasPrefix(key, strings.TrimSuffix(prefix, "/")+"/")
}

func (p *proxy) fail(w http.ResponseWriter, r *http.Request, key string, err error) {
	text, status := "The storage of files has a fault; the operator finds it in the server's log.", http.StatusInternalServerError
	switch checks.KindOf(err) {
	case checks.KindNotFound:
		http.Error(w, "This file is not there any more. Run the job again to have it made.", http.StatusNotFound)
		return
	case checks.KindUnavailable:
		text, status = "The storage of files does not answer now. Try again in a minute.", http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "60")
	}
	if r.Context().Err() == nil {
		zerolog.Ctx(r.Context()).Error().Err(err).Str("key", key).Msg("an object cannot be served")
	}
	http.Error(w, text, status)
}
