package tlsinspect

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// block is one server of the lab: how it is set up, and what the policies must say of it beside
// their passes. A right one gives nothing; look is for what is a note at most.
type block struct {
	name  string
	serve func(*lab)
	want  []string
	look  func(Facts) error
}

func TestLab(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, group := range [][]block{protocolBlocks, certificateBlocks, chainBlocks, statusBlocks, reachBlocks, answerBlocks, pageBlocks, clearBlocks} {
		for _, b := range group {
			if seen[b.name] {
				t.Errorf("two blocks are called %q", b.name)
			}
			seen[b.name] = true
			t.Run(b.name, func(t *testing.T) {
				t.Parallel()
				l := newLab(t)
				b.serve(l)
				facts := l.look()
				want := append([]string{}, b.want...)
				slices.Sort(want)
				if d := cmp.Diff(want, l.reading(facts)); d != "" {
					t.Error(d)
				}
				if b.look != nil {
					if err := b.look(facts); err != nil {
						t.Error(err)
					}
				}
				for address, n := range l.dialed {
					if n > MaxConnections+MaxRequestConnections || l.most[address] > Lanes {
						t.Errorf("%s: %d connections, %d at a time; want at most %d and %d", address, n, l.most[address], MaxConnections+MaxRequestConnections, Lanes)
					}
				}
			})
		}
	}
	if len(seen) < 60 {
		t.Errorf("the lab has %d blocks, want 60 at least", len(seen))
	}
}

// dark is what is said of an endpoint with which no handshake came about, beside why.
func dark(why ...string) []string {
	return append(why, "inconclusive certificate-valid: not reached", "inconclusive hsts: no answer", "inconclusive modern-tls: not reached")
}

// address is the facts about the only address.
func address(f Facts) Address { return f.Endpoints[0].Addresses[0] }

func expect[T comparable](what string, got, want T) error {
	if got != want {
		return fmt.Errorf("%s: %v, want %v", what, got, want)
	}
	return nil
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
