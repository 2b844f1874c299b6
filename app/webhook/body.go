package webhook

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// maxBody is where GitHub stops, in bytes:
// https://docs.github.com/en/webhooks/webhook-events-and-payloads
const maxBody = 25 << 20

// read is the event in r's body. The body has left memory when it returns.
func (h *handler) read(w http.ResponseWriter, r *http.Request) (none checks.Event, refused *answer) {
	tooLarge := &answer{http.StatusRequestEntityTooLarge, "The body is larger than 25 MB."}
	if r.ContentLength > maxBody {
		return none, tooLarge
	}
	want, refused := h.signature(r.Header)
	if refused != nil {
		return none, refused
	}
	size, release, refused := h.admit(r.Context(), r.ContentLength)
	if refused != nil {
		return none, refused
	}
	defer release()
	if r.ContentLength >= 0 {
		tooLarge = &answer{http.StatusRequestEntityTooLarge, "The body is larger than its Content-Length."}
	}
	mac := hmac.New(sha256.New, []byte(h.Secret))
	var buf bytes.Buffer
	// Content-Length is a stranger's word: it saves copying, within reason.
	buf.Grow(int(min(max(r.ContentLength, 0), 64<<10)) + bytes.MinRead)
	_, err := io.Copy(io.MultiWriter(mac, &buf), http.MaxBytesReader(w, r.Body, size))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return none, tooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return none, &answer{http.StatusRequestTimeout, "The body did not come in time."}
	case err != nil:
		return none, &answer{http.StatusBadRequest, "The body ended before its length."}
	}
	if !hmac.Equal(mac.Sum(nil), want) {
		return none, &answer{http.StatusUnauthorized, "The signature does not fit the body. Set the same webhook secret at GitHub and in Loktar."}
	}
	event := r.Header.Get("X-GitHub-Event")
	switch {
	case !eventPattern().MatchString(event):
		return none, &answer{http.StatusBadRequest, "The header X-GitHub-Event is missing or is not the name of an event."}
	case !guidPattern().MatchString(r.Header.Get("X-GitHub-Delivery")):
		return none, &answer{http.StatusBadRequest, "The header X-GitHub-Delivery is missing or is not a GUID."}
	}
	body, refused := payloadOf(r.Header.Get("Content-Type"), buf.Bytes())
	if refused != nil {
		return none, refused
	}
	return h.translate(event, body)
}

// signature is the hash that the sender claims for the body.
func (h *handler) signature(header http.Header) ([]byte, *answer) {
	if h.Secret == "" {
		return nil, &answer{http.StatusUnauthorized, "This server has no webhook secret. Set github.webhook_secret."}
	}
	values := header.Values("X-Hub-Signature-256")
	if len(values) == 0 {
		return nil, &answer{http.StatusUnauthorized, "The header X-Hub-Signature-256 is missing. Set a secret in the webhook's settings at GitHub."}
	}
	digits, ok := strings.CutPrefix(values[0], "sha256=")
	sum, err := hex.DecodeString(digits)
	if len(values) > 1 || !ok || err != nil || len(sum) != sha256.Size {
		return nil, &answer{http.StatusUnauthorized, "The header X-Hub-Signature-256 is not sha256= and 64 hexadecimal digits."}
	}
	return sum, nil
}

// payloadOf is the JSON in body. It may reuse body's memory.
func payloadOf(contentType string, body []byte) ([]byte, *answer) {
	media, _, err := mime.ParseMediaType(contentType)
	switch {
	case err != nil || media != "application/json" && media != "application/x-www-form-urlencoded":
		return nil, &answer{http.StatusUnsupportedMediaType, "The content type is not application/json."}
	case media == "application/json":
		return body, nil
	}
	for pair := range bytes.SplitSeq(body, []byte("&")) {
		value, ok := bytes.CutPrefix(pair, []byte("payload="))
		if !ok {
			continue
		}
		payload, ok := unescape(value)
		if !ok {
			return nil, &answer{http.StatusBadRequest, "The form field payload is not well encoded."}
		}
		return payload, nil
	}
	return nil, &answer{http.StatusBadRequest, "The form has no field payload."}
}

// unescape decodes a form value in place: url.QueryUnescape would take two
// more copies of up to 25 MB.
func unescape(b []byte) ([]byte, bool) {
	out := b[:0]
	for i := 0; i < len(b); i++ {
		switch c := b[i]; c {
		case '+':
			out = append(out, ' ')
		case '%':
			if i+2 >= len(b) {
				return nil, false
			}
			var decoded [1]byte
			if _, err := hex.Decode(decoded[:], b[i+1:i+3]); err != nil {
				return nil, false
			}
			out = append(out, decoded[0])
			i += 2
		default:
			out = append(out, c)
		}
	}
	return out, true
}
