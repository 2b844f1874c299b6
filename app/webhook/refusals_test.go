package webhook

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// TestRefusals has one thing wrong in each delivery.
func TestRefusals(t *testing.T) {
	good := pullRequest("opened")
	header := func(name string, values ...string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Del(name)
			for _, v := range values {
				r.Header.Add(name, v)
			}
		}
	}
	for name, tt := range map[string]struct {
		body   []byte
		change func(*http.Request)
		status int
		text   string
	}{
		"GET":                   {good, func(r *http.Request) { r.Method = http.MethodGet }, 405, "POST"},
		"HEAD":                  {good, func(r *http.Request) { r.Method = http.MethodHead }, 405, "POST"},
		"said to be large":      {good, func(r *http.Request) { r.ContentLength = maxBody + 1 }, 413, "25 MB"},
		"large":                 {bytes.Repeat([]byte(" "), maxBody+1), func(r *http.Request) { r.ContentLength = -1 }, 413, "25 MB"},
		"larger than said":      {bytes.Repeat([]byte(" "), maxBody+1), func(r *http.Request) { r.ContentLength = 10 }, 413, "Content-Length"},
		"unsigned":              {good, header("X-Hub-Signature-256"), 401, "X-Hub-Signature-256 is missing"},
		"SHA-1 alone":           {good, func(r *http.Request) { header("X-Hub-Signature-256")(r); header("X-Hub-Signature", "sha1=00")(r) }, 401, "X-Hub-Signature-256 is missing"},
		"SHA-1 in its place":    {good, header("X-Hub-Signature-256", "sha1="+strings.Repeat("0", 40)), 401, "64 hexadecimal"},
		"wrong signature":       {good, header("X-Hub-Signature-256", sign([]byte("other"))), 401, "does not fit"},
		"empty signature":       {good, header("X-Hub-Signature-256", "sha256="), 401, "64 hexadecimal"},
		"short signature":       {good, header("X-Hub-Signature-256", sign(good)[:69]), 401, "64 hexadecimal"},
		"long signature":        {good, header("X-Hub-Signature-256", sign(good)+"00"), 401, "64 hexadecimal"},
		"signature not in hex":  {good, header("X-Hub-Signature-256", "sha256="+strings.Repeat("z", 64)), 401, "64 hexadecimal"},
		"bare signature":        {good, header("X-Hub-Signature-256", sign(good)[7:]), 401, "64 hexadecimal"},
		"two signatures":        {good, header("X-Hub-Signature-256", sign(good), sign(good)), 401, "64 hexadecimal"},
		"no event":              {good, header("X-GitHub-Event"), 400, "X-GitHub-Event"},
		"odd event":             {good, header("X-GitHub-Event", "Pull Request"), 400, "X-GitHub-Event"},
		"no GUID":               {good, header("X-GitHub-Delivery"), 400, "X-GitHub-Delivery"},
		"odd GUID":              {good, header("X-GitHub-Delivery", "../x"), 400, "X-GitHub-Delivery"},
		"long GUID":             {good, header("X-GitHub-Delivery", strings.Repeat("a", 65)), 400, "X-GitHub-Delivery"},
		"no content type":       {good, header("Content-Type"), 415, "application/json"},
		"another content type":  {good, header("Content-Type", "text/plain"), 415, "application/json"},
		"form without payload":  {[]byte("a=b"), header("Content-Type", "application/x-www-form-urlencoded"), 400, "no field payload"},
		"form badly encoded":    {[]byte("payload=%7"), header("Content-Type", "application/x-www-form-urlencoded"), 400, "not well encoded"},
		"form not hex":          {[]byte("payload=%zz"), header("Content-Type", "application/x-www-form-urlencoded"), 400, "not well encoded"},
		"form of other than it": {[]byte("payload=hello"), header("Content-Type", "application/x-www-form-urlencoded"), 400, "JSON"},
		"empty":                 {nil, nil, 400, "JSON"},
		"cut off":               {good[:len(good)-1], nil, 400, "JSON"},
		"two values":            {append(bytes.Clone(good), '{', '}'), nil, 400, "JSON"},
		"a list":                {[]byte("[]"), nil, 400, "JSON"},
		"a string":              {[]byte(`"{}"`), nil, 400, "JSON"},
		"deep":                  {[]byte(`{"a":` + strings.Repeat("[", 1_000_000)), nil, 400, "JSON"},
		"unknown and malformed": {[]byte(`{"a":}`), header("X-GitHub-Event", "brand_new"), 400, "JSON"},
		"ping and malformed":    {[]byte(`{"a":}`), header("X-GitHub-Event", "ping"), 400, "JSON"},
		"hangs up":              {good, func(r *http.Request) { r.Body = io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF)) }, 400, "before its length"},
		"too slow": {good, func(r *http.Request) {
			r.Body = io.NopCloser(iotest.ErrReader(&net.OpError{Op: "read", Err: pastDeadline()}))
		}, 408, "in time"},
		"no installation":     {pullRequest("opened", `"installation": {"id": 99},`, ""), nil, 422, "names no installation"},
		"installation 0":      {pullRequest("opened", `"id": 99`, `"id": 0`), nil, 422, "names no installation"},
		"mistyped":            {pullRequest("opened", `"number": 7`, `"number": "seven"`), nil, 422, "The field number"},
		"no number":           {pullRequest("opened", `"number": 7,`, ""), nil, 422, "The field number"},
		"negative repository": {pullRequest("opened", `"id": 11`, `"id": -11`), nil, 422, "repository.id"},
		"owner as a path":     {pullRequest("opened", `"acme-inc"`, `"../acme"`), nil, 422, "repository.owner.login"},
		"no owner":            {pullRequest("opened", `"owner": {"login": "acme-inc"}`, `"owner": null`), nil, 422, "repository.owner.login"},
		"name as a path":      {pullRequest("opened", `"shop.api"`, `"shop/api"`), nil, 422, "repository.name"},
		"name ..":             {pullRequest("opened", `"shop.api"`, `".."`), nil, 422, "repository.name"},
		"head of a bad name":  {pullRequest("opened", `"fork"`, `"a b"`), nil, 422, "pull_request.head.repo.name"},
		"short head":          {pullRequest("opened", headSHA, headSHA[:39]), nil, 422, "pull_request.head.sha"},
		"head not hex":        {pullRequest("opened", headSHA, "--upload-pack="+headSHA[:26]), nil, 422, "pull_request.head.sha"},
		"base not hex":        {pullRequest("opened", baseSHA, strings.ToUpper(baseSHA)), nil, 422, "pull_request.base.sha"},
		"branch is an option": {pullRequest("opened", "feature/more", "--upload-pack=x"), nil, 422, "pull_request.head.ref"},
		"branch of two lines": {pullRequest("opened", "feature/more", `a\nb`), nil, 422, "pull_request.head.ref"},
		"no base branch":      {pullRequest("opened", `"main"`, `""`), nil, 422, "pull_request.base.ref"},
		"base gone":           {pullRequest("opened", `"repo": {"id": 11, "name": "shop.api", "owner": {"login": "acme-inc"}}`, `"repo": null`), nil, 422, "base.repo"},
		"base elsewhere":      {pullRequest("opened", `"repo": {"id": 11`, `"repo": {"id": 13`), nil, 422, "base.repo"},
		"check run of no id": {checkEvent("check_run", "rerequested", `"id": 5`, `"id": 0`),
			header("X-GitHub-Event", "check_run"), 422, "check_run"},
		"check run of no name": {checkEvent("check_run", "rerequested", `"lib"`, `""`),
			header("X-GitHub-Event", "check_run"), 422, "check_run"},
		"suite of no commit": {checkEvent("check_suite", "rerequested", headSHA, ""),
			header("X-GitHub-Event", "check_suite"), 422, "head commit"},
	} {
		t.Run(name, func(t *testing.T) {
			r := delivery("pull_request", tt.body)
			if tt.change != nil {
				tt.change(r)
			}
			i := &inbox{fresh: true}
			w := serve(i.handler(), r)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.text) {
				t.Errorf("answer %d %q, want %d and %q", w.Code, w.Body, tt.status, tt.text)
			}
			if len(i.events) != 0 || i.woken != 0 {
				t.Errorf("a refused delivery left %v and woke %d times", i.events, i.woken)
			}
			if got := w.Header().Get("Allow"); (got == "POST") != (tt.status == 405) {
				t.Errorf("Allow: %q", got)
			}
			if got := w.Header().Get("Content-Type"); got != "text/plain; charset=utf-8" {
				t.Errorf("Content-Type: %q", got)
			}
		})
	}
}

// pastDeadline is the error of a read past its deadline.
func pastDeadline() error {
	c, other := net.Pipe()
	defer func() { _ = c.Close(); _ = other.Close() }()
	_ = c.SetReadDeadline(time.Unix(1, 0))
	_, err := c.Read(make([]byte, 1))
	return err
}
