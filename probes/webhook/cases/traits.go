package cases

import (
	"encoding/json"
	"fmt"
	"mime"
	"slices"
	"strings"
	"unicode/utf8"
)

// Traits are what a request that is to be rejected has in common with others, in words that complete
// "every …". Those of the signature are of plain requests only, since anything else may be rejected
// before a signature is checked; those of the body are of correctly signed ones.
func (f *Request) Traits(signed bool) []string {
	if signed {
		return f.bodyTraits()
	}
	var traits []string
	plain, own := f.Method == "POST" && !f.Elsewhere, f.Profile.Delivery.ContentType()
	if media, parameters, err := mime.ParseMediaType(f.header("Content-Type")); err != nil || media != own {
		traits = append(traits, "request with another content type than "+own)
		plain = false
	} else if parameters["charset"] != "" {
		plain = false
	}
	name := f.Scheme.Header()
	if f.header("Content-Encoding") != "" || slices.ContainsFunc(f.Header, func(pair [2]string) bool { return strings.EqualFold(pair[0], name) }) {
		plain = false
	}
	if name == "" || len(f.Scheme.Put) > 1 || f.Scheme.List.Style != "" || f.Scheme.encoding() == "" {
		return traits // there is no one length
	}
	length := len(f.value(f.random()))
	switch {
	case !plain:
	case f.Unsigned:
		traits = append(traits, "request without a signature header")
	case f.Signature == "":
		traits = append(traits, "empty signature header")
	default:
		if len(f.Signature) != length {
			traits = append(traits, fmt.Sprintf("signature that is not %d characters long", length))
		}
		if !f.Scheme.isEncoded(strings.TrimPrefix(f.Signature, f.value(""))) {
			traits = append(traits, "signature that is not "+f.Scheme.encoding())
		}
	}
	return traits
}

func (f *Request) bodyTraits() []string {
	var value any
	switch err := json.Unmarshal(f.Body, &value); {
	case f.Abort:
		return nil
	case err != nil || !utf8.Valid(f.Body):
		return []string{"body that is not JSON"}
	}
	if _, object := value.(map[string]any); !object {
		return []string{"body that is not a JSON object"}
	}
	return nil
}

func (f *Request) header(name string) string {
	for _, pair := range f.Header {
		if strings.EqualFold(pair[0], name) {
			return pair[1]
		}
	}
	return ""
}
