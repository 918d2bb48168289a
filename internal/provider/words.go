package provider

import (
	"cmp"
	"fmt"
	"maps"
	"strings"
)

// AllWords are the provider's words, and what the recipe says in words: algorithm, mac, encoding,
// notation, placement, provider, required, signed, status, success and whole.
func (p *Profile) AllWords() map[string]string {
	all := map[string]string{
		"algorithm": p.Signature.Title(), "mac": p.Signature.Title(), "encoding": "hex", "notation": "hexadecimal",
		"placement": p.Signature.Placement(), "provider": p.Title, "required": strings.Join(p.Required, ", "),
		"signed": p.Signature.signedWords(), "success": "a 2xx status", "status": "2xx", "whole": "the whole signature",
	}
	if strings.HasPrefix(p.Signature.Encoding, "base64") {
		all["encoding"], all["notation"] = p.Signature.Encoding, p.Signature.Encoding
	}
	if digits := p.Signature.Digits(); digits > 0 {
		all["whole"] = fmt.Sprintf("all %d digits", digits)
	}
	if statuses := p.Delivery.Success.Status; len(statuses) == 1 && !strings.Contains(statuses[0], "-") {
		all["success"], all["status"] = "exactly "+statuses[0], statuses[0]
	} else if len(statuses) > 0 && statuses[0] != "200-299" {
		all["success"] = "one of " + strings.Join(statuses, ", ")
		all["status"] = strings.Join(statuses, " or ")
	}
	if tolerance := p.Signature.Timestamp.Tolerance.Duration(); tolerance > 0 {
		all["tolerance"] = fmt.Sprintf("%.0f seconds", tolerance.Seconds())
	}
	if id := p.Delivery.ID; id.Header != "" {
		all["event_id"] = "the header " + id.Header
	} else if id.Body != "" {
		all["event_id"] = "the field " + id.Body
	}
	if dashboard := p.Words["dashboard"]; dashboard != "" {
		all["accounts"], all["rotate"] = "the "+dashboard, "rotate the key in the "+dashboard
		all["tab"], all["tabs"] = "endpoint in the "+dashboard, "endpoints in the "+dashboard
	}
	if strings.HasPrefix(p.Features.Addresses, "https://") {
		all["addresses"] = "get the list of the provider's addresses from " + p.Features.Addresses
	}
	if p.Environments.Identity == "account" {
		all["identity"], all["identities"] = "account", "accounts"
	}
	maps.Copy(all, p.Words)
	return all
}

// signedWords are what is signed, such as "raw body" or "timestamp and raw body".
func (r Recipe) signedWords() string {
	c := r.Covers()
	var parts []string
	for _, part := range []struct {
		covered bool
		words   string
	}{{c.Method, "method"}, {c.URL, "URL"}, {c.ID, "message ID"}, {c.Time, "timestamp"}, {c.Params, "form parameters"}, {c.Fields, "listed fields"}, {c.Body, "raw body"}, {c.Digest && !c.Body, "digest of the body"}} {
		if part.covered {
			parts = append(parts, part.words)
		}
	}
	if n := len(parts); n > 1 {
		return strings.Join(parts[:n-1], ", ") + " and " + parts[n-1]
	}
	return strings.Join(parts, "")
}

// Variable is the name that the variable of a key most likely has.
func (p *Profile) Variable() string {
	return strings.ToUpper(cmp.Or(p.Word(), "prelaunch") + "_" + p.SecretSetting())
}

// Word is a word that, in the name of a variable, says that it belongs to the provider; "" where the
// profile opens no variables.
func (p *Profile) Word() string {
	for _, name := range p.Secret.Names {
		if p.BuiltIn && !strings.Contains(name, "_") && len(name) <= maxWord {
			return name
		}
	}
	return ""
}

// SecretSetting is what the setting of the secret is called where it reads best.
func (p *Profile) SecretSetting() string {
	if p.Secret.Reach == ReachAPI {
		return "api_key"
	}
	return "secret"
}

// maxWord is the longest word that is suggested for the name of a variable: longer ones may be taken for a
// secret.
const maxWord = 12

// Title is the scheme in the field's terms, such as "HMAC-SHA-256".
func (r Recipe) Title() string {
	hash := strings.Replace(strings.ToUpper(r.Hash), "SHA", "SHA-", 1)
	switch r.Kind {
	case HMAC:
		return "HMAC-" + hash
	case JWT:
		return "JWT HS256"
	case Token:
		return "secret token"
	case PublicKey:
		return map[string]string{"ed25519": "Ed25519", "ecdsa-p256-sha256": "ECDSA P-256 with SHA-256", "rsa-pkcs1-sha256": "RSA PKCS #1 with SHA-256",
			"jws(ES256)": "JWS ES256", "jws(ES512)": "JWS ES512", "jws(RS256)": "JWS RS256"}[r.Algorithm]
	}
	return hash + " digest"
}

// Placement is where the signature stands, in words such as "X-Signature header".
func (r Recipe) Placement() string {
	at := r.Put[0].slot()
	return at.name + map[string]string{"header": " header", "body": " field", "param": " parameter", "query": " parameter of the URL"}[at.kind]
}
