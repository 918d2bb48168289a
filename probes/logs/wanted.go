package logs

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/keyscan/match"
	"github.com/prelaunch-audit/prelaunch/internal/lazy"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// Rules of this file: what of the requests that were sent may not be found in a log, and what is no alarm there:
//   - a signature counts from half of it on; a few digits, as are logged to correlate, do not;
//   - an unkeyed digest of the body is no signature, whatever header it was sent in: correct receivers log one to correlate;
//   - a correct signature that did not go in the header shows in a log where the receiver worked it out and put it there. Some requests
//     carry it in the query, which servers log and no provider does, so it counts only when it shows for several requests;
//   - the type of an event and the names of its outer fields are no payload; its details are.

// sought is one literal's meaning.
type sought struct {
	what     string // signature, uid or payload
	spelling string
	right    bool // of a signature
	expected int  // of a signature that was not sent: 1 more than the number of its request; otherwise 0
	once     bool // nobody but this run has ever sent it
	token    bool // it counts only where no letter or digit touches it
}

// wanted is everything that is searched for in what came since.
type wanted struct {
	set      *match.Set
	means    []sought // by literal ID
	lengths  []int    // by literal ID, in bytes
	unsought int      // UIDs that cannot be told from other text
}

// seek prepares the search for what was sent.
func seek(integration *audit.Integration, profile provider.Profile, events []audit.LedgerEvent) (*wanted, error) {
	w := &wanted{}
	var literals []match.Literal
	seen := map[string]bool{}
	add := func(text []byte, means sought) {
		if len(text) == 0 || len(text) > maxPiece*8 || seen[string(text)] {
			return
		}
		seen[string(text)] = true
		literals = append(literals, match.Literal{ID: len(w.means), Bytes: text})
		w.means, w.lengths = append(w.means, means), append(w.lengths, len(text))
	}
	reused, uids, unsought, pieces := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, environment := range integration.Environments {
		for _, uid := range environment.ProbeUIDs {
			reused[uid] = true
		}
	}
	outside, shortest := outsideHeader(events), shortestOf(profile.Signature)
	for i, event := range events {
		if outside[i] == 0 && event.Signature != "" {
			addSignature(event.Signature, event, sought{what: "signature", right: event.Valid, once: once(event, reused)}, shortest, add)
		}
	}
	for i, event := range events {
		switch right := event.Correct; {
		case outside[i] > 0:
			addSignature(event.Signature, event, sought{what: "signature", right: true, expected: outside[i], once: once(event, reused)}, shortest, add)
		case !event.Valid && right != "":
			addSignature(right, event, sought{what: "signature", right: true, expected: i + 1, once: once(event, reused)}, shortest, add)
		}
		switch uid := event.UID; {
		case uid == "" || uids[uid]:
		case !telling(uid, reused[uid]):
			unsought[uid] = reused[uid] // others belong to one odd request each, and its payload is searched for
		default:
			uids[uid] = true
			for _, spelling := range secret.Common([]byte(uid)) {
				add(spelling.Bytes, sought{what: "uid", spelling: spelling.Name, once: !reused[uid], token: reused[uid] && spelling.Name == "plain"})
			}
		}
		for _, piece := range payloadPieces(event.Body) {
			if pieces[string(piece)] { // events share most of their fields
				continue
			}
			pieces[string(piece)] = true
			for _, spelling := range secret.Common(piece) {
				if spelling.Name != "utf-16le" && spelling.Name != "utf-16be" && spelling.Name != "hex-escaped" {
					add(spelling.Bytes, sought{what: "payload", spelling: spelling.Name})
				}
			}
		}
	}
	for _, configured := range unsought {
		if configured {
			w.unsought++
		}
	}
	var err error
	w.set, err = match.New(literals)
	return w, err
}

// once reports whether only this run has sent that event.
func once(event audit.LedgerEvent, reused map[string]bool) bool {
	return event.UID != "" && !reused[event.UID]
}

// outsideHeader finds the events that are noted a second time, for a correct signature that the request carried elsewhere than in the
// header, and gives for each 1 more than the number of its first note.
func outsideHeader(events []audit.LedgerEvent) map[int]int {
	type request struct {
		at   int64
		body [sha256.Size]byte
	}
	first, outside := map[request]int{}, map[int]int{}
	for i, event := range events {
		this := request{event.At.UnixNano(), sha256.Sum256(event.Body)}
		at, noted := first[this]
		switch {
		case !noted:
			first[this] = i
		case event.Valid && event.Signature != events[at].Signature:
			outside[i] = at + 1
		}
	}
	return outside
}

// addSignature adds the signatures in a header's value that are no unkeyed digest of the body.
func addSignature(header string, event audit.LedgerEvent, means sought, shortest lengths, add func([]byte, sought)) {
	texts := signatureTexts(header, shortest)
	if len(texts) == 0 {
		return
	}
	digests := unkeyed(event.Body)
	for _, text := range texts {
		if !isUnkeyed(text, digests) {
			signatureSpellings(text, means, shortest, add)
		}
	}
}

// telling reports whether a UID can be told from other text of a log: one made up for this run by its length, a configured one when it
// has eight characters, letters and digits.
func telling(uid string, reused bool) bool {
	if !reused {
		return len(uid) >= 12
	}
	return len(uid) >= 8 && strings.ContainsAny(uid, "0123456789") && strings.ContainsFunc(uid, func(c rune) bool { return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' })
}

// lengths are those of the shortest texts that are taken for a signature.
type lengths struct{ hex, base64 int }

// shortestOf are SHA-256's, or those of the provider's signatures where they are shorter.
func shortestOf(recipe provider.Recipe) lengths {
	n := recipe.DigestLength()
	if n == 0 || n > sha256.Size {
		n = sha256.Size
	}
	return lengths{hex.EncodedLen(n), base64.RawStdEncoding.EncodedLen(n)}
}

// signatureText is anything that could be one; the shortest signatures are those of SHA-1 in base64.
var signatureText = lazy.Regexp(`[0-9A-Za-z+/_-]{27,}={0,2}`)

// signatureTexts are the signatures in a header's value.
func signatureTexts(header string, shortest lengths) (texts []string) {
	for _, text := range signatureText().FindAllString(header, 8) {
		if _, err := hex.DecodeString(text); err == nil && len(text) < shortest.hex {
			continue
		}
		if len(text) >= shortest.base64 && varied(text) {
			texts = append(texts, text)
		}
	}
	return texts
}

// varied reports whether a text is not made of a few characters over and over.
func varied(text string) bool {
	seen := map[rune]bool{}
	for _, c := range text {
		seen[c] = true
	}
	return len(seen) >= 6
}

// signatureSpellings adds the first half of a long signature, the whole of a short one, as it may be written.
func signatureSpellings(text string, means sought, shortest lengths, add func([]byte, sought)) {
	raw, err := hex.DecodeString(text)
	if err != nil {
		half := text[:max(shortest.base64, len(text)/2)]
		means.spelling = "plain"
		add([]byte(half), means)
		return
	}
	raw = raw[:max(shortest.hex/2, len(raw)/2)]
	digits := hex.EncodeToString(raw)
	for _, spelled := range []struct{ name, text string }{
		{"plain", digits}, {"plain", strings.ToUpper(digits)},
		{"base64", strings.TrimRight(base64.RawStdEncoding.EncodeToString(raw[:len(raw)/3*3]), "=")},
		{"base64url", base64.RawURLEncoding.EncodeToString(raw[:len(raw)/3*3])},
	} {
		means.spelling = spelled.name
		add([]byte(spelled.text), means)
	}
	for _, spelling := range secret.Common([]byte(digits)) {
		if strings.HasPrefix(spelling.Name, "base64") {
			means.spelling = spelling.Name
			add(spelling.Bytes, means)
		}
	}
}

// unkeyed are the digests of a body that need no key.
func unkeyed(body []byte) [][]byte {
	a, b, c, d, e := sha512.Sum512(body), sha512.Sum384(body), sha256.Sum256(body), sha1.Sum(body), md5.Sum(body)
	return [][]byte{a[:], b[:], c[:], d[:], e[:]}
}

func isUnkeyed(text string, digests [][]byte) bool {
	raw, err := hex.DecodeString(text)
	if err != nil {
		if raw, err = base64.StdEncoding.DecodeString(text); err != nil {
			return false
		}
	}
	return slices.ContainsFunc(digests, func(digest []byte) bool { return bytes.Equal(digest, raw) })
}

// Lengths, in bytes, of the pieces of a payload that are searched for.
const (
	minPiece = 28  // {"application_started_at":1} with a comma: the shortest details
	maxPiece = 160 // a log that cuts off long values shows that much
)

var spacedJSON = strings.NewReplacer(`":`, `": `, `,"`, `, "`)

// payloadPieces are what of a body tells that a payload was logged: its details, as sent and as common languages print them. A body
// without details is a piece as a whole when it is long enough to be told from other text.
func payloadPieces(body []byte) [][]byte {
	at := bytes.Index(body, []byte(`"details"`))
	if at < 0 {
		if len(body) >= 2*minPiece && len(body) <= maxPiece*4 && varied(string(body)) {
			return [][]byte{body}
		}
		return nil
	}
	var pieces [][]byte
	take := func(text []byte) {
		text = text[:min(len(text), maxPiece)]
		if len(text) >= minPiece-1 && varied(string(text)) {
			pieces = append(pieces, text)
		}
	}
	details := body[at+len(`"details"`):]
	if open := bytes.IndexByte(details, '{'); open >= 0 {
		take(bytes.TrimRight(details[open:], "} \r\n\t"))
	}
	var whole struct {
		Event struct {
			Details json.RawMessage `json:"details"`
		} `json:"event"`
	}
	if json.Unmarshal(body, &whole) != nil || len(whole.Event.Details) == 0 {
		return pieces
	}
	var compact bytes.Buffer
	if json.Compact(&compact, whole.Event.Details) == nil {
		text := strings.TrimRight(compact.String(), "}")
		take([]byte(text))
		spaced := spacedJSON.Replace(text)
		take([]byte(spaced))
		take([]byte(strings.ReplaceAll(spaced, `"`, `'`)))
	}
	return pieces
}
