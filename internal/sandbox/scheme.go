package sandbox

import (
	"bytes"
	"crypto/hmac"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// Scheme is a receiver's verification as a provider's profile describes it. The zero value of what may be
// planted is a correct receiver, as the provider's own SDK verifies.
type Scheme struct {
	Profile *provider.Profile
	Secrets [][]byte
	Account string // the identity of the environment
	Token   string // of handshakes that need one

	// What flaws change.
	AnyAge bool                                        // the time is not checked
	Body   func(raw []byte) []byte                     // what is verified in place of the raw body
	URL    func(d *Delivery, registered string) string // what is verified in place of the registered URL
	Only   func(signatures []string) []string          // which of several signatures are checked
	Also   []func(*Scheme, provider.Message) bool      // what is accepted as well
	// OpenHandshake answers a handshake whoever sends it.
	OpenHandshake bool
	// HTMLHandshake answers with the type of a page.
	HTMLHandshake bool
}

// schemeRules are those of a correct receiver of the provider's events.
func schemeRules(o Options, ru *Rules) {
	profile := o.Profile
	s := &Scheme{Profile: profile, Secrets: [][]byte{o.Key.Expose()}, Account: o.IntegrationID, Token: RandomHex(8)}
	ru.Scheme = s
	if method := profile.Delivery.Method; method != "" {
		ru.Methods = []string{method}
	}
	ok := profile.Delivery.Success.Ranges()[0].From
	ru.Accept = func(*Delivery, Event) Answer { return JsonAnswer(ok, `{"status":"ok"}`) }
	ru.Required, ru.Types = nil, nil
	for _, h := range profile.Handshakes {
		if method := h.When.Method; method != "" && method != http.MethodPost {
			ru.First = append(ru.First, func(d *Delivery) (Answer, bool) {
				if d.Method != method || !ru.AnyPath && d.URL.Path != o.Path {
					return Answer{}, false
				}
				return s.shake(d, h, ru)
			})
			continue
		}
		ru.Before = append(ru.Before, func(d *Delivery) (Answer, bool) { return s.shake(d, h, ru) })
	}
}

// message is a delivery as it is verified.
func (s *Scheme) message(d *Delivery) provider.Message {
	registered := "https://" + d.Host + d.URL.Path
	if d.URL.RawQuery != "" {
		registered += "?" + d.URL.RawQuery
	}
	if s.URL != nil {
		registered = s.URL(d, registered)
	}
	body := d.Payload
	if s.Body != nil {
		body = s.Body(body)
	}
	return provider.Message{Method: d.Method, URL: registered, Header: d.Header, Body: body, Account: s.Account}
}

func (s *Scheme) verified(d *Delivery, now time.Time) bool {
	m := s.message(d)
	if s.AnyAge {
		now = time.Time{}
	}
	recipe := s.Profile.Signature
	if s.Only != nil {
		received := recipe.Read(m)
		if len(received.Signatures) > 0 {
			m.Timestamp, m.ID = received.Timestamp, received.ID
			if only, err := recipe.Place(recipe.Unsigned(m), s.Only(received.Signatures)...); err == nil {
				m = only
			}
		}
	}
	if recipe.Verify(s.Secrets, m, now) == provider.Correct && s.everyItem(m, now) {
		return true
	}
	for _, also := range s.Also {
		if also(s, m) {
			return s.besides(m, now)
		}
	}
	return false
}

// besides reports whether everything but the signature is right, which a flaw in comparing it does not
// change: the age of the time, the digest of the body, the other items.
func (s *Scheme) besides(m provider.Message, now time.Time) bool {
	recipe := s.Profile.Signature
	received := recipe.Read(m)
	if recipe.Timestamp.In != "" && received.Timestamp == "" || recipe.Kind == provider.PublicKey {
		return true // another scheme, which has none, or one whose signature cannot be made here
	}
	m.Timestamp, m.ID = received.Timestamp, received.ID
	signature, err := recipe.Signature(s.Secrets[0], m)
	if err != nil {
		return false
	}
	correct, err := recipe.Place(recipe.Unsigned(m), signature)
	return err == nil && recipe.Verify(s.Secrets, correct, now) == provider.Correct && s.everyItem(m, now)
}

// everyItem reports whether each item of a batch that is signed item by item is correctly signed: the
// recipe speaks of the first.
func (s *Scheme) everyItem(m provider.Message, now time.Time) bool {
	list, _, one := strings.Cut(s.Profile.Signature.Fields.Root, ".0.")
	if !one {
		return true
	}
	items, found := s.value(m.Body, list)
	batch, isList := items.([]any)
	if !found || !isList {
		return false
	}
	for _, item := range batch[min(1, len(batch)):] {
		body, err := json.Marshal(map[string]any{list: []any{item}})
		if err != nil {
			return false
		}
		alone := m
		alone.Body = body
		if s.Profile.Signature.Verify(s.Secrets, alone, now) != provider.Correct {
			return false
		}
	}
	return true
}

// shake answers a handshake.
func (s *Scheme) shake(d *Delivery, h provider.Handshake, ru *Rules) (Answer, bool) {
	if !s.isHandshake(d, h) {
		return Answer{}, false
	}
	allowed := s.OpenHandshake || !h.Signed || s.verified(d, ru.Options.Now())
	if h.Needs != "" && !s.OpenHandshake {
		allowed = false
		for name, values := range d.URL.Query() {
			if strings.HasSuffix(name, h.Needs) && len(values) == 1 && values[0] == s.Token {
				allowed = true
			}
		}
	}
	if !allowed {
		return ru.Refuse(d, Unauthentic), true
	}
	contentType := "text/plain; charset=utf-8"
	body := s.fill(d, h.Answer.Text)
	if len(h.Answer.JSON) > 0 {
		contentType = "application/json"
		object := map[string]string{}
		for name, template := range h.Answer.JSON {
			object[name] = s.fill(d, template)
		}
		raw, _ := json.Marshal(object) // a map of texts
		body = string(raw)
	}
	if s.HTMLHandshake {
		contentType = "text/html"
	}
	a := TextAnswer(http.StatusOK, contentType, body).With("X-Content-Type-Options", "nosniff")
	a.AsIs = true
	return a, true
}

func (s *Scheme) isHandshake(d *Delivery, h provider.Handshake) bool {
	if h.When.Method != "" && d.Method != h.When.Method {
		return false
	}
	for name, value := range h.When.Query {
		if got := d.URL.Query().Get(name); got == "" || value != "*" && got != value {
			return false
		}
	}
	for name, value := range h.When.Header {
		if got := d.Header.Get(name); got == "" || value != "*" && got != value {
			return false
		}
	}
	for path, value := range h.When.Body {
		if got, found := s.field(d.Payload, path); !found || value != "*" && got != value {
			return false
		}
	}
	return true
}

var answerPiece = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\{(mac\()?(body|query):([^{}()]+)\)?\}`)
})

// fill is a template of an answer.
func (s *Scheme) fill(d *Delivery, template string) string {
	return answerPiece().ReplaceAllStringFunc(template, func(found string) string {
		parts := answerPiece().FindStringSubmatch(found)
		value := d.URL.Query().Get(parts[3])
		if parts[2] == "body" {
			value, _ = s.field(d.Payload, parts[3])
		}
		if parts[1] == "" {
			return value
		}
		return s.Sign([]byte(value))
	})
}

// Sign is the MAC of a text under the receiver's key, encoded as signatures are.
func (s *Scheme) Sign(text []byte) string {
	recipe := s.Profile.Signature
	key, err := recipe.Key(s.Secrets[0])
	newHash := provider.NewHash(recipe.Hash)
	if err != nil || newHash == nil {
		return ""
	}
	mac := hmac.New(newHash, key)
	mac.Write(text)
	return recipe.EncodeRaw(mac.Sum(nil))
}

// field is the text at a path of the body.
func (s *Scheme) field(body []byte, path string) (string, bool) {
	value, found := s.value(body, path)
	switch value := value.(type) {
	case string:
		return value, found
	case json.Number:
		return value.String(), found
	}
	return "", false
}

func (s *Scheme) value(body []byte, path string) (any, bool) {
	if s.Profile.Delivery.Body == "form" {
		form, err := url.ParseQuery(string(body))
		if err != nil || !form.Has(path) {
			return nil, false
		}
		return form.Get(path), true
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil {
		return nil, false
	}
	for name := range strings.SplitSeq(path, ".") {
		switch holder := value.(type) {
		case map[string]any:
			inner, found := holder[name]
			if !found || inner == nil {
				return nil, false
			}
			value = inner
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(holder) {
				return nil, false
			}
			value = holder[i]
		default:
			return nil, false
		}
	}
	return value, true
}

var synthetic = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[A-Za-z0-9]{5,60}`) })

// read validates a body and returns the event, or why it is rejected.
func (s *Scheme) read(ru *Rules, d *Delivery) (Event, Reason) {
	if s.Profile.Delivery.Body == "form" {
		if _, err := url.ParseQuery(string(d.Payload)); err != nil || len(d.Payload) == 0 {
			return Event{}, Malformed
		}
	} else if !s.isJSON(ru, d.Payload) {
		return Event{}, Malformed
	}
	for _, path := range s.Profile.Required {
		if value, found := s.value(d.Payload, path); !found || value == "" {
			return Event{}, Invalid
		}
	}
	text, _ := s.field(d.Payload, s.Profile.UID.Path)
	e := Event{Type: d.Header.Get("X-Event-Type")}
	for _, word := range synthetic().FindAllString(text, -1) {
		if len(word) > len(e.UID) {
			e.UID = word
		}
	}
	return e, taken
}

func (s *Scheme) isJSON(ru *Rules, body []byte) bool {
	if !utf8.Valid(body) || Depth(body) > ru.MaxDepth {
		return false
	}
	var list []map[string]any
	isList := json.Unmarshal(body, &list) == nil && list != nil
	if s.Profile.Delivery.Body == "json-array" || isList && len(list) > 0 { // some events are a list of one
		return isList
	}
	_, err := ru.Object(body)
	return err == nil
}
