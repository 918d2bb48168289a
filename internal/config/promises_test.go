package config

import (
	"strings"
	"testing"
)

// A configuration that pins its policies is judged by no others.
func TestOtherPoliciesThanThePinnedAreRefused(t *testing.T) {
	t.Parallel()
	pinned, other := "sha256:"+strings.Repeat("a", 64), "sha256:"+strings.Repeat("b", 64)
	for digest, want := range map[string]string{
		pinned: "",
		"":     "", // nothing is judged
		other:  "14:16: policy_digest names other policies than these, whose digest is " + other,
	} {
		directory := folder(t)
		path := directory + "/prelaunch.yaml"
		write(t, path, []byte(minimal+"authorized: {by: jane@acme.example, on: 2026-11-01, reference: SEC-42}\npolicy_digest: "+pinned+"\n"))
		pinning := options
		pinning.PolicyDigest = digest
		_, err := Load(path, pinning)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", digest, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %s", digest, err, want)
		}
	}
}
