package cases

import (
	"net/http"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// TestVectorsAreWhatTheRecipeSays: a receiver on the recipe accepts what is to be accepted and nothing else.
func TestVectorsAreWhatTheRecipeSays(t *testing.T) {
	t.Parallel()
	for _, name := range provider.Names() {
		profile, err := provider.ByName(name)
		if err != nil {
			t.Fatal(err)
		}
		list, err := Vectors(&profile)
		if profile.Signature.NegativeOnly() {
			if err == nil {
				t.Errorf("%s: there are vectors under a private key", name)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		count := map[bool]int{}
		for _, v := range list {
			header := http.Header{}
			for name, value := range v.Headers {
				header.Set(name, value)
			}
			message := provider.Message{Method: "POST", URL: v.URL, Header: header, Body: v.Body, Account: vectorIntegrationID}
			part := profile.Signature.Verify([][]byte{[]byte(profile.PublicTestKey())}, message, VectorTime)
			if (part == provider.Correct) != v.Accept {
				t.Errorf("%s: %s is to be accepted: %v, and the recipe says %s", name, v.Label(), v.Accept, part)
			}
			count[v.Accept]++
		}
		if count[true] < 1 || count[false] < 10 {
			t.Errorf("%s: %v", name, count)
		}
	}
}
