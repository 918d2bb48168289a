// Package audittest is what the tests of probes and audits share: a sink that keeps what is emitted, a key of which only the fingerprint
// is known, and a way to run side by side what mostly waits.
package audittest

import (
	"encoding/hex"
	"flag"
	"fmt"
	"os"
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
