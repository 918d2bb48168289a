package config

import (
	"fmt"
	"strings"
	"testing"
)

// TestInternationalNames: DNS, SNI and certificates know only the xn-- form, so that is what everything after Load sees.
func TestInternationalNames(t *testing.T) {
	t.Parallel()
	written := strings.Replace(minimal, "https://hooks.acme.example/", "https://Höhle.acme.example:8443/a?b=ö", 1) +
		"network:\n  resolve: {\"höhle.acme.example.:8443\": \"127.0.0.1:1\"}\n"
	integration := mustLoad(t, written)
	if got, want := integration.Environments[1].WebhookURL, "https://xn--hhle-5qa.acme.example:8443/a?b=ö"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := integration.Network.Resolve["xn--hhle-5qa.acme.example:8443"]; len(got) != 1 {
		t.Errorf("resolve: %v", integration.Network.Resolve)
	}
}

// TestManyRetiredKeys: years of rotated keys can be listed; a bound keeps a hostile list from costing without end.
func TestManyRetiredKeys(t *testing.T) {
	t.Parallel()
	listed := func(n int) string {
		var b strings.Builder
		b.WriteString(minimal + "retired_keys:\n")
		for i := range n {
			fmt.Fprintf(&b, "  - {sha256: \"%064x\", length: 32, environment: production}\n", i+1)
		}
		return b.String()
	}
	if got := len(mustLoad(t, listed(400)).RetiredKeys); got != 400 {
		t.Errorf("%d retired keys", got)
	}
	if _, err := loadIn(t, t.TempDir(), listed(mostRetiredKeys+1)); err == nil {
		t.Error("there is no bound")
	}
}
