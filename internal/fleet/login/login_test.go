package login_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/prelaunch-audit/prelaunch/internal/audit/audittest"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/login"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// memory is a store of one test.
type memory struct {
	mu       sync.Mutex
	sessions map[string]login.Session
	tokens   map[string]login.Token
	log      []string
}

func (m *memory) PutSession(_ context.Context, s login.Session) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions[s.Hash] = s
	return nil
}

func (m *memory) Session(_ context.Context, hash string) (login.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s, known := m.sessions[hash]; known {
		return s, nil
	}
	return login.Session{}, login.ErrNotFound
}

func (m *memory) DropSession(_ context.Context, hash string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.sessions, hash)
	return nil
}

func (m *memory) Token(_ context.Context, hash string) (login.Token, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t, known := m.tokens[hash]; known {
		return t, nil
	}
	return login.Token{}, login.ErrNotFound
}

func (m *memory) Record(_ context.Context, who, via, action, object string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.log = append(m.log, strings.Join([]string{who, via, action, object}, " | "))
	return nil
}

func (m *memory) logged() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Join(m.log, "\n")
}

// server is a guarded server that says who asks, on loopback.
type server struct {
	*httptest.Server
	store  *memory
	client *http.Client // with cookies; it follows no redirect
	now    *audittest.Clock
}

var accesses = []login.Access{
	{Group: "pay-devs", Role: login.Operator, Teams: []string{"payments"}},
	{Group: "security", Role: login.Reviewer, Teams: []string{login.EveryTeam}},
}

func start(t *testing.T, config login.Config) *server {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{store: &memory{sessions: map[string]login.Session{}, tokens: map[string]login.Token{}}, now: audittest.StartClock(),
		client: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	s.Server = httptest.NewUnstartedServer(nil)
	if config.PublicURL == "" {
		config.PublicURL = "http://" + s.Listener.Addr().String()
	}
	if config.Access == nil {
		config.Access = accesses
	}
	guard, err := login.New(login.Options{Config: config, Store: s.store, Public: []string{"/healthz"}, Log: slog.New(slog.DiscardHandler), Now: s.now.Now,
		Form: func(w http.ResponseWriter, _ *http.Request, status int, message, next string) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "form "+message+" "+next)
		}})
	if err != nil {
		t.Fatal(err)
	}
	s.Config.Handler = guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := login.From(r.Context())
		raw, _ := json.Marshal(who)
		_, _ = w.Write(raw)
	}))
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// get and post return the status and the body, and the response for what else is of interest.
func (s *server) get(t *testing.T, path string, change ...func(*http.Request)) (*http.Response, string) {
	return s.do(t, http.MethodGet, path, "", change...)
}

func (s *server) do(t *testing.T, method, path, body string, change ...func(*http.Request)) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, one := range change {
		one(request)
	}
	response, err := s.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(raw)
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// hashed is the password of every user, with the lowest cost that the configuration accepts.
var hashed = sync.OnceValues(func() ([]byte, error) {
	return bcrypt.GenerateFromPassword([]byte("correct horse"), bcrypt.DefaultCost)
})

func users(t *testing.T) []login.User {
	t.Helper()
	hash, err := hashed()
	if err != nil {
		t.Fatal(err)
	}
	return []login.User{{Name: "ann", Bcrypt: string(hash), Groups: []string{"pay-devs"}}, {Name: "rita", Bcrypt: string(hash), Groups: []string{"security"}}}
}

func password(name, password string) string {
	return url.Values{"name": {name}, "password": {password}, "next": {"/integrations"}}.Encode()
}

func TestConfigurationIsChecked(t *testing.T) {
	t.Parallel()
	good := users(t)
	weak, err := bcrypt.GenerateFromPassword([]byte("x"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	network := netip.MustParsePrefix("10.0.0.1/32")
	held := secret.New([]byte("client secret"))
	for name, test := range map[string]struct {
		listen string
		config login.Config
		says   string // "": nothing is wrong
	}{
		"loopback needs none":         {"127.0.0.1:8080", login.Config{}, ""},
		"IPv6 loopback needs none":    {"[::1]:8080", login.Config{}, ""},
		"elsewhere needs one":         {"0.0.0.0:8080", login.Config{}, "a login is required"},
		"every address needs one":     {":8080", login.Config{}, "a login is required"},
		"a private address needs one": {"10.0.0.5:8080", login.Config{}, "a login is required"},
		"basic":                       {":8080", login.Config{PublicURL: "https://fleet.acme.example", Basic: good, Access: accesses}, ""},
		"two ways":                    {":8080", login.Config{PublicURL: "https://fleet.acme.example", Basic: good, Access: accesses, Proxy: &login.Proxy{UserHeader: "X-User", Networks: []netip.Prefix{network}}}, "only one of"},
		"in the clear":                {":8080", login.Config{PublicURL: "http://fleet.acme.example", Basic: good, Access: accesses}, "must be https"},
		"no public URL":               {":8080", login.Config{Basic: good, Access: accesses}, "public_url"},
		"a path":                      {":8080", login.Config{PublicURL: "https://acme.example/fleet", Basic: good, Access: accesses}, "public_url"},
		"nobody has access":           {":8080", login.Config{PublicURL: "https://fleet.acme.example", Basic: good}, "access is empty"},
		"no bcrypt":                   {":8080", login.Config{PublicURL: "https://fleet.acme.example", Basic: []login.User{{Name: "ann", Bcrypt: "secret"}}, Access: accesses}, "bcrypt hash"},
		"weak bcrypt":                 {":8080", login.Config{PublicURL: "https://fleet.acme.example", Basic: []login.User{{Name: "ann", Bcrypt: string(weak)}}, Access: accesses}, "bcrypt hash"},
		"a user twice":                {":8080", login.Config{PublicURL: "https://fleet.acme.example", Basic: []login.User{good[0], good[0]}, Access: accesses}, "used twice"},
		"proxy of everybody":          {":8080", login.Config{PublicURL: "https://fleet.acme.example", Access: accesses, Proxy: &login.Proxy{UserHeader: "X-User", Networks: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}}, "is everybody"},
		"proxy of nobody":             {":8080", login.Config{PublicURL: "https://fleet.acme.example", Access: accesses, Proxy: &login.Proxy{UserHeader: "X-User"}}, "names no networks"},
		"OIDC":                        {":8080", login.Config{PublicURL: "https://fleet.acme.example", Access: accesses, OIDC: &login.OIDC{Issuer: "https://id.acme.example", ClientID: "x", ClientSecret: held}}, ""},
		"OIDC in the clear":           {":8080", login.Config{PublicURL: "https://fleet.acme.example", Access: accesses, OIDC: &login.OIDC{Issuer: "http://id.acme.example", ClientID: "x", ClientSecret: held}}, "must be an https URL"},
		"OIDC without a secret":       {":8080", login.Config{PublicURL: "https://fleet.acme.example", Access: accesses, OIDC: &login.OIDC{Issuer: "https://id.acme.example", ClientID: "x"}}, "client_secret"},
		"an unknown role":             {":8080", login.Config{PublicURL: "https://fleet.acme.example", Basic: good, Access: []login.Access{{Group: "x", Role: "admin", Teams: []string{"a"}}}}, "the role is"},
		"a role for no team":          {":8080", login.Config{PublicURL: "https://fleet.acme.example", Basic: good, Access: []login.Access{{Group: "x", Role: login.Viewer}}}, "names no team"},
	} {
		err := test.config.Check(test.listen)
		if test.says == "" && err != nil || test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)) {
			t.Errorf("%s: %v, want %q", name, err, test.says)
		}
	}
}

func TestRoles(t *testing.T) {
	t.Parallel()
	who := login.Identity{Grants: []login.Grant{{Role: login.Operator, Team: "payments"}, {Role: login.Viewer, Team: "lending"}}}
	for _, test := range []struct {
		role login.Role
		team string
		may  bool
	}{
		{login.Viewer, "payments", true}, {login.Operator, "payments", true}, {login.Reviewer, "payments", false},
		{login.Viewer, "lending", true}, {login.Operator, "lending", false}, {login.Viewer, "risk", false}, {login.Viewer, "", false},
	} {
		if got := who.May(test.role, test.team); got != test.may {
			t.Errorf("%s of %q: %v", test.role, test.team, got)
		}
	}
	if teams, all := who.Teams(login.Viewer); all || strings.Join(teams, " ") != "lending payments" {
		t.Errorf("sees %v, all %v", teams, all)
	}
	if teams, all := (login.Identity{}).Teams(login.Viewer); all || teams == nil || len(teams) != 0 {
		t.Errorf("somebody without a grant sees %v, all %v: nil would be read as every team", teams, all)
	}
	if _, all := (login.Identity{Grants: []login.Grant{{Role: login.Reviewer, Team: login.EveryTeam}}}).Teams(login.Operator); all {
		t.Error("a reviewer of every team operates all of them")
	}
}

func TestLoopbackNeedsNoLoginButItsOwnName(t *testing.T) {
	t.Parallel()
	s := start(t, login.Config{})
	if _, body := s.get(t, "/"); !strings.Contains(body, `"local"`) {
		t.Errorf("loopback: %s", body)
	}
	if response, body := s.get(t, "/", func(r *http.Request) { r.Host = "rebound.attacker.example" }); response.StatusCode != http.StatusForbidden {
		t.Errorf("a name that leads to loopback got %d: %s", response.StatusCode, body)
	}
}

func TestPassword(t *testing.T) {
	t.Parallel()
	s := start(t, login.Config{Basic: users(t)})
	if response, _ := s.get(t, "/integrations?team=x", header("Accept", "text/html")); response.StatusCode != http.StatusSeeOther || response.Header.Get("Location") != "/login?next=%2Fintegrations%3Fteam%3Dx" {
		t.Errorf("a stranger's browser: %d to %q", response.StatusCode, response.Header.Get("Location"))
	}
	for _, path := range []string{"/", "/api/v1/integrations", "/metrics", "/login/callback", "/healthz/x", "/healthz?x", "//healthz"} {
		if response, body := s.get(t, path); response.StatusCode == http.StatusOK && path != "/healthz?x" {
			t.Errorf("a stranger gets %s: %s", path, body)
		}
	}
	if response, body := s.get(t, "/healthz"); response.StatusCode != http.StatusOK || !strings.Contains(body, `"Login":""`) {
		t.Errorf("health: %d %s", response.StatusCode, body)
	}
	for _, wrong := range []string{password("ann", "wrong"), password("nobody", "correct horse"), password("ann", "correct horse"+strings.Repeat("x", 80))} {
		if response, body := s.do(t, http.MethodPost, "/login", wrong); response.StatusCode != http.StatusUnauthorized || len(response.Cookies()) > 0 || !strings.Contains(body, "Name or password is incorrect") {
			t.Errorf("%s: %d %s", wrong, response.StatusCode, body)
		}
	}
	response, _ := s.do(t, http.MethodPost, "/login", password("ann", "correct horse"))
	if response.StatusCode != http.StatusSeeOther || response.Header.Get("Location") != "/integrations" || len(response.Cookies()) != 1 {
		t.Fatalf("log in: %d to %q, %d cookies", response.StatusCode, response.Header.Get("Location"), len(response.Cookies()))
	}
	cookie := response.Cookies()[0]
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || cookie.Domain != "" {
		t.Errorf("the cookie is %v", cookie)
	}
	for hash := range s.store.sessions {
		if hash == cookie.Value {
			t.Error("the store holds the cookie itself")
		}
	}
	if _, body := s.get(t, "/"); !strings.Contains(body, `"ann"`) || !strings.Contains(body, `{"role":"operator","team":"payments"}`) {
		t.Errorf("logged in: %s", body)
	}
	if response, _ := s.do(t, http.MethodPost, "/logout", ""); response.StatusCode != http.StatusSeeOther {
		t.Errorf("log out: %d", response.StatusCode)
	}
	if response, _ := s.get(t, "/", func(r *http.Request) { r.AddCookie(cookie) }); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("the cookie of a session that ended: %d", response.StatusCode)
	}
	log := s.store.logged()
	for _, entry := range []string{"ann | basic | login failed", "ann | basic | login | ", "ann | basic | logout"} {
		if !strings.Contains(log, entry) {
			t.Errorf("the audit log has no %q:\n%s", entry, log)
		}
	}
	if strings.Contains(log, "horse") || strings.Contains(log, "nobody") {
		t.Errorf("the audit log has what was typed:\n%s", log)
	}
}

func TestSecureCookies(t *testing.T) {
	t.Parallel()
	s := start(t, login.Config{PublicURL: "https://fleet.acme.example", Basic: users(t)})
	response, _ := s.do(t, http.MethodPost, "/login", password("ann", "correct horse"), header("Origin", "https://fleet.acme.example"))
	if len(response.Cookies()) != 1 || response.Cookies()[0].Name != "__Host-prelaunch" || !response.Cookies()[0].Secure {
		t.Errorf("%d, cookies %v", response.StatusCode, response.Cookies())
	}
}

// TestSessionFixation: a cookie that was planted before the login is worth nothing after it, whether it was a session or not.
func TestSessionFixation(t *testing.T) {
	t.Parallel()
	s := start(t, login.Config{Basic: users(t)})
	response, _ := s.do(t, http.MethodPost, "/login", password("ann", "correct horse"))
	planted := response.Cookies()[0]
	for _, value := range []string{planted.Value, "chosen-by-an-attacker"} {
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		s.client.Jar = jar
		cookie := &http.Cookie{Name: planted.Name, Value: value}
		response, _ := s.do(t, http.MethodPost, "/login", password("rita", "correct horse"), func(r *http.Request) { r.AddCookie(cookie) })
		if response.StatusCode != http.StatusSeeOther || response.Cookies()[0].Value == value {
			t.Fatalf("the session kept the planted cookie: %d", response.StatusCode)
		}
		s.client.Jar = nil
		if response, body := s.get(t, "/", func(r *http.Request) { r.AddCookie(cookie) }); response.StatusCode != http.StatusUnauthorized {
			t.Errorf("the planted cookie is good for %d: %s", response.StatusCode, body)
		}
	}
}

func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	s := start(t, login.Config{Basic: users(t), Session: time.Hour})
	s.do(t, http.MethodPost, "/login", password("ann", "correct horse"))
	s.now.Add(59 * time.Minute)
	if response, _ := s.get(t, "/"); response.StatusCode != http.StatusOK {
		t.Errorf("before it ends: %d", response.StatusCode)
	}
	s.now.Add(2 * time.Minute)
	if response, _ := s.get(t, "/"); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("after it ended: %d", response.StatusCode)
	}
}

// TestRemovedUsers: who is no longer in the configuration has no session any more.
func TestRemovedUsers(t *testing.T) {
	t.Parallel()
	all := users(t)
	s := start(t, login.Config{Basic: all})
	response, _ := s.do(t, http.MethodPost, "/login", password("ann", "correct horse"))
	later := start(t, login.Config{Basic: all[1:]})
	later.store.sessions = s.store.sessions
	if response, body := later.get(t, "/", func(r *http.Request) { r.AddCookie(response.Cookies()[0]) }); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("a removed user: %d %s", response.StatusCode, body)
	}
}

func TestAttemptsAreBounded(t *testing.T) {
	t.Parallel()
	s := start(t, login.Config{Basic: users(t)})
	last := 0
	for range 6 {
		response, _ := s.do(t, http.MethodPost, "/login", password("ann", "wrong"))
		last = response.StatusCode
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the sixth attempt got %d", last)
	}
	if response, _ := s.do(t, http.MethodPost, "/login", password("ann", "correct horse")); response.StatusCode != http.StatusTooManyRequests {
		t.Errorf("the correct password after too many attempts got %d", response.StatusCode)
	}
	s.now.Add(21 * time.Second)
	for range 6 { // what succeeds is not counted
		if response, _ := s.do(t, http.MethodPost, "/login", password("ann", "correct horse")); response.StatusCode != http.StatusSeeOther {
			t.Errorf("after the wait: %d", response.StatusCode)
		}
	}
}

// TestAttemptsBehindAProxy: those of others, whom the proxy names last, are not somebody's own; what a client wrote itself counts for
// nothing, and a network of IPv6 is one client.
func TestAttemptsBehindAProxy(t *testing.T) {
	t.Parallel()
	s := start(t, login.Config{Basic: users(t)})
	fail := func(forwarded string) (last int) {
		for range 6 {
			response, _ := s.do(t, http.MethodPost, "/login", password("nobody", "wrong"), header("X-Forwarded-For", forwarded))
			last = response.StatusCode
		}
		return last
	}
	try := func(forwarded string) int {
		response, _ := s.do(t, http.MethodPost, "/login", password("rita", "wrong"), header("X-Forwarded-For", forwarded))
		return response.StatusCode
	}
	if status := fail("192.0.2.1"); status != http.StatusTooManyRequests {
		t.Errorf("the sixth attempt of one address: %d", status)
	}
	if status := try("192.0.2.2"); status != http.StatusUnauthorized {
		t.Errorf("another address: %d", status)
	}
	if status := try("192.0.2.9, 192.0.2.1"); status != http.StatusTooManyRequests {
		t.Errorf("with an address of its own before the proxy's: %d", status)
	}
	if status := fail("2001:db8::1"); status != http.StatusTooManyRequests {
		t.Errorf("the sixth attempt of one IPv6 address: %d", status)
	}
	if status := try("2001:db8::2"); status != http.StatusTooManyRequests {
		t.Errorf("its neighbor: %d", status)
	}
}

// TestOtherSites: what a page of another site sends changes nothing, whoever is logged in.
func TestOtherSites(t *testing.T) {
	t.Parallel()
	s := start(t, login.Config{Basic: users(t)})
	s.do(t, http.MethodPost, "/login", password("ann", "correct horse"))
	for name, change := range map[string]func(*http.Request){
		"fetch metadata": header("Sec-Fetch-Site", "cross-site"),
		"a sister site":  header("Sec-Fetch-Site", "same-site"),
		"origin":         header("Origin", "https://attacker.example"),
		"no origin":      header("Origin", "null"),
	} {
		for _, path := range []string{"/integrations/x/runs", "/login", "/logout"} {
			if response, body := s.do(t, http.MethodPost, path, password("rita", "correct horse"), change); response.StatusCode != http.StatusForbidden {
				t.Errorf("%s, POST %s: %d %s", name, path, response.StatusCode, body)
			}
		}
	}
	if response, _ := s.do(t, http.MethodPost, "/integrations/x/runs", "", header("Sec-Fetch-Site", "same-origin")); response.StatusCode != http.StatusOK {
		t.Errorf("a page of its own: %d", response.StatusCode)
	}
}

func TestNextStaysHere(t *testing.T) {
	t.Parallel()
	s := start(t, login.Config{Basic: users(t)})
	for _, next := range []string{"https://attacker.example/", "//attacker.example", `/\attacker.example`, "/\t/attacker.example", "javascript:alert(1)", "/login?next=/login", ""} {
		if _, body := s.get(t, "/login?next="+url.QueryEscape(next)); body != "form  /" {
			t.Errorf("%q leads to %q", next, body)
		}
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	s := start(t, login.Config{Basic: users(t)})
	text, hash := login.NewToken()
	if strings.Contains(text, hash) || len(text) < 50 {
		t.Errorf("a token of %d characters", len(text))
	}
	s.store.tokens[hash] = login.Token{Name: "deploy", Grants: []login.Grant{{Role: login.Operator, Team: "payments"}}, Expires: s.now.Now().Add(time.Hour)}
	if _, body := s.get(t, "/", header("Authorization", "Bearer "+text)); !strings.Contains(body, `"Login":"deploy","Via":"token"`) {
		t.Errorf("with the token: %s", body)
	}
	for _, wrong := range []string{"Bearer " + text + "x", "Bearer " + hash, "Basic " + text, "Bearer", text} {
		if response, _ := s.get(t, "/", header("Authorization", wrong)); response.StatusCode != http.StatusUnauthorized {
			t.Errorf("%.20q…: %d", wrong, response.StatusCode)
		}
	}
	s.now.Add(2 * time.Hour)
	if response, _ := s.get(t, "/", header("Authorization", "Bearer "+text)); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("after it expired: %d", response.StatusCode)
	}
}

func TestProxy(t *testing.T) {
	t.Parallel()
	proxy := login.Config{Proxy: &login.Proxy{UserHeader: "X-Forwarded-User", GroupsHeader: "X-Forwarded-Groups", Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}}
	s := start(t, proxy)
	named := []func(*http.Request){header("X-Forwarded-User", "ann"), header("X-Forwarded-Groups", "other, pay-devs")}
	if _, body := s.get(t, "/", named...); !strings.Contains(body, `"ann","Via":"proxy"`) || !strings.Contains(body, "payments") {
		t.Errorf("through the proxy: %s", body)
	}
	if response, _ := s.get(t, "/"); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("without the header: %d", response.StatusCode)
	}
	twice := append(named, func(r *http.Request) { r.Header.Add("X-Forwarded-User", "rita") })
	if response, _ := s.get(t, "/", twice...); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("the header twice: %d", response.StatusCode)
	}
	proxy.Proxy.Networks = []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")}
	elsewhere := start(t, proxy)
	if response, body := elsewhere.get(t, "/", named...); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("not through the proxy: %d %s", response.StatusCode, body)
	}
}

// issuer is a small OpenID Connect provider: whoever asks is logged in at once, as its claims say.
type issuer struct {
	*httptest.Server
	key    *rsa.PrivateKey
	claims map[string]any // over the valid ones; nil removes a claim
	nonce  string
	code   string
	// challenge is what begin sent, which the code's exchange must be able to answer.
	challenge, audience string
}

func startIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{key: key, claims: map[string]any{}}
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, value any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(value)
	}
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token", "jwks_uri": i.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256"}})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		encode := base64.RawURLEncoding.EncodeToString
		answer(w, map[string]any{"keys": []any{map[string]any{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1",
			"n": encode(key.N.Bytes()), "e": encode(big.NewInt(int64(key.E)).Bytes())}}})
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		sum := crypto.SHA256.New()
		_, _ = io.WriteString(sum, r.PostFormValue("code_verifier"))
		_, secret, _ := r.BasicAuth()
		if r.PostFormValue("code") != i.code || secret != "client-secret" || base64.RawURLEncoding.EncodeToString(sum.Sum(nil)) != i.challenge {
			http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
			return
		}
		answer(w, map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": i.token(t)})
	})
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

// authorize does what a browser is sent to do, and returns the parameters with which it comes back.
func (i *issuer) authorize(t *testing.T, location string) url.Values {
	t.Helper()
	at, err := url.Parse(location)
	if err != nil || !strings.HasPrefix(location, i.URL+"/authorize?") {
		t.Fatalf("the browser is sent to %q", location)
	}
	query := at.Query()
	if query.Get("code_challenge_method") != "S256" || query.Get("response_type") != "code" || !strings.Contains(query.Get("scope"), "openid") {
		t.Fatalf("the request is %v", query)
	}
	i.nonce, i.challenge, i.audience, i.code = query.Get("nonce"), query.Get("code_challenge"), query.Get("client_id"), "code-of-"+query.Get("state")
	return url.Values{"code": {i.code}, "state": {query.Get("state")}}
}

func (i *issuer) token(t *testing.T) string {
	claims := map[string]any{"iss": i.URL, "aud": i.audience, "sub": "1", "nonce": i.nonce, "exp": time.Now().Add(time.Minute).Unix(), "iat": time.Now().Unix(),
		"email": "ann@acme.example", "email_verified": true, "groups": []string{"pay-devs"}}
	for name, value := range i.claims {
		claims[name] = value
		if value == nil {
			delete(claims, name)
		}
	}
	part := func(value any) string {
		raw, err := json.Marshal(value)
		if err != nil {
			t.Error(err)
		}
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	signed := part(map[string]string{"alg": "RS256", "kid": "1", "typ": "JWT"}) + "." + part(claims)
	sum := crypto.SHA256.New()
	_, _ = io.WriteString(sum, signed)
	signature, err := rsa.SignPKCS1v15(rand.Reader, i.key, crypto.SHA256, sum.Sum(nil))
	if err != nil {
		t.Error(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func TestOpenIDConnect(t *testing.T) {
	t.Parallel()
	provider := startIssuer(t)
	config := login.Config{OIDC: &login.OIDC{Issuer: provider.URL, ClientID: "fleet", ClientSecret: secret.New([]byte("client-secret"))}}
	begin := func(s *server) url.Values {
		response, body := s.get(t, "/login?next=/integrations")
		if response.StatusCode != http.StatusSeeOther {
			t.Fatalf("begin: %d %s", response.StatusCode, body)
		}
		return provider.authorize(t, response.Header.Get("Location"))
	}
	s := start(t, config)
	back := begin(s)
	response, body := s.get(t, "/login/callback?"+back.Encode())
	if response.StatusCode != http.StatusSeeOther || response.Header.Get("Location") != "/integrations" {
		t.Fatalf("log in: %d %s", response.StatusCode, body)
	}
	if _, body := s.get(t, "/"); !strings.Contains(body, `"ann@acme.example","Via":"oidc"`) || !strings.Contains(body, "payments") {
		t.Errorf("logged in: %s", body)
	}
	if response, _ := s.get(t, "/login/callback?"+back.Encode()); response.StatusCode != http.StatusForbidden {
		t.Errorf("the same response again: %d", response.StatusCode)
	}

	for name, test := range map[string]struct {
		claims map[string]any
		change func(url.Values)
		spoil  func(*server)
	}{
		"another state":         {change: func(v url.Values) { v.Set("state", "x") }},
		"another code":          {change: func(v url.Values) { v.Set("code", "x") }},
		"another browser":       {spoil: func(s *server) { s.client.Jar = nil }},
		"another nonce":         {claims: map[string]any{"nonce": "x"}},
		"no nonce":              {claims: map[string]any{"nonce": nil}},
		"for another client":    {claims: map[string]any{"aud": "other"}},
		"of another issuer":     {claims: map[string]any{"iss": "https://other.example"}},
		"expired":               {claims: map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}},
		"an email not verified": {claims: map[string]any{"email_verified": false}},
		"verified as a string":  {claims: map[string]any{"email_verified": "true"}},
		"without a name":        {claims: map[string]any{"email": nil}},
	} {
		s := start(t, config)
		back := begin(s)
		provider.claims = test.claims
		if test.change != nil {
			test.change(back)
		}
		if test.spoil != nil {
			test.spoil(s)
		}
		if response, body := s.get(t, "/login/callback?"+back.Encode()); response.StatusCode != http.StatusForbidden || len(s.store.sessions) > 0 {
			t.Errorf("%s: %d %s, %d sessions", name, response.StatusCode, body, len(s.store.sessions))
		}
		provider.claims = nil
		if !strings.Contains(s.store.logged(), "oidc | login failed") {
			t.Errorf("%s is not in the audit log", name)
		}
	}
}

// TestIssuerThatIsDown: nobody gets in, and a server whose provider comes back needs no restart.
func TestIssuerThatIsDown(t *testing.T) {
	t.Parallel()
	down := startIssuer(t)
	down.Close()
	s := start(t, login.Config{OIDC: &login.OIDC{Issuer: down.URL, ClientID: "fleet", ClientSecret: secret.New([]byte("client-secret"))}})
	if response, body := s.get(t, "/login"); response.StatusCode != http.StatusForbidden || strings.Contains(body, down.URL) {
		t.Errorf("%d %s", response.StatusCode, body)
	}
}
