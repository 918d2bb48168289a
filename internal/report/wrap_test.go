package report

import (
	"strings"
	"testing"
)

func TestWrapKeepsLongWordsWhole(t *testing.T) {
	t.Parallel()
	got := Wrap("Set what follows:\n- nginx: ssl_ciphers A:B:C:D:E:F:G:H:I:J; and reload it\n\nThen look again.", 24, "  ")
	want := strings.Join([]string{
		"  Set what follows:",
		"  - nginx: ssl_ciphers",
		"    A:B:C:D:E:F:G:H:I:J;",
		"    and reload it",
		"",
		"  Then look again.",
	}, "\n")
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if long := "ssl_ciphers-A:B:C:D:E:F:G:H"; Wrap(long, 10, " ") != " "+long {
		t.Errorf("%q", Wrap(long, 10, " "))
	}
}
