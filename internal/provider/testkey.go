package provider

import "crypto/sha256"

// publicTestText is what every provider's public test key is made of.
const publicTestText = "prelaunch-public-test-key-never-deploy"

// PublicTestKey is a key of the provider's form that test vectors are signed with. Everybody knows it, so
// that a receiver in which it is deployed verifies nothing.
func (p *Profile) PublicTestKey() string { return p.SecretOf(publicTestText) }

// SecretOf is a secret of the form that the provider's have, made of a text.
func (p *Profile) SecretOf(text string) string {
	if decode := p.Secret.Key.Decode; decode == "" || decode == "raw" {
		return p.Signature.Secret([]byte(text))
	}
	sum := sha256.Sum256([]byte(text))
	return p.Signature.Secret(sum[:])
}
