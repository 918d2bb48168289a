package cli

import "testing"

func TestErrorsActOnNoTerminal(t *testing.T) {
	t.Parallel()
	if got, want := plainLines("x.rego:1: unexpected \x1b[31m\u202e\u200b token\n  next   line"), `x.rego:1: unexpected \x1b[31m\u202e\u200b token`+"\n  next   line"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
