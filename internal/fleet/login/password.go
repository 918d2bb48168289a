package login

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/time/rate"
)

// Bounds of logging in by password.
const (
	maxHashes   = 2   // that are computed at a time: each takes some 50 ms of a core
	maxPassword = 72  // bytes that bcrypt reads
	maxName     = 200 // bytes
	maxForm     = 8 << 10

	triesOfAddress = 5                // at once
	triesOfName    = 30               // at once: more, since a stranger's attempts must not lock somebody out
	triesInterval  = 20 * time.Second // of further tries
	maxTried       = 10_000           // addresses and names that are remembered
)

// decoy is compared with where there is no such user: a hash of the default cost of nobody's password.
var decoy = sync.OnceValue(func() []byte {
	hash, err := bcrypt.GenerateFromPassword([]byte(random()), bcrypt.DefaultCost)
	if err != nil {
		panic(err) // only for a cost or length out of range
	}
	return hash
})

func (g *Guard) showForm(w http.ResponseWriter, r *http.Request) {
	g.Form(w, r, http.StatusOK, "", local(r.URL.Query().Get("next")))
}

func (g *Guard) takePassword(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "the form could not be read", http.StatusBadRequest)
		return
	}
	name, password, next := r.PostForm.Get("name"), r.PostForm.Get("password"), local(r.PostForm.Get("next"))
	address := g.client(r)
	giveBack, allowed := g.tries.attempt("address "+address, "name "+strings.ToLower(name[:min(len(name), maxName)]))
	if !allowed {
		w.Header().Set("Retry-After", "20")
		g.Form(w, r, http.StatusTooManyRequests, "Too many attempts. Wait 20 seconds.", next)
		return
	}
	select {
	case g.hashes <- struct{}{}:
		defer func() { <-g.hashes }()
	case <-r.Context().Done():
		return
	}
	user := User{Bcrypt: string(decoy())}
	at := slices.IndexFunc(g.Config.Basic, func(user User) bool { return user.Name == name })
	if at >= 0 {
		user = g.Config.Basic[at]
	}
	matches := bcrypt.CompareHashAndPassword([]byte(user.Bcrypt), []byte(password)) == nil
	if at < 0 || !matches || len(password) > maxPassword {
		who := user.Name // empty where there is no such user: what was typed may be a password
		if err := g.Store.Record(r.Context(), who, ViaBasic, "login failed", address); err != nil {
			g.Log.ErrorContext(r.Context(), "a failed login could not be recorded", "error", err)
		}
		g.Form(w, r, http.StatusUnauthorized, "Name or password is incorrect.", next)
		return
	}
	giveBack() // only what fails is counted: many people may come from one address
	g.logIn(w, r, Session{Login: user.Name, Via: ViaBasic, Groups: user.Groups}, next)
}

// tries bounds attempts by what made them.
type tries struct {
	now func() time.Time

	mu  sync.Mutex
	all map[string]*rate.Limiter
}

func newTries(now func() time.Time) *tries {
	return &tries{now: now, all: map[string]*rate.Limiter{}}
}

// attempt counts one from an address with a name, and returns how it is given back. It is false where there were too many of either.
func (t *tries) attempt(address, name string) (giveBack func(), allowed bool) {
	ofAddress, allowed := t.take(address, triesOfAddress)
	if !allowed {
		return nil, false
	}
	ofName, allowed := t.take(name, triesOfName)
	return func() { ofAddress(); ofName() }, allowed
}

// take counts an attempt, and returns how it is given back. It is false where there were too many.
func (t *tries) take(key string, atOnce int) (giveBack func(), allowed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	limiter, known := t.all[key]
	now := t.now()
	if !known {
		if len(t.all) >= maxTried {
			for key, limiter := range t.all { // those that have their whole allowance again are as if never seen
				if limiter.TokensAt(now) >= float64(limiter.Burst()) {
					delete(t.all, key)
				}
			}
		}
		if len(t.all) >= maxTried {
			return nil, false // an attack from that many places: nobody new gets in until it is over
		}
		limiter = rate.NewLimiter(rate.Every(triesInterval), atOnce)
		t.all[key] = limiter
	}
	taken := limiter.ReserveN(now, 1)
	if taken.DelayFrom(now) > 0 {
		taken.CancelAt(now)
		return nil, false
	}
	return func() { taken.CancelAt(now) }, true
}

// client is whose attempts are bounded together: an address, or a network of IPv6, of which one subscriber has a whole one. Behind a
// proxy it is the last that the proxy itself wrote.
func (g *Guard) client(r *http.Request) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	address := peer.Addr().Unmap()
	if address.IsLoopback() || slices.ContainsFunc(g.Config.Proxies, func(network netip.Prefix) bool { return network.Contains(address) }) {
		lines := r.Header.Values("X-Forwarded-For")
		if len(lines) > 0 {
			list := strings.Split(lines[len(lines)-1], ",")
			if forwarded, err := netip.ParseAddr(strings.TrimSpace(list[len(list)-1])); err == nil {
				address = forwarded.Unmap()
			}
		}
	}
	if address.Is6() {
		return netip.PrefixFrom(address.WithZone(""), 64).Masked().String()
	}
	return address.String()
}
