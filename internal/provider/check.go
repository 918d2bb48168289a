package provider

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/yamldoc/shape"
)

// Rules of this file: what concerns several settings of a profile. A recipe that was checked cannot fail
// on a message that carries one of the profile's events.

// report is told the path of a setting, what is wrong with it and what to do.
type report func(path, message, next string)

// check completes the defaults and reports what does not fit together.
func (p *Profile) check(wrong report) {
	if p.Title == "" {
		p.Title = p.Name
	}
	if p.Grade == "" {
		p.Grade = Unverified
	}
	sound := true
	counted := func(path, message, next string) {
		sound = false
		wrong(path, message, next)
	}
	p.completeRecipe(counted)
	p.checkRecipe(counted)
	p.checkEvents(counted)
	p.checkHandshakes(counted)
	if sound {
		p.checkReading(counted)
	}
	if sound {
		p.checkVectors(wrong)
	}
	confirmed := slices.ContainsFunc(p.ConfirmedBy, func(c Confirmation) bool { return c.SDK != "" })
	if p.Grade == Verified && len(p.Vectors) == 0 && !confirmed {
		wrong("grade", "grade is verified, but neither a vector nor an SDK confirms the recipe", "add vectors or confirmed_by, or write unverified")
	}
}

// completeRecipe takes what the recipe needs from other sections, and takes its templates apart.
func (p *Profile) completeRecipe(wrong report) {
	r := &p.Signature
	r.key, r.form = p.Secret.Key, p.Delivery.Body == "form"
	if r.Kind == JWT {
		r.Hash, r.Encoding = "sha256", cmp.Or(r.Encoding, "base64url")
	}
	if r.Encoding == "" {
		r.Encoding = "hex"
	}
	if r.ID.In == "" && strings.Contains(r.Over, "{id}") {
		switch id := p.Delivery.ID; {
		case id.Header != "":
			r.ID.In = "header:" + id.Header
		case id.Body != "":
			r.ID.In = "body:" + id.Body
		case id.Param != "":
			r.ID.In = "param:" + id.Param
		}
	}
	if r.ID.In != "" && r.ID.Value == "" {
		r.ID.Value = "{{uuid}}"
	}
	pieces, err := parsePieces(r.Over)
	if err != nil {
		wrongTemplate(wrong, "signature.over", err)
		return
	}
	r.pieces = pieces
}

// wrongTemplate names the pieces there are, and the nearest one.
func wrongTemplate(wrong report, path string, err error) {
	next := "known here are {" + strings.Join(pieceNames, "} {") + "} {header:NAME} {param:NAME} {field:PATH} {sha256(body)}"
	if unknown, ok := err.(*unknownPieceError); ok {
		if near := shape.Nearest(unknown.name, pieceNames); near != "" {
			next = fmt.Sprintf("did you mean {%s}?", near)
		}
	}
	wrong(path, path+" "+err.Error(), next)
}

// Bounds of the string to sign: it is made for each request, of large bodies too.
const (
	maxPieces = 40
	maxBodies = 3
)

func (p *Profile) checkRecipe(wrong report) {
	r := p.Signature
	has := func(name string) bool {
		return slices.ContainsFunc(r.pieces, func(piece piece) bool { return piece.name == name })
	}
	switch {
	case r.Kind == HMAC && (r.Hash == "" || r.Over == ""):
		wrong("signature", "signature has no hash or no string to sign", "add hash and over, such as sha256 and \"{body}\"")
	case r.Kind == Token && r.Over != "":
		wrong("signature.over", "signature.over is given, but a token signs nothing", "remove it")
	case r.Kind == PublicKey && r.Algorithm == "":
		wrong("signature", "signature has no algorithm", "add one of "+strings.Join(algorithms, ", "))
	case r.Kind == JWT && (r.Over != "" || r.Encoding != "base64url"):
		wrong("signature", "signature has over or encode, but a JWT signs its claims, in base64url", "remove them, and add claims")
	case r.Kind != PublicKey && (r.Algorithm != "" || len(r.Claims) > 0 && r.Kind != JWT):
		wrong("signature", "signature has what only a public key has", "remove algorithm and claims, or write kind: public-key or jwt-hs256")
	case r.isJWS() && len(r.Claims) == 0:
		wrong("signature", "signature has no claims", "add those of the JWS, such as {request_body_sha256: \"{sha256(body)}\"}")
	case r.Kind == PublicKey && !r.isJWS() && r.Over == "":
		wrong("signature", "signature has no string to sign", "add over, such as \"{timestamp}{body}\"")
	}
	bodies := 0
	for _, piece := range r.pieces {
		if piece.name == "body" || piece.name == "params" || piece.name == "fields" {
			bodies++
		}
	}
	if bodies > maxBodies || len(r.pieces) > maxPieces {
		wrong("signature.over", "signature.over has too many pieces", "write at most "+strconv.Itoa(maxPieces)+", and {body} at most "+strconv.Itoa(maxBodies)+" times")
	}
	if has("secret") {
		wrong("signature.over", "signature.over has {secret}, which only a scheme of kind digest has", "remove it")
	}
	if has("expiry") {
		wrong("signature.over", "signature.over has {expiry}, which only claims have", "write {timestamp}, or kind: jwt-hs256 with claims")
	}
	if has("fields") != (len(r.Fields.List) > 0) {
		wrong("signature", "signature has {fields} without fields, or fields without {fields}", "add what is missing")
	}
	if has("params") && !r.form {
		wrong("signature.over", "signature.over has {params}, but the body is no form", "write body: form in delivery")
	}
	if has("timestamp") && r.Timestamp.In == "" {
		wrong("signature", "signature has {timestamp}, but not where the time stands", "add timestamp: {in: header:NAME} or another place")
	}
	if has("id") && r.ID.In == "" {
		wrong("signature", "signature has {id}, but not where the id stands", "add id: {in: header:NAME} or delivery.id")
	}
	if r.ID.In == "signature" {
		wrong("signature.id", "signature.id is in the signature", "name a header, a field or a parameter")
	}
	p.checkPlaces(wrong)
	for claim, template := range r.Claims {
		if _, err := parsePieces(template); err != nil {
			wrongTemplate(wrong, "signature.claims", err)
		} else if strings.Contains(template, "{expiry}") && (template != "{expiry}" || r.Timestamp.Tolerance == "" || r.Timestamp.In == "") {
			wrong("signature.claims", "the claim "+claim+" has {expiry}, but not alone or without a timestamp that has a tolerance", "add timestamp: {in: signature, tolerance: 5m}: for so long a token is valid")
		} else if strings.Contains(template, "{secret}") {
			wrong("signature.claims", "the claim "+claim+" has {secret}", "remove it")
		}
	}
	for i, other := range r.Other {
		path := "signature.other[" + strconv.Itoa(i) + "]"
		pieces, err := parsePieces(other.Over)
		if err != nil {
			wrongTemplate(wrong, path, err)
		}
		if other.Kind != Unkeyed && slices.ContainsFunc(pieces, func(piece piece) bool { return piece.name == "secret" }) {
			wrong(path, path+" has {secret}, which only a scheme of kind digest has", "write kind: digest")
		}
		if other.Value != "" {
			checkValue(wrong, path, other.Value)
		}
		if other.Hash == "" && r.Hash == "" && (other.Kind == Unkeyed || other.Kind == HMAC) {
			wrong(path, path+" has no hash", "add one")
		}
	}
	p.checkCycles(wrong)
}

// checkPlaces holds the places of signature, time and digest against their templates.
func (p *Profile) checkPlaces(wrong report) {
	r := p.Signature
	inSignature := false
	for i, put := range r.Put {
		path := "signature.put"
		if len(r.Put) > 1 {
			path += "[" + strconv.Itoa(i) + "]"
		}
		checkValue(wrong, path, put.template())
		inSignature = inSignature || strings.Contains(put.template(), "{timestamp}")
		if r.List.Style == "repeat" && !strings.Contains(put.template(), r.List.Item) {
			wrong("signature.list", "signature.list.item is not in the value of signature.put", "write it there as it is in the value")
		}
	}
	switch {
	case r.List.Style == "repeat" && (strings.Count(r.List.Item, "{signature}") != 1 || r.List.Separator == ""):
		wrong("signature.list", "signature.list has no item with {signature}, or no separator", "add them, such as item: \"v1={signature}\", separator: \",\"")
	case r.List.Style == "headers" && strings.Count(r.List.Item, "{n}") != 1:
		wrong("signature.list", "signature.list.item has no {n}", "write it like X-Acme-Signature-{n}")
	}
	if r.Timestamp.In == "signature" && !inSignature && !r.isJWS() {
		wrong("signature.timestamp", "signature.timestamp is in the signature, but the value of signature.put has no {timestamp}", "add it there")
	}
	if r.Timestamp.Layout != "" && r.Timestamp.Unit != "rfc3339" {
		wrong("signature.timestamp", "signature.timestamp has a layout, but its unit is not rfc3339", "write unit: rfc3339")
	}
	if r.Digest.Value != "" {
		pieces, err := parsePieces(r.Digest.Value)
		if err != nil {
			wrongTemplate(wrong, "signature.digest", err)
		} else if !slices.ContainsFunc(pieces, func(piece piece) bool { return piece.digest != "" }) || slices.ContainsFunc(pieces, func(piece piece) bool { return piece.name != "" && piece.digest == "" }) {
			wrong("signature.digest", "signature.digest.value is no digest of the body", "write it like \"{sha256(body)}\"")
		}
	}
}

var valuePiece = regexp.MustCompile(`\{[^{}]*\}`)

// checkValue holds a template of the signature's value.
func checkValue(wrong report, path, template string) {
	for _, found := range valuePiece.FindAllString(template, -1) {
		if !slices.Contains([]string{"{signature}", "{timestamp}", "{id}"}, found) {
			wrong(path, path+" has an unknown piece in its value", "known here are {signature} {timestamp} {id}")
			return
		}
	}
	if strings.Count(template, "{signature}") != 1 {
		wrong(path, path+" does not have {signature} once in its value", "write it where the signature stands")
	}
}

// checkCycles rejects a string to sign that holds the signature itself.
func (p *Profile) checkCycles(wrong report) {
	r := p.Signature
	below := func(path, of string) bool { return path == of || strings.HasPrefix(path, of+".") }
	for _, put := range r.Put {
		for _, piece := range append(slices.Clone(r.pieces), r.claimPieces()...) {
			cyclic := false
			switch piece.name {
			case "header":
				cyclic = strings.EqualFold(piece.argument, put.Header)
			case "body", "digest":
				cyclic = put.Body != "" || put.Param != ""
			case "param":
				cyclic = put.Param == piece.argument || put.Body == piece.argument
			case "field":
				cyclic = put.Body != "" && below(put.Body, piece.argument)
			case "fields":
				cyclic = put.Body != "" && slices.ContainsFunc(r.Fields.List, func(path string) bool { return below(put.Body, join(r.Fields.Root, path)) })
			case "url", "query":
				cyclic = put.Query != ""
			}
			if cyclic {
				wrong("signature.over", "signature.over is cyclic: it has {"+piece.name+"}, in which the signature stands", "sign what does not have the signature in it")
				return
			}
		}
	}
}

// sample are values for trying templates out.
var sample = Values{UID: "PRELAUNCH0", IntegrationID: "1", Account: "1", Challenge: "prelaunch", Time: time.Unix(1, 0)}

func checkTemplate(wrong report, path, template string) {
	for _, match := range placeholder.FindAllStringSubmatch(template, -1) {
		counted := match[1] == "digits" || match[1] == "hex"
		n, _ := strconv.Atoi(match[2])
		switch {
		case !slices.Contains(placeholders, match[1]):
			next := "known here are {{" + strings.Join(placeholders, "}} {{") + "}}"
			if near := shape.Nearest(match[1], placeholders); near != "" {
				next = "did you mean {{" + near + "}}?"
			}
			wrong(path, path+" has an unknown placeholder", next)
			return
		case counted != (match[2] != ""), counted && (n < 1 || n > 100):
			wrong(path, path+" has a placeholder with a wrong number", "write it like {{digits:10}}, up to 100; other placeholders have no number")
			return
		}
	}
	if rest := placeholder.ReplaceAllString(template, ""); strings.Contains(rest, "{{") {
		wrong(path, path+" has {{ without a known placeholder", "write it like {{uid}}")
	}
}

// message is an event as the provider delivers it, before it is signed.
func (p *Profile) message(body []byte, values Values) Message {
	m := Message{Method: p.Delivery.Method, URL: "https://hooks.acme.example/", Body: body, Time: values.Time, Account: values.Account, Header: http.Header{}}
	for name, value := range p.Headers(values) {
		m.Header.Set(name, value)
	}
	if p.Signature.ID.In != "" {
		m.ID = values.Fill(p.Signature.ID.Value)
	}
	return m
}

// Message is an event of the profile's as its provider delivers it to a URL, before it is signed.
func (p *Profile) Message(event Event, url string, values Values) Message {
	values.Type = event.Type
	m := p.message(event.Render(values), values)
	m.URL = url
	return m
}

// framing are headers that say where a request goes and how long it is.
var framing = []string{"Connection", "Content-Length", "Host", "Trailer", "Transfer-Encoding", "Upgrade"}

func (p *Profile) checkEvents(wrong report) {
	for _, name := range sortedNames(p.Delivery.Headers) {
		checkTemplate(wrong, "delivery.headers", p.Delivery.Headers[name])
		if slices.Contains(framing, http.CanonicalHeaderKey(name)) {
			wrong("delivery.headers", "delivery.headers has "+name+", which the request itself has", "remove it")
		}
	}
	if p.Signature.ID.Value != "" {
		checkTemplate(wrong, "signature.id", p.Signature.ID.Value)
	}
	seen := map[string]bool{}
	for i, event := range p.Events {
		path := "events[" + strconv.Itoa(i) + "].body"
		if seen[event.Type] {
			wrong("events["+strconv.Itoa(i)+"].type", "events has this type twice", "remove one of them")
		}
		seen[event.Type] = true
		checkTemplate(wrong, path, event.Body)
		body := event.Render(sample)
		if kind := p.Delivery.Body; kind == "" || strings.HasPrefix(kind, "json") {
			if !json.Valid(body) {
				wrong(path, path+" is not JSON", "correct it, or write delivery.body: any")
				continue
			}
			for _, required := range p.Required {
				if _, _, found := locate(body, required); !found {
					wrong(path, path+" has no field "+required+", which is required", "add it, or take it out of required")
				}
			}
		}
		if _, err := p.Signature.Prepare(p.message(body, sample)); err != nil {
			wrong(path, path+" cannot be signed: "+err.Error(), "add what the signature needs")
			continue
		}
		if _, err := p.Signature.Place(p.message(body, sample), "s"); err != nil {
			wrong(path, path+" cannot be signed: "+err.Error(), "add what the signature needs")
		}
	}
}

// checkReading holds that the recipe reads what it writes: places that overwrite each other do not.
func (p *Profile) checkReading(wrong report) {
	if p.Signature.NegativeOnly() {
		return
	}
	secret := []byte(p.Signature.Secret([]byte("prelaunch-sample")))
	m, err := p.Signature.Sign(secret, p.message(p.Events[0].Render(sample), sample))
	if err != nil {
		wrong("signature", "signature cannot be made: "+err.Error(), "correct it")
		return
	}
	if part := p.Signature.Verify([][]byte{secret}, m, time.Time{}); part != Correct {
		wrong("signature", "signature cannot be read as it is written: its "+string(part)+" does not fit", "correct put, timestamp, id and digest")
	}
}

var answerPiece = regexp.MustCompile(`^\{(?:(?:body|query|header):[^\s{}()]+|mac\((?:body|query|header):[^\s{}()]+\)|needs)\}$`)

func (p *Profile) checkHandshakes(wrong report) {
	for i, handshake := range p.Handshakes {
		path := "handshakes[" + strconv.Itoa(i) + "]"
		checkTemplate(wrong, path, handshake.Body)
		for _, templates := range []map[string]string{handshake.Query, handshake.Header} {
			for _, name := range sortedNames(templates) {
				checkTemplate(wrong, path, templates[name])
			}
		}
		answers := []string{handshake.Answer.Text}
		for _, name := range sortedNames(handshake.Answer.JSON) {
			answers = append(answers, handshake.Answer.JSON[name])
		}
		for _, answer := range answers {
			for _, found := range valuePiece.FindAllString(answer, -1) {
				if !answerPiece.MatchString(found) {
					wrong(path, path+" has an unknown piece in its answer", "known here are {body:PATH} {query:NAME} {header:NAME} {needs}, and {mac(body:PATH)} of one of them")
				}
			}
		}
	}
}

func sortedNames(of map[string]string) []string {
	names := make([]string, 0, len(of))
	for name := range of {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Message is the request of a vector, before it is signed.
func (v Vector) Message() Message {
	return Message{Method: v.Method, URL: v.URL, Body: []byte(v.Body), Timestamp: v.Timestamp, ID: v.ID, Account: v.Account}
}

// Placed is what is found in the signature's place of a message, as vectors have it: of several places the
// first.
func (r Recipe) Placed(m Message) string {
	put := r.Put[0]
	if put.Header != "" && r.List.Style == "headers" {
		put.Header = strings.ReplaceAll(r.List.Item, "{n}", "1")
	}
	value, _ := put.slot().get(m, r.form)
	return value
}

// checkVectors holds the recipe against the known answers. A public-key vector has the public key as its
// secret, and is read, as a JWT is.
func (p *Profile) checkVectors(wrong report) {
	for i, vector := range p.Vectors {
		path := "vectors[" + strconv.Itoa(i) + "]"
		m, err := p.Signature.Prepare(vector.Message())
		if err == nil && (p.Signature.NegativeOnly() || p.Signature.Kind == JWT) { // a token has many serializations
			if err = p.Signature.Put[0].slot().set(&m, vector.Signature, p.Signature.form); err == nil {
				if part := p.Signature.Verify([][]byte{[]byte(vector.Secret)}, m, time.Time{}); part != Correct {
					err = fmt.Errorf("its %s does not fit", part)
				}
			}
		} else if err == nil {
			var signed Message
			if signed, err = p.Signature.Sign([]byte(vector.Secret), vector.Message()); err == nil && p.Signature.Placed(signed) != vector.Signature {
				err = fmt.Errorf("the recipe makes another signature")
			}
		}
		if err != nil {
			wrong(path, path+" is not what the recipe makes: "+err.Error(), "correct the recipe or the vector")
		}
	}
}
