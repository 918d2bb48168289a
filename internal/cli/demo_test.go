package cli_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/audit/audittest"
	"github.com/prelaunch-audit/prelaunch/internal/cli"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// TestDemoOfProviders: of every provider whose events can be signed, the demo finds the flaws that it
// planted and raises no alarm on the corrected twin. A demo is two whole audits, so it takes few.
func TestDemoOfProviders(t *testing.T) {
	t.Parallel()
	var names []string
	for _, name := range provider.Names() {
		if !provider.Must(name).Signature.NegativeOnly() {
			names = append(names, name)
		}
	}
	chosen := []string{"../provider/providertest/jwt.yaml"} // of a user's own provider
	for i := range audittest.Rows(t, len(names), 8*sample) {
		chosen = append(chosen, names[i])
	}
	for _, name := range chosen {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out, errs bytes.Buffer
			code := cli.Main(t.Context(), []string{"demo", "--provider", name, "--no-progress"},
				cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs, LookupEnv: lookup(nil)})
			if code != 0 {
				t.Errorf("exit code %d: %s%s", code, out.String(), errs.String())
			}
		})
	}
}
