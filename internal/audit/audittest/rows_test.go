package audittest

import (
	"slices"
	"testing"
)

func TestRows(t *testing.T) {
	for _, test := range []struct {
		sweep        string
		n, byDefault int
		want         []int
	}{
		{"", 5, 2, []int{0, 2, 4}}, {"1", 3, 16, []int{0, 1, 2}}, {"3", 7, 1, []int{0, 3, 6}}, {"3", 7, 5, []int{0, 5}},
		{"3+2", 7, 1, []int{2, 5}}, {"3+4", 7, 1, []int{1, 4}}, {"24+5", 3, 16, []int{2}}, {"24+5", 0, 1, nil},
	} {
		t.Setenv("PRELAUNCH_SWEEP", test.sweep)
		if got := slices.Collect(Rows(t, test.n, test.byDefault)); !slices.Equal(got, test.want) {
			t.Errorf("%q of %d, by default every %d.: %v, want %v", test.sweep, test.n, test.byDefault, got, test.want)
		}
	}
	for _, sweep := range []string{"0", "-1", "all", "3+", "3+x", "3+-1"} {
		if _, _, err := share(sweep, 1); err == nil {
			t.Errorf("PRELAUNCH_SWEEP=%s is taken", sweep)
		}
	}
}
