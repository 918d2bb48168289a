package delivery

import (
	"bytes"
	"crypto/hmac"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// Secret is a key with what messages call it.
type Secret struct {
	Name    string // such as "the key of test"
	Value   []byte
	Foreign bool // of another environment: what it verifies is a near miss
}

// Result is how far a recorded delivery verifies by one profile.
type Result struct {
	Profile  string
	Verified bool
	Scheme   string // label of another scheme of the provider's that verifies it; "" for its own
	Secret   string // name of the one that verifies it
	Part     provider.Part
	Sent     time.Time // as it says; zero where it does not
	Stale    bool      // it was too old when it was received
	// Near says, where it does not verify, with which change it would.
	Near []Difference
}

// Difference is one thing that is otherwise than the recipe has it.
type Difference struct {
	Kind string // encoding, placement, body, key, hash, signed or url
	Text string // one sentence, without a period
}

// Check holds a recorded delivery against one profile.
func Check(profile *provider.Profile, captured Captured, secrets []Secret) Result {
	r, m := profile.Signature, captured.Message
	result := Result{Profile: profile.Name, Part: provider.Missing}
	if sent, err := r.Timestamp.Parse(r.Read(m).Timestamp); err == nil && r.Timestamp.In != "" {
		result.Sent = sent
	}
	for _, secret := range secrets {
		part := r.Verify([][]byte{secret.Value}, m, captured.Received)
		if part == provider.Correct && secret.Foreign {
			result.Part, result.Secret = provider.BadMAC, secret.Name
			result.Near = []Difference{{"environment", "it is correctly signed, but with " + secret.Name}}
			return result
		}
		if part == provider.Correct {
			return Result{Profile: profile.Name, Verified: true, Part: part, Secret: secret.Name, Sent: result.Sent}
		}
		if rank(part) > rank(result.Part) {
			result.Part, result.Secret = part, secret.Name
		}
	}
	for _, other := range r.Other {
		for _, secret := range secrets {
			if r.With(other).Verify([][]byte{secret.Value}, m, time.Time{}) == provider.Correct {
				result.Scheme, result.Secret = other.Label, secret.Name
				result.Near = []Difference{{"placement", "it is signed by the provider's scheme " + other.Label + ", not by the current one"}}
				return result
			}
		}
	}
	result.Stale = result.Part == provider.Stale
	switch result.Part {
	case provider.Stale:
		result.Near = []Difference{{"stale", "it is correctly signed, but was older than " + string(r.Timestamp.Tolerance) + " when it was received"}}
	case provider.Future:
		result.Near = []Difference{{"stale", "it is correctly signed, but its time is in the future of when it was received"}}
	case provider.BadDigest:
		result.Near = []Difference{{"body", "it is correctly signed, but the digest that is signed is that of another body"}}
	default:
		if !r.NegativeOnly() {
			result.Near = near(profile, captured, secrets)
		}
	}
	return result
}

// rank orders the parts by how far verification got.
func rank(part provider.Part) int {
	return slices.Index([]provider.Part{provider.Missing, provider.NoTimestamp, provider.NoID, provider.BadKey, provider.BadMAC, provider.BadDigest, provider.Future, provider.Stale}, part)
}

// token is what an encoded digest looks like.
var token = regexp.MustCompile(`[A-Za-z0-9+/_-]{20,}={0,2}`)

// place is where a digest was found in a message, and how it is written.
type place struct{ where, encoding string }

// digests are all that a message may hold as a signature, by their bytes.
func digests(r provider.Recipe, m provider.Message) map[string]place {
	found := map[string]place{}
	add := func(where, text string) {
		for _, text := range token.FindAllString(text, 100) {
			if raw, err := hex.DecodeString(text); err == nil {
				encoding := "hex"
				if strings.ToUpper(text) == text && strings.ToLower(text) != text {
					encoding = "HEX"
				}
				found[string(raw)] = place{where, encoding}
			}
			standard := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
			if raw, err := base64.RawStdEncoding.DecodeString(standard); err == nil {
				encoding := "base64"
				if strings.ContainsAny(text, "-_") {
					encoding = "base64url"
				}
				found[string(raw)] = place{where, encoding}
			}
		}
	}
	for name, values := range m.Header {
		for _, value := range values {
			add(name+" header", value)
		}
	}
	if text := r.Placed(m); text != "" {
		add(r.Placement(), text)
	}
	return found
}

// near looks for the signature that one change of the recipe, the key, the body or the URL makes.
func near(profile *provider.Profile, captured Captured, secrets []Secret) []Difference {
	r := profile.Signature
	m := captured.Message
	received := r.Read(m)
	m.Timestamp, m.ID = received.Timestamp, received.ID
	candidates := digests(r, m)
	try := func(key []byte, r provider.Recipe, m provider.Message, difference Difference) []Difference {
		mac, err := r.MACWithKey(key, m)
		if err != nil {
			return nil
		}
		for raw, at := range candidates {
			if !hmac.Equal([]byte(raw), mac) {
				continue
			}
			var all []Difference
			if difference.Kind != "" {
				all = append(all, difference)
			}
			if at.encoding != r.Encoding && !(at.encoding == "HEX" && r.Encoding == "hex") && !(strings.HasPrefix(at.encoding, "base64") && strings.HasPrefix(r.Encoding, "base64")) {
				all = append(all, Difference{"encoding", fmt.Sprintf("the signature is written in %s, where the provider's is in %s", at.encoding, r.Encoding)})
			}
			if len(received.Signatures) == 0 {
				all = append(all, Difference{"placement", fmt.Sprintf("the signature is in the %s, but not as the provider writes it in the %s", at.where, r.Placement())})
			}
			return all
		}
		return nil
	}
	for _, secret := range secrets {
		key, err := r.Key(secret.Value)
		if err == nil {
			if found := try(key, r, m, Difference{}); found != nil {
				return found
			}
			for _, changed := range bodies(m.Body) {
				other := m
				other.Body = changed.bytes
				if found := try(key, r, other, Difference{"body", "the recorded body is not the one that was signed: " + changed.what}); found != nil {
					return found
				}
			}
			for _, name := range provider.Hashes() {
				other := r
				other.Hash = name
				if found := try(key, other, m, Difference{"hash", "it is signed with " + other.Title() + ", where the provider signs with " + r.Title()}); found != nil {
					return found
				}
			}
			for _, changed := range urls(m.URL) {
				other := m
				other.URL = changed
				if r.Covers().URL {
					if found := try(key, r, other, Difference{"url", "it is signed for another form of the URL: " + urlWords(m.URL, changed)}); found != nil {
						return found
					}
				}
			}
			if found := try(key, r.With(provider.Scheme{Over: "{body}"}), m, Difference{"signed", "the body alone is signed"}); found != nil {
				return found
			}
		}
		for _, meant := range []variant{
			{bytes.TrimSpace(secret.Value), "the secret has space around it that does not belong to it"},
			{bytes.Trim(secret.Value, "\"'`"), "the secret is in quotes, which do not belong to it"},
		} {
			if key, err := r.Key(meant.bytes); err == nil {
				if found := try(key, r, m, Difference{"key", meant.what}); found != nil {
					return found
				}
			}
		}
		for _, changed := range keys(secret.Value) {
			if found := try(changed.bytes, r, m, Difference{"key", changed.what}); found != nil {
				return found
			}
		}
	}
	return nil
}

// variant is a body or a key that another one may have been turned into.
type variant struct {
	bytes []byte
	what  string
}

// keys are what a secret is taken for by mistake.
func keys(secret []byte) []variant {
	out := []variant{
		{secret, "it is signed with the secret as it is written, which should have been decoded"},
		{append(bytes.Clone(secret), '\n'), "it is signed with the secret and a newline behind it"},
	}
	text := string(secret)
	if _, rest, found := strings.Cut(text, "_"); found {
		out = append(out, variant{[]byte(rest), "it is signed with the secret without its prefix"})
		text = rest
	}
	for _, text := range []string{string(secret), text} {
		if raw, err := hex.DecodeString(text); err == nil {
			out = append(out, variant{raw, "it is signed with the secret decoded from hex, which the provider's is not"})
		}
		if raw, err := base64.StdEncoding.DecodeString(text); err == nil {
			out = append(out, variant{raw, "it is signed with the secret decoded from base64, which the provider's is not"})
		}
	}
	return out
}

// bodies are what editors and frameworks make of a body.
func bodies(body []byte) []variant {
	out := []variant{
		{bytes.TrimRight(body, "\r\n"), "a newline was added at its end"},
		{append(bytes.Clone(body), '\n'), "the newline at its end is gone"},
		{bytes.TrimPrefix(body, []byte("\ufeff")), "a byte order mark was added at its start"},
		{bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n")), "its line ends were changed"},
		{bytes.ReplaceAll(body, []byte("\n"), []byte("\r\n")), "its line ends were changed"},
	}
	const reserialized = "it was parsed and serialized again"
	var compact, indented, wide bytes.Buffer
	if json.Compact(&compact, body) == nil {
		_ = json.Indent(&indented, body, "", "  ") // it was valid a moment ago
		_ = json.Indent(&wide, body, "", "    ")
		escaped := &bytes.Buffer{}
		json.HTMLEscape(escaped, compact.Bytes())
		out = append(out, variant{compact.Bytes(), reserialized}, variant{indented.Bytes(), reserialized}, variant{wide.Bytes(), reserialized},
			variant{spaced(compact.Bytes()), reserialized}, variant{escaped.Bytes(), reserialized},
			variant{ascii(compact.Bytes()), reserialized}, variant{ascii(spaced(compact.Bytes())), reserialized}, variant{ascii(body), reserialized},
			variant{bytes.ReplaceAll(compact.Bytes(), []byte("/"), []byte(`\/`)), reserialized},
			variant{bytes.ReplaceAll(body, []byte(`\/`), []byte("/")), reserialized})
		var parsed any
		decoder := json.NewDecoder(bytes.NewReader(body))
		decoder.UseNumber()
		if decoder.Decode(&parsed) == nil {
			if sorted, err := json.Marshal(parsed); err == nil {
				out = append(out, variant{sorted, reserialized}, variant{spaced(sorted), reserialized})
			}
		}
	}
	return out
}

// spaced is compact JSON with a space after each comma and colon, as Python writes it.
func spaced(compact []byte) []byte {
	var out bytes.Buffer
	quoted := false
	for i := 0; i < len(compact); i++ {
		c := compact[i]
		out.WriteByte(c)
		switch {
		case quoted && c == '\\' && i+1 < len(compact):
			i++
			out.WriteByte(compact[i])
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ',' || c == ':'):
			out.WriteByte(' ')
		}
	}
	return out.Bytes()
}

// ascii escapes what is not ASCII, as Python and PHP do.
func ascii(text []byte) []byte {
	var out bytes.Buffer
	for _, c := range string(text) {
		if c < 0x80 {
			out.WriteRune(c)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, c) {
			fmt.Fprintf(&out, `\u%04x`, unit)
		}
	}
	return out.Bytes()
}

// urls are other forms of the URL that a receiver may be registered with.
func urls(written string) []string {
	scheme, rest, ok := strings.Cut(written, "://")
	if !ok {
		return nil
	}
	host, path, _ := strings.Cut(rest, "/")
	plain := strings.TrimSuffix(strings.TrimSuffix(host, ":443"), ":80")
	withoutQuery, _, _ := strings.Cut(path, "?")
	var out []string
	for _, s := range []string{scheme, "https", "http"} {
		for _, h := range []string{host, plain, plain + ":443"} {
			for _, p := range []string{path, withoutQuery, strings.TrimSuffix(withoutQuery, "/"), withoutQuery + "/"} {
				slash := "/"
				if p == "" && path == "" {
					slash = ""
				}
				out = append(out, s+"://"+h+slash+p, s+"://"+h+"/"+p)
			}
		}
	}
	return out
}

func urlWords(was, is string) string {
	switch {
	case strings.SplitN(was, ":", 2)[0] != strings.SplitN(is, ":", 2)[0]:
		return "http and https are exchanged"
	case strings.Contains(is, ":443") != strings.Contains(was, ":443"):
		return "the port"
	case strings.Contains(was, "?") && !strings.Contains(is, "?"):
		return "without its query"
	}
	return "the slash at its end"
}

// Identify holds the requests of a recording against profiles, and returns those that verify one. Where none does, it
// is those of which least is different, or, where nothing is known of that, those that have something where the profile's
// signature belongs.
func Identify(profiles []*provider.Profile, captured []Captured, secrets []Secret) []Result {
	var verified, failed []Result
	for _, profile := range profiles {
		best := Result{Profile: profile.Name}
		for _, one := range captured {
			switch result := Check(profile, one, secrets); {
			case result.Verified:
				best = result
			case !best.Verified && (len(result.Near) > 0 && len(best.Near) == 0 || best.Part == "" || rank(result.Part) > rank(best.Part)):
				best = result
			}
			if best.Verified {
				break
			}
		}
		if best.Verified {
			verified = append(verified, best)
		} else if best.Part != provider.Missing || len(best.Near) > 0 || len(profiles) == 1 {
			failed = append(failed, best)
		}
	}
	if len(verified) > 0 {
		return verified
	}
	fewest := 0
	for _, result := range failed {
		if n := len(result.Near); n > 0 && (fewest == 0 || n < fewest) {
			fewest = n
		}
	}
	return slices.DeleteFunc(failed, func(result Result) bool { return len(result.Near) != fewest })
}
