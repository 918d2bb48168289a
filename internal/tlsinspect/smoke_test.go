package tlsinspect

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRightServerGivesNothing(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.serve(l.modern(), receiver)
	if d := cmp.Diff([]string{}, reading(l.look())); d != "" {
		t.Error(d)
	}
	for address, n := range l.most {
		if n > Lanes {
			t.Errorf("%s: %d connections at a time, want at most %d", address, n, Lanes)
		}
	}
}
