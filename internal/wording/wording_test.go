package wording

import "testing"

func TestFaults(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"Production receiver accepted truncated signatures":             0,
		"the connection was refused":                                    0,
		"it refused the connection":                                     0,
		"the receiver refused a genuine event":                          2,
		"the key stands in what git holds":                              2,
		"Unsigned events are taken":                                     1,
		"a body that was respelled after signing":                       1,
		"not looked at: no route":                                       2,
		"the understanding is that bestiaries mendicants take is fine.": 0,
	} {
		if got := Faults(text); len(got) != want {
			t.Errorf("%q: %q, want %d", text, got, want)
		}
	}
}
