package cases

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// Cases that a scheme has for what it is made of: timestamps, identifiers, lists, URLs, digests, other
// schemes next to it. What the official SDKs of providers tolerate is no alarm: such a case has a variant
// that says so, or is not sent at all.

// Variants, as in the facts.
const (
	variantLegacy    = "legacy"
	variantNever     = "never"
	variantTolerated = "tolerated"
	variantThrows    = "throws"
	variantOther     = "other_environment"
)

// beyond is how much older than the tolerance a timestamp is that must be rejected: clocks differ.
const beyond = time.Minute

// timestamps are cases of schemes that sign a time or an identifier.
func timestamps(s Scheme) []Case {
	var list []Case
	if s.timed() {
		for _, old := range []struct {
			name string
			age  time.Duration
		}{{"past-tolerance", s.tolerance() + beyond}, {"hour", time.Hour}, {"day", 24 * time.Hour}, {"year", 365 * 24 * time.Hour}} {
			if old.age > s.tolerance() {
				list = append(list, Case{Family: FamilyStale, Name: old.name, Change: dated(-old.age), FullOnly: true,
					What: "a correct signature over a time that is too old: " + strings.ReplaceAll(old.name, "-", " ")})
			}
		}
		list = append(list, Case{Family: FamilyFuture, Name: "hour", Change: dated(time.Hour), FullOnly: true,
			What: "a correct signature over a time that is an hour ahead"})
	}
	if s.timed() {
		list = append(list, unboundTimes(s)...)
	}
	if s.identified() {
		list = append(list, Case{Family: FamilyUnbound, Name: "id-changed", FullOnly: true, What: "the correct signature with another message identifier",
			Change: resigned(func(f *Request) { f.reidentify(RandomHex(16)) })})
	}
	if (s.timed() || s.identified()) && s.covers.Body && !s.timeInBody() {
		list = append(list, Case{Family: FamilyUnbound, Name: "body-only", FullOnly: true, What: "the HMAC of the body alone, without the time or identifier that belongs to it",
			Change: func(f *Request) {
				f.Right(nil)
				f.Put(f.Scheme.EncodeRaw(f.macOf(f.Scheme.Hash, f.Key, f.Body)))
			}})
	}
	return list
}

// alone are HMACs of one thing that is sent, in place of all that is signed: a receiver that accepts one accepts any
// body with it.
func alone(profile *provider.Profile) []Case {
	s := SchemeOf(profile)
	if s.Kind != provider.HMAC || !s.coversAny() {
		return nil
	}
	var list []Case
	add := func(sent bool, name, what string, of func(f *Request) string) {
		if !sent {
			return
		}
		list = append(list, Case{Family: "F07", Name: name, What: "the HMAC of " + what, Change: func(f *Request) {
			f.Right(f.Body)
			part := []byte(of(f))
			ofEmpty := !f.Scheme.timeInBody() && bytes.Equal(part, f.signed(nil)) // which is among the cases of all schemes
			if len(part) == 0 && name != "nothing-signed" || bytes.Equal(part, f.signed(f.Body)) || ofEmpty {
				f.Refuse(NotSentNotPossible)
			}
			f.Put(f.Scheme.EncodeRaw(f.macOf(f.Scheme.Hash, f.Key, part)))
		}})
	}
	add(s.Timestamp.In != "", "time-alone", "the time alone", func(f *Request) string { return cmp.Or(f.Timestamp, f.Scheme.Timestamp.Format(f.Time)) })
	add(s.ID.In != "", "id-alone", "the message identifier alone", func(f *Request) string { return f.ID })
	add(s.ID.In == "" && profile.Delivery.ID != provider.Place{}, "event-id-alone", "the event's identifier alone", (*Request).eventID)
	add(s.covers.URL, "url-alone", "the URL alone", func(f *Request) string { return f.registered })
	add(s.Over != "{body}", "nothing-signed", "an empty text", func(*Request) string { return "" })
	return list
}

// eventID is by what duplicates are recognized.
func (f *Request) eventID() string {
	at := f.Profile.Delivery.ID
	switch {
	case at.Header != "":
		return f.header(at.Header)
	case at.Query != "":
		if query, err := url.ParseQuery(f.Query); err == nil {
			return query.Get(at.Query)
		}
		return ""
	}
	if holder, i := f.Doc.at(cmp.Or(at.Body, at.Param)); i >= 0 {
		return holder.members[i].Text
	}
	return ""
}

// unboundTimes keep the signature and change the value of the time. Other encodings of the same value are
// not among them: official SDKs accept those.
func unboundTimes(s Scheme) []Case {
	list := []Case{{Family: FamilyUnbound, Name: "time-changed", FullOnly: true, What: "the correct signature with another time",
		Change: resigned(func(f *Request) { f.retime(f.Scheme.Timestamp.Format(f.Time.Add(-f.Scheme.nearby()))) })}}
	if s.timeInBody() { // all else is a body that was tampered with
		return list
	}
	for _, c := range []struct {
		name, text string
	}{
		{"time-empty", ""}, {"time-nan", "NaN"},
	} {
		list = append(list, Case{Family: FamilyUnbound, Name: c.name, FullOnly: true,
			What:   "the correct signature with a time that is " + strings.ReplaceAll(strings.TrimPrefix(c.name, "time-"), "nan", "no number"),
			Change: resigned(func(f *Request) { f.retime(c.text) })})
	}
	list = append(list, Case{Family: FamilyUnbound, Name: "time-missing", FullOnly: true, What: "the correct signature without the time",
		Change: resigned((*Request).untime)})
	for _, first := range []bool{true, false} {
		if s.tolerance() == 0 {
			break // an old time is as good as a fresh one
		}
		name := map[bool]string{true: "time-twice-fresh-first", false: "time-twice-fresh-last"}[first]
		list = append(list, Case{Family: FamilyUnbound, Name: name, FullOnly: true, What: "a signature over an old time, with a fresh time next to it",
			Change: func(f *Request) {
				fresh := f.Scheme.Timestamp.Format(f.Time)
				dated(-48 * time.Hour)(f)
				f.twice(fresh, first)
			}})
	}
	return list
}

// nearby is a change of a time that stays within the tolerance.
func (s Scheme) nearby() time.Duration {
	if t := s.tolerance(); t > 0 && t < time.Minute {
		return t / 2
	}
	return 30 * time.Second
}

// timeInBody reports whether the time is a part of the event.
func (s Scheme) timeInBody() bool {
	kind, _, _ := strings.Cut(s.Timestamp.In, ":")
	return (kind == "body" || kind == "param") && s.coversAny()
}

// dated signs the event as at another time.
func dated(by time.Duration) func(*Request) {
	return func(f *Request) {
		f.Time, f.Timestamp = f.Time.Add(by), ""
		f.prepare()
		f.Put(f.Right(f.Body))
	}
}

// resigned signs the event and then changes what stands around the signature.
func resigned(change func(*Request)) func(*Request) {
	return func(f *Request) {
		f.Put(f.Right(f.Body))
		change(f)
	}
}

// retime replaces the time that is sent, without touching the signature.
func (f *Request) retime(to string) {
	f.replace(f.Scheme.Timestamp.In, f.Scheme.Timestamp.Format(f.Time), to)
}

// reidentify replaces the identifier that is sent.
func (f *Request) reidentify(to string) { f.replace(f.Scheme.ID.In, f.ID, to) }

func (f *Request) replace(in, old, to string) {
	switch kind, name, _ := strings.Cut(in, ":"); kind {
	case "header":
		if to == "" {
			to = " " // sent as an empty value
		}
		f.setHeader(name, to)
	case "signature":
		f.Signature = strings.Replace(f.Signature, old, to, 1)
	case "query":
		f.Query = strings.Replace(f.Query, url.QueryEscape(old), url.QueryEscape(to), 1)
	case "body", "param":
		value := text(to)
		if holder, i := f.Doc.at(name); i >= 0 && holder.members[i].Kind == 'v' {
			value = literal(to)
		}
		f.set(name, value)
	default:
		f.Refuse(NotSentNotPossible)
	}
}

// untime takes the time out.
func (f *Request) untime() {
	switch kind, name, _ := strings.Cut(f.Scheme.Timestamp.In, ":"); kind {
	case "header":
		f.setHeader(name)
	case "signature":
		item := f.timeItem()
		if item == "" {
			f.Refuse(NotSentNotPossible)
			return
		}
		f.Signature = strings.Trim(strings.Replace(f.Signature, item, "", 1), ",; ")
	case "body", "param":
		f.Doc.remove(name)
		f.Body = f.style.Write(f.Doc)
	default:
		f.Refuse(NotSentNotPossible)
	}
}

// timeItem is the part of the signature header that holds the time, such as "t=1".
func (f *Request) timeItem() string {
	now := f.Scheme.Timestamp.Format(f.Time)
	for _, part := range strings.FieldsFunc(f.Signature, func(r rune) bool { return strings.ContainsRune(",; ", r) }) {
		if strings.HasSuffix(part, now) {
			return part
		}
	}
	return ""
}

// twice sends a second time next to the one that was signed.
func (f *Request) twice(other string, first bool) {
	switch kind, name, _ := strings.Cut(f.Scheme.Timestamp.In, ":"); kind {
	case "header":
		signed := f.header(name)
		if first {
			f.setHeader(name, other, signed)
		} else {
			f.setHeader(name, signed, other)
		}
	case "signature":
		item := f.timeItem()
		if item == "" {
			f.Refuse(NotSentNotPossible)
			return
		}
		more := strings.Replace(item, f.Scheme.Timestamp.Format(f.Time), other, 1)
		separator := ","
		if at := strings.Index(f.Signature, item) + len(item); at < len(f.Signature) {
			separator = f.Signature[at : at+1]
		}
		pair := item + separator + more
		if first {
			pair = more + separator + item
		}
		f.Signature = strings.Replace(f.Signature, item, pair, 1)
	default:
		f.Refuse(NotSentNotPossible)
	}
}

// maxList is how many signatures a long list has.
const maxList = 100

// lists are cases of schemes that send several signatures.
func lists(s Scheme) []Case {
	if s.List.Style == "" || s.List.Style == "none" {
		return nil
	}
	list := []Case{{Family: FamilyList, Name: "all-invalid", What: "two signatures, none of them correct",
		Change: func(f *Request) { f.Put(f.random(), f.random()) }}}
	if s.Timestamp.In == "signature" && s.List.Style == "repeat" && !strings.Contains(s.List.Item, "{timestamp}") {
		list = append(list, Case{Family: FamilyList, Name: "none", What: "the time without any signature",
			Change: func(f *Request) {
				f.Put("")
				item := strings.ReplaceAll(s.List.Item, "{signature}", "")
				f.Signature = strings.Trim(strings.Replace(f.Signature, item, "", 1), s.List.Separator)
			}})
	}
	if s.List.Style == "repeat" { // a hundred headers are more than servers accept
		list = append(list, Case{Family: FamilyList, Name: "hundred-invalid", What: "a hundred signatures, none of them correct",
			Change: func(f *Request) {
				all := make([]string, maxList)
				for i := range all {
					all[i] = f.random()
				}
				f.Put(all...)
			}})
	}
	return list
}

// rotations are valid events as they come while a secret is rotated.
func rotations(s Scheme) []Case {
	if len(lists(s)) == 0 || s.Kind != provider.HMAC {
		return nil
	}
	return []Case{
		{Family: FamilyRotation, Name: "valid-first", What: "a valid event with a correct signature and then one of another key",
			Change: func(f *Request) { f.Put(f.Right(f.Body), f.random()); f.Valid = true }},
		{Family: FamilyRotation, Name: "valid-last", What: "a valid event with a signature of another key and then the correct one",
			Change: func(f *Request) { f.Put(f.random(), f.Right(f.Body)); f.Valid = true }},
	}
}

// otherSchemes are signatures of the schemes next to the provider's own.
func otherSchemes(s Scheme) []Case {
	var list []Case
	for _, other := range s.Other {
		variant := variantNever
		if other.Accepted == "legacy" {
			variant = variantLegacy
		}
		list = append(list, Case{
			Family: FamilyScheme, Name: other.Label, Variant: variant, FullOnly: true,
			What:   fmt.Sprintf("the scheme %s in place of the provider's own, with the correct key", other.Label),
			Change: func(f *Request) { f.under(other) },
		})
	}
	return list
}

// under signs with another scheme, and leaves out the provider's own signature.
func (f *Request) under(other provider.Scheme) {
	f.Right(nil)
	if f.Key == nil {
		return
	}
	recipe := f.Scheme.With(other)
	before := f.message(f.Body)
	after, err := recipe.Sign(f.Key, before)
	if err != nil {
		f.Refuse(NotSentNotPossible)
		return
	}
	f.Unsigned = true
	f.apply(before, after)
}

// urls are cases of schemes that sign the URL.
func urls(s Scheme) []Case {
	if !s.covers.URL {
		return nil
	}
	elsewhere := func(name, what, variant string, target func(f *Request) *url.URL) Case {
		return Case{Family: FamilyURL, Name: name, What: what, Variant: variant, FullOnly: true, Change: func(f *Request) {
			to := target(f)
			if to == nil || to.String() == f.registered {
				f.Refuse(NotSentNotPossible)
				return
			}
			f.add("X-Forwarded-Host", to.Host)
			f.add("X-Forwarded-Proto", to.Scheme)
			own := f.registered
			f.registered = to.String()
			signature := f.Right(f.Body)
			f.registered = own
			f.Put(signature)
		}}
	}
	list := []Case{
		elsewhere("http", "the correct signature of the URL with http in place of https, and forwarded headers that say so", "", func(f *Request) *url.URL {
			to := *f.URL
			to.Scheme = "http"
			return &to
		}),
		elsewhere("forwarded-host", "the correct signature of the same path at another host, and forwarded headers that name it", "", func(f *Request) *url.URL {
			to := *f.URL
			to.Host = "prelaunch.invalid"
			return &to
		}),
		elsewhere("other-environment", "the correct signature of the other environment's URL, and forwarded headers that name it", variantOther, func(f *Request) *url.URL { return f.OtherURL }),
	}
	if s.covers.Body || s.covers.Fields || s.covers.Params {
		list = append(list, Case{Family: FamilyURL, Name: "without-url", Variant: variantNever, FullOnly: true,
			What: "the HMAC of all that is signed but the URL", Change: func(f *Request) {
				own := f.registered
				f.registered = ""
				signature := f.Right(f.Body)
				f.registered = own
				f.Put(signature)
			}})
	}
	return list
}

// bodyDigests are cases of schemes that cover the body by a digest that is sent next to it.
func bodyDigests(s Scheme) []Case {
	if !s.covers.Digest {
		return nil
	}
	return []Case{
		{Family: FamilyDigest, Name: "other-body", FullOnly: true, What: "the correct signature and digest of another body",
			Change: tampered(func(f *Request) { f.vary(86400) })},
		{Family: FamilyDigest, Name: "digest-of-other-body", FullOnly: true, What: "the correct signature of another body, with the digest of the body that is sent",
			Change: func(f *Request) {
				signature := f.Right(f.Body)
				f.vary(86400)
				f.Put(signature)
			}},
		{Family: FamilyDigest, Name: "digest-removed", FullOnly: true, What: "the correct signature of a request without the digest of its body",
			Change: (*Request).undigest},
	}
}

// undigest signs the request without the digest of its body.
func (f *Request) undigest() {
	digest := f.Scheme.Digest
	f.Scheme.Digest = provider.BodyDigest{}
	f.setHeader(digest.Header)
	if digest.Query != "" {
		u, err := url.Parse(f.registered)
		if err != nil {
			f.Refuse(NotSentNotPossible)
			return
		}
		query := u.Query()
		query.Del(digest.Query)
		u.RawQuery = query.Encode()
		f.registered, f.Query = u.String(), u.RawQuery
	}
	f.Put(f.Right(f.Body))
}

// uncovered are changes of what the signature does not protect, by design of the scheme.
func uncovered(s Scheme) []Case {
	if s.Kind != provider.HMAC || !s.inBody() || !strings.Contains(s.Fields.Root, ".0.") {
		return nil
	}
	return []Case{{Family: "F07", Name: "item-appended", FullOnly: true, What: "an unsigned item appended to a signed batch", Change: resigned((*Request).appendItem)}}
}

// appendItem repeats the signed item of a batch, without a signature and for another event.
func (f *Request) appendItem() {
	path, _, _ := strings.Cut(f.Scheme.Fields.Root, ".")
	holder, i := f.Doc.at(path)
	if i < 0 || holder.members[i].Kind != '[' || len(holder.members[i].members) == 0 {
		f.Refuse(NotSentNotPossible)
		return
	}
	list := holder.members[i]
	again := list.members[0].clone()
	below := strings.TrimPrefix(strings.TrimPrefix(f.Scheme.Put[0].Body, path), ".0.")
	again.remove(below)
	other := randomUIDLike(f.UID)
	again.Each(func(_ string, n *Node) {
		if n.Kind == '"' {
			n.Text = strings.ReplaceAll(n.Text, f.UID, other)
		}
	})
	list.members = append(list.members, again)
	f.Body = f.style.Write(f.Doc)
}

// foreignKeys are cases of public-key schemes: signatures with keys that the request itself brings.
func foreignKeys(s Scheme) []Case {
	if s.Kind != provider.PublicKey {
		return nil
	}
	list := []Case{
		{Family: FamilyForeignKey, Name: "own-key", What: "signed with a key pair that is not the provider's", Change: func(f *Request) { f.foreign() }},
		{Family: FamilyForeignKey, Name: "zero-signature", What: "a signature whose bits are all zero", Change: (*Request).zeroSignature},
		{Family: FamilyForeignKey, Name: "public-key-as-secret", What: "an HMAC keyed with the public key, which everybody has, as it is configured",
			Change: func(f *Request) { f.confused(func(configured, _ []byte) []byte { return configured }) }},
		{Family: FamilyForeignKey, Name: "public-key-bytes-as-secret", What: "an HMAC keyed with the bytes of the public key",
			Change: func(f *Request) { f.confused(func(_, raw []byte) []byte { return raw }) }},
		{Family: FamilyForeignKey, Name: "public-key-pem-as-secret", What: "an HMAC keyed with the public key in PEM",
			Change: func(f *Request) { f.confused(inPEM) }},
	}
	if strings.HasPrefix(s.Algorithm, "jws(") {
		list = append(list,
			Case{Family: FamilyForeignKey, Name: "algorithm-none", What: "a token with the algorithm none and no signature", Change: func(f *Request) {
				f.Put(f.token(`{"alg":"none","typ":"JWT"}`))
			}},
			Case{Family: FamilyForeignKey, Name: "key-url", What: "a token that names a key server of the sender's (jku, x5u)", Change: func(f *Request) {
				f.Put(f.resealed(`{"alg":"ES256","jku":"` + foreignURL + `","x5u":"` + foreignURL + `","kid":"prelaunch","typ":"JWT"}`))
			}},
			Case{Family: FamilyForeignKey, Name: "algorithm-hmac", What: "a token with HS256, keyed with the empty text", Change: func(f *Request) {
				signed := strings.TrimSuffix(f.token(`{"alg":"HS256","typ":"JWT"}`), ".")
				f.Put(signed + "." + base64.RawURLEncoding.EncodeToString(f.macOf("sha256", nil, []byte(signed))))
			}},
		)
	}
	if s.KeyFrom == "certificate-url" {
		list = append(list, Case{Family: FamilyForeignKey, Name: "key-url", What: "a certificate URL of the sender's", Change: func(f *Request) {
			for i, pair := range f.Header {
				if strings.HasPrefix(pair[1], "https://") && strings.Contains(strings.ToLower(pair[0]), "cert") {
					f.Header[i][1] = foreignURL
				}
			}
			f.foreign()
		}})
	}
	return list
}

// confused signs as a scheme with a secret does, with the public key as the secret: a receiver that lets the
// request name the algorithm, or tries several with one key, takes that for the provider's signature.
func (f *Request) confused(form func(configured, raw []byte) []byte) {
	if len(f.Public) == 0 {
		f.Refuse(NotSentNoKey)
		return
	}
	raw := f.Scheme.key(f.Public)
	if block, _ := pem.Decode(f.Public); block != nil {
		raw = block.Bytes
	}
	secret := form(f.Public, raw)
	if len(secret) == 0 || bytes.Equal(secret, f.Public) && bytes.Equal(form(nil, raw), secret) { // another form is the same
		f.Refuse(NotSentNotPossible)
		return
	}
	mac := func(signed []byte) []byte {
		mac := hmac.New(sha256.New, secret)
		mac.Write(signed)
		return mac.Sum(nil)
	}
	if strings.HasPrefix(f.Scheme.Algorithm, "jws(") {
		signed := strings.TrimSuffix(f.token(`{"alg":"HS256","typ":"JWT"}`), ".")
		f.Put(signed + "." + base64.RawURLEncoding.EncodeToString(mac([]byte(signed))))
		return
	}
	for i, pair := range f.Header {
		if strings.Contains(strings.ToLower(pair[0]), "algo") { // a header that names the algorithm
			f.Header[i][1] = "HmacSHA256"
		}
	}
	f.Put(f.Scheme.EncodeRaw(mac(f.signed(f.Body))))
}

// inPEM is a public key as libraries and documents hand it on; nil where it is none that has that form.
func inPEM(_, raw []byte) []byte {
	if _, err := x509.ParsePKIXPublicKey(raw); err != nil {
		return nil
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: raw})
}

// foreignURL is a place that does not exist: a receiver that accepts what names it did not look.
const foreignURL = "https://prelaunch.invalid/keys.pem"

// foreign signs with a key pair of its own.
func (f *Request) foreign() {
	private, _, err := f.Scheme.NewKeyPair()
	if err != nil {
		f.Refuse(NotSentNotPossible)
		return
	}
	f.Put(f.signedBy(private, f.Body))
}

func (f *Request) zeroSignature() {
	if strings.HasPrefix(f.Scheme.Algorithm, "jws(") {
		f.Put(f.token(`{"alg":"ES256","kid":"prelaunch","typ":"JWT"}`) + base64.RawURLEncoding.EncodeToString(make([]byte, 64)))
		return
	}
	raw := make([]byte, 64)
	if strings.HasPrefix(f.Scheme.Algorithm, "ecdsa") {
		raw = []byte{0x30, 6, 2, 1, 0, 2, 1, 0} // r and s are 0
	}
	f.Put(f.Scheme.EncodeRaw(raw))
}

// token is a JWS with that header and the claims of the scheme, and with no signature behind its last
// dot.
func (f *Request) token(header string) string {
	var key []byte // the signature is left out
	if f.Scheme.Kind == provider.PublicKey {
		key, _, _ = f.Scheme.NewKeyPair() // without one, nothing is signed
	}
	whole, err := f.Scheme.SignatureWithKey(key, f.message(f.Body))
	parts := strings.Split(whole, ".")
	if err != nil || len(parts) != 3 {
		f.Refuse(NotSentNotPossible)
		return ""
	}
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + parts[1] + "."
}

// resealed is a JWS with that header whose signature has the right form.
func (f *Request) resealed(header string) string {
	return f.token(header) + f.Scheme.random(86)
}

// tokens are JWTs that are not signed as the provider's are.
func tokens() []Case {
	var list []Case
	for _, c := range []struct{ family, name, header, what string }{
		{"F05", "algorithm-none", `{"alg":"none","typ":"JWT"}`, "a token with the algorithm none and no signature"},
		{"F05", "algorithm-none-cased", `{"alg":"nOnE","typ":"JWT"}`, "a token with the algorithm nOnE and no signature"},
		{"F03", "signature-removed", `{"alg":"HS256","typ":"JWT"}`, "a token without its signature"},
	} {
		list = append(list, Case{Family: c.family, Name: c.name, What: c.what, Change: func(f *Request) { f.Put(f.token(c.header)) }})
	}
	for _, other := range []struct{ hash, name string }{{"sha384", "HS384"}, {"sha512", "HS512"}} {
		list = append(list, Case{Family: "F06", Name: other.hash, What: "a token with " + other.name + " and the correct key", Change: func(f *Request) {
			f.Right(nil)
			signed := strings.TrimSuffix(f.token(`{"alg":"`+other.name+`","typ":"JWT"}`), ".")
			f.Put(signed + "." + base64.RawURLEncoding.EncodeToString(f.macOf(other.hash, f.Key, []byte(signed))))
		}})
	}
	return list
}

// applies reports whether the family of a case means something for the provider.
func applies(profile *provider.Profile, c Case) bool {
	name := FamilyByID(c.Family).Name
	if !slices.Contains(provider.Families(), name) {
		return true
	}
	ok, _ := profile.Applies(name)
	if c.Family == "F07" && c.Name == "duplicate-key" { // it is the same event once it was parsed
		respelled, _ := profile.Applies("reserialized")
		ok = ok && respelled
	}
	return ok
}

// CoversEvent reports whether anything of an event is signed; otherwise its signature fits any other.
func CoversEvent(profile *provider.Profile) bool {
	return profile.Signature.Kind != provider.HMAC || SchemeOf(profile).coversAny()
}
