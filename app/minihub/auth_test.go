package minihub_test

import (
	"crypto/rand"
	"crypto/rsa"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v4"

	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
)

func appJWT(t *testing.T, method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
	t.Helper()
	s, err := jwt.NewWithClaims(method, claims).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func appKey(t *testing.T, a *minihub.App) *rsa.PrivateKey {
	t.Helper()
	key, err := jwt.ParseRSAPrivateKeyFromPEM(a.PrivateKeyPEM())
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestJWT(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	h := minihubtest.StartWith(t, minihubtest.Options{Hub: minihub.Options{Now: func() time.Time { return now }}})
	other, err := h.NewApp("other")
	if err != nil {
		t.Fatal(err)
	}
	forged, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	key, id := appKey(t, h.App()), h.App().ID()
	good := jwt.MapClaims{"iss": strconv.FormatInt(id, 10), "iat": now.Unix() - 60, "exp": now.Unix() + 540}
	claims := func(kv ...any) jwt.MapClaims {
		return jwt.MapClaims(with(m(good), kv...))
	}
	public := []byte("-----BEGIN PUBLIC KEY-----")
	for _, c := range []struct {
		name, token string
		status      int
	}{
		{"good", appJWT(t, jwt.SigningMethodRS256, key, good), 200},
		{"iss as a number", appJWT(t, jwt.SigningMethodRS256, key, claims("iss", id)), 200},
		{"the last moment of exp", appJWT(t, jwt.SigningMethodRS256, key, claims("exp", now.Unix()+600)), 200},
		{"exp too far", appJWT(t, jwt.SigningMethodRS256, key, claims("exp", now.Unix()+601)), 401},
		{"expired", appJWT(t, jwt.SigningMethodRS256, key, claims("exp", now.Unix())), 401},
		{"no exp", appJWT(t, jwt.SigningMethodRS256, key, claims("exp", nil)), 401},
		{"iat in the future", appJWT(t, jwt.SigningMethodRS256, key, claims("iat", now.Unix()+1)), 401},
		{"no iat", appJWT(t, jwt.SigningMethodRS256, key, claims("iat", nil)), 401},
		{"no iss", appJWT(t, jwt.SigningMethodRS256, key, claims("iss", nil)), 401},
		{"iss of nobody", appJWT(t, jwt.SigningMethodRS256, key, claims("iss", "1")), 404},
		{"iss of another App", appJWT(t, jwt.SigningMethodRS256, key, claims("iss", other.ID())), 401},
		{"another key", appJWT(t, jwt.SigningMethodRS256, forged, good), 401},
		{"RS512", appJWT(t, jwt.SigningMethodRS512, key, good), 401},
		{"HS256", appJWT(t, jwt.SigningMethodHS256, public, good), 401},
		{"none", appJWT(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good), 401},
		{"a cut signature", strings.TrimRight(appJWT(t, jwt.SigningMethodRS256, key, good), "AQgw")[:200], 401},
		{"rubbish", "x.y.z", 401},
		{"nothing", "", 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			if status, got, _ := do(t, h, c.token, "GET", "/app", nil); status != c.status {
				t.Errorf("got %d %v, want %d", status, got["message"], c.status)
			}
		})
	}
}

func TestTokenScope(t *testing.T) {
	now := time.Now()
	h := minihubtest.StartWith(t, minihubtest.Options{AllowRefused: true, Hub: minihub.Options{Now: func() time.Time { return now }}})
	mono := h.Repo("acme", "mono", map[string]string{"a": "1"})
	other := h.Repo("acme", "other", map[string]string{"a": "1"})
	h.Repo("globex", "foreign", map[string]string{"a": "1"})
	if _, err := h.CreateRepo("initech", "uninstalled"); err != nil {
		t.Fatal(err)
	}
	sha, err := mono.Tip(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}
	in := h.Install("acme")
	key := appKey(t, h.App())
	bearer := func() string {
		return appJWT(t, jwt.SigningMethodRS256, key, jwt.MapClaims{"iss": h.App().ID(), "iat": now.Unix() - 1, "exp": now.Unix() + 100})
	}
	mint := func(body any) (int, map[string]any) {
		status, got, _ := do(t, h, bearer(), "POST", "/app/installations/"+strconv.FormatInt(in, 10)+"/access_tokens", body)
		return status, got
	}
	tok := func(body any) string {
		status, got := mint(body)
		if status != 201 {
			t.Fatalf("mint: %d %v", status, got)
		}
		return got["token"].(string)
	}
	for name, body := range map[string]any{
		"a repository of nobody":    m{"repositories": []string{"nothing"}},
		"a repository of another":   m{"repositories": []string{"mono", "foreign"}},
		"an id of nothing":          m{"repository_ids": []int64{1}},
		"more than the App has":     m{"permissions": m{"contents": "write"}},
		"what the App has not":      m{"permissions": m{"issues": "read"}},
		"a level that is none":      m{"permissions": m{"checks": "root"}},
		"names that are no strings": m{"repositories": []int{1}},
	} {
		if status, got := mint(body); status != 422 {
			t.Errorf("%s: %d %v", name, status, got)
		}
	}
	all := tok(nil)
	if len(all) < 250 || !strings.HasPrefix(all, "ghs_"+strconv.FormatInt(h.App().ID(), 10)+"_ey") || strings.Count(all, ".") != 2 {
		t.Errorf("the token is not in the new, long form: %d characters", len(all))
	}
	one := tok(m{"repositories": []string{"mono"}})
	byID := tok(m{"repository_ids": []int64{other.ID()}})
	reader := tok(m{"permissions": m{"checks": "read"}})
	for _, c := range []struct {
		name, token, method, path string
		status                    int
	}{
		{"all on mono", all, "GET", "/repos/acme/mono", 200},
		{"any case", all, "GET", "/repos/Acme/MONO", 200},
		{"one on mono", one, "GET", "/repos/acme/mono", 200},
		{"one on other", one, "GET", "/repos/acme/other", 404},
		{"id on mono", byID, "GET", "/repos/acme/mono", 404},
		{"id on other", byID, "GET", "/repos/acme/other", 200},
		{"all on another installation", all, "GET", "/repos/globex/foreign", 404},
		{"all where it is not installed", all, "GET", "/repos/initech/uninstalled", 404},
		{"all on nothing", all, "GET", "/repos/acme/nothing", 404},
		{"reader reads", reader, "GET", "/repos/acme/mono/commits/main/check-runs", 200},
		{"reader writes", reader, "POST", "/repos/acme/mono/check-runs", 403},
		{"reader reads contents", reader, "GET", "/repos/acme/mono/branches/main", 403},
		{"a person", h.UserToken("acme"), "GET", "/repos/acme/mono", 403},
		{"nobody", "", "GET", "/repos/acme/mono", 401},
		{"a forged token", all[:len(all)-2] + "AA", "GET", "/repos/acme/mono", 401},
		{"a JWT where a token belongs", bearer(), "GET", "/repos/acme/mono", 401},
		{"a token where a JWT belongs", all, "GET", "/app", 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			var body any
			if c.method == "POST" {
				body = m{"name": "x", "head_sha": sha}
			}
			status, got, _ := do(t, h, c.token, c.method, c.path, body)
			if status != c.status {
				t.Errorf("got %d %v, want %d", status, got["message"], c.status)
			}
			if status == 403 && got["message"] != "Resource not accessible by integration" {
				t.Errorf("403 says %q", got["message"])
			}
		})
	}
	now = now.Add(time.Hour)
	if status, _, _ := do(t, h, all, "GET", "/repos/acme/mono", nil); status != 401 {
		t.Errorf("after an hour the token answers %d", status)
	}
}

func TestAnotherAppsCheckRun(t *testing.T) {
	h := minihubtest.StartWith(t, minihubtest.Options{AllowRefused: true})
	repo := h.Repo("acme", "mono", map[string]string{"a": "1"})
	sha, err := repo.Tip(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}
	other, err := h.NewApp("other")
	if err != nil {
		t.Fatal(err)
	}
	in := other.Install("acme")
	now := time.Now().Unix()
	bearer := appJWT(t, jwt.SigningMethodRS256, appKey(t, other), jwt.MapClaims{"iss": other.ID(), "iat": now - 1, "exp": now + 100})
	_, got, _ := do(t, h, bearer, "POST", "/app/installations/"+strconv.FormatInt(in, 10)+"/access_tokens", nil)
	theirs := got["token"].(string)
	_, run, _ := do(t, h, theirs, "POST", "/repos/acme/mono/check-runs", m{"name": "x", "head_sha": sha, "conclusion": "success"})
	path := "/repos/acme/mono/check-runs/" + strconv.FormatFloat(run["id"].(float64), 'f', 0, 64)
	mine := h.Token("acme", nil)
	for _, c := range []struct{ method, path string }{{"PATCH", path}, {"POST", path + "/rerequest"}} {
		status, got, _ := do(t, h, mine, c.method, c.path, m{"conclusion": "failure"})
		if message, _ := got["message"].(string); status != 403 || !strings.Contains(message, "Invalid app_id") {
			t.Errorf("%s: %d %v", c.method, status, got)
		}
	}
	if status, _, _ := do(t, h, mine, "GET", path, nil); status != 200 {
		t.Errorf("reading it: %d", status)
	}
	foreign := strconv.FormatInt(h.Install("acme"), 10)
	if status, _, _ := do(t, h, bearer, "POST", "/app/installations/"+foreign+"/access_tokens", nil); status != 404 {
		t.Errorf("a token of another App's installation: %d", status)
	}
}

func TestRateLimit(t *testing.T) {
	h := minihubtest.StartWith(t, minihubtest.Options{Hub: minihub.Options{RateLimit: 2}})
	h.Repo("acme", "mono", map[string]string{"a": "1"})
	token := h.Token("acme", nil)
	for i, want := range []int{200, 200, 403} {
		status, _, head := do(t, h, token, "GET", "/repos/acme/mono", nil)
		if status != want || head.Get("X-RateLimit-Remaining") != strconv.Itoa(max(0, 1-i)) || head.Get("X-RateLimit-Reset") == "" {
			t.Errorf("request %d: %d, remaining %s", i, status, head.Get("X-RateLimit-Remaining"))
		}
	}
	if status, _, _ := do(t, h, token, "GET", "/rate_limit", nil); status != 200 {
		t.Errorf("rate_limit: %d", status)
	}
}
