// Package audittest is what the tests of probes and audits share: a sink that keeps what is emitted, a key of which only the fingerprint
// is known, a way to run side by side what mostly waits, and the share of a long table that a run takes.
package audittest

import (
	"encoding/hex"
	"flag"
	"fmt"
	"iter"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// Sink implements audit.Sink. The zero Sink is ready.
type Sink struct {
	mu    sync.Mutex
	facts []any
	scope audit.Scope
}

// Emit keeps a fact.
func (s *Sink) Emit(_ string, fact any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.facts = append(s.facts, fact)
}

// Scope changes the scope, whose maps are there.
func (s *Sink) Scope(change func(*audit.Scope)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.scope.Digests == nil {
		s.scope.Digests = map[string]string{}
	}
	change(&s.scope)
}

// Scoped is the scope as it is now.
func (s *Sink) Scoped() audit.Scope {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.scope
}

// All are the facts in the order in which they came.
func (s *Sink) All() []any { return Of[any](s) }

// Of are the facts of a type in the order in which they came.
func Of[Fact any](s *Sink) []Fact {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Fact
	for _, fact := range s.facts {
		if one, is := fact.(Fact); is {
			list = append(list, one)
		}
	}
	return list
}

// Fingerprinted is a key of which only length and SHA-256 are known.
func Fingerprinted(text string) secret.Key {
	sum := secret.New([]byte(text)).SHA256()
	key, err := secret.FromFingerprint(hex.EncodeToString(sum[:]), len(text))
	if err != nil {
		panic(err) // a SHA-256 always is one
	}
	return key
}

// Refusing is an address at which connections are refused as long as the test runs: its port is in use
// for a connection, so that nobody else is given it.
func Refusing(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = conn.Close(), listener.Close() })
	return conn.LocalAddr().String()
}

// Main runs the tests of a package, six side by side unless -parallel says otherwise: more than there are cores, since an audit mostly
// waits, for a log that lags and for receivers that do not answer.
func Main(m *testing.M) {
	flag.Parse()
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == parallel.DefValue {
		if err := flag.Set("test.parallel", "6"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// Rows are the rows of a table of n that a test goes through: every byDefault-th. PRELAUNCH_SWEEP=1 makes
// that every row, and PRELAUNCH_SWEEP=24 at most every 24th; PRELAUNCH_SWEEP=24+5 begins with row 5, for a
// second run that is to see other rows than the first. Of a table that has any, there is at least one.
func Rows(t testing.TB, n, byDefault int) iter.Seq[int] {
	t.Helper()
	stride, offset, err := share(os.Getenv("PRELAUNCH_SWEEP"), byDefault)
	if err != nil {
		t.Fatal(err)
	}
	return func(yield func(int) bool) {
		if n == 0 {
			return
		}
		for i := offset % min(stride, n); i < n && yield(i); i += stride {
		}
	}
}

func share(sweep string, byDefault int) (stride, offset int, err error) {
	if sweep == "" {
		return byDefault, 0, nil
	}
	every, from, shifted := strings.Cut(sweep, "+")
	if stride, err = strconv.Atoi(every); err == nil && shifted {
		offset, err = strconv.Atoi(from)
	}
	if err != nil || stride < 1 || offset < 0 {
		return 0, 0, fmt.Errorf("PRELAUNCH_SWEEP is %q: want a stride such as 24, or a stride and a first row such as 24+5", sweep)
	}
	if stride > 1 {
		stride = max(stride, byDefault)
	}
	return stride, offset, nil
}
