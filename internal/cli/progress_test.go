package cli

import (
	"testing"
	"time"
)

func TestTimeLeft(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		done, total int
		took        time.Duration
		want        string
	}{
		{0, 300, 5 * time.Second, ""}, // no speed yet
		{10, 300, time.Second, ""},    // too early to tell
		{100, 300, 10 * time.Second, ", about 20s left"},
		{299, 300, 30 * time.Second, ", about 1s left"},
		{300, 300, 30 * time.Second, ""},
		{310, 300, 30 * time.Second, ""}, // more than was expected
		{60, 1000, time.Minute, ", about 15m40s left"},
	} {
		if got := timeLeft(test.done, test.total, test.took); got != test.want {
			t.Errorf("%d of %d after %s: %q, want %q", test.done, test.total, test.took, got, test.want)
		}
	}
}
