package provider

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// Rules of this file: a value that is written into a message leaves every other byte of it as it is.

// slot is a place in a message.
type slot struct{ kind, name string }

// parseSlot reads header:NAME, body:PATH, param:NAME or query:NAME; "signature" is no place of its own.
func parseSlot(in string) (slot, bool) {
	kind, name, ok := strings.Cut(in, ":")
	return slot{kind, name}, ok && name != ""
}

func (s slot) get(m Message, form bool) (string, bool) {
	switch {
	case s.kind == "header":
		return m.Header.Get(s.name), len(m.Header.Values(s.name)) > 0
	case s.kind == "query":
		u, err := url.Parse(m.URL)
		if err != nil {
			return "", false
		}
		return u.Query().Get(s.name), u.Query().Has(s.name)
	case s.kind == "param" || form:
		values, err := url.ParseQuery(string(m.Body))
		if err != nil {
			return "", false
		}
		return values.Get(s.name), values.Has(s.name)
	}
	return fieldText(m.Body, s.name)
}

func (s slot) set(m *Message, value string, form bool) error {
	switch {
	case s.kind == "header":
		m.Header.Set(s.name, value)
	case s.kind == "query":
		u, err := url.Parse(m.URL)
		if err != nil {
			return errors.New("the URL cannot be read")
		}
		u.RawQuery = setParam(u.RawQuery, s.name, value)
		m.URL = u.String()
	case s.kind == "param" || form:
		m.Body = []byte(setParam(string(m.Body), s.name, value))
	default:
		return setField(m, s.name, value)
	}
	return nil
}

// setParam replaces or appends a parameter of a form or a query.
func setParam(form, name, value string) string {
	written := url.QueryEscape(name) + "=" + url.QueryEscape(value)
	if form == "" {
		return written
	}
	parts := strings.Split(form, "&")
	for i, part := range parts {
		key, _, _ := strings.Cut(part, "=")
		if unescaped, err := url.QueryUnescape(key); err == nil && unescaped == name {
			parts[i] = written
			return strings.Join(parts, "&")
		}
	}
	return form + "&" + written
}

func setField(m *Message, path, value string) error {
	start, end, found := locate(m.Body, path)
	if !found {
		return fmt.Errorf("the body has no field %s", path)
	}
	written := []byte(value)
	if m.Body[start] == '"' || !isNumber(value) {
		var err error
		if written, err = json.Marshal(value); err != nil {
			return fmt.Errorf("write the field %s: %w", path, err)
		}
	}
	m.Body = append(append(bytes.Clone(m.Body[:start]), written...), m.Body[end:]...)
	return nil
}

func isNumber(text string) bool {
	_, err := strconv.ParseFloat(text, 64)
	return err == nil && strings.Trim(text, "0123456789.-") == ""
}

// fieldText is the value at a path of a JSON body, as text: strings without quotes, others as they are
// written; null counts as absent.
func fieldText(body []byte, path string) (string, bool) {
	start, end, found := locate(body, path)
	if !found || string(body[start:end]) == "null" {
		return "", false
	}
	if body[start] != '"' {
		return string(body[start:end]), true
	}
	var text string
	if err := json.Unmarshal(body[start:end], &text); err != nil {
		return "", false
	}
	return text, true
}

// locate is where the value at a path, of names and indices with dots between, is found in a JSON text.
func locate(body []byte, path string) (start, end int, found bool) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	for name := range strings.SplitSeq(path, ".") {
		token, err := decoder.Token()
		if err != nil {
			return 0, 0, false
		}
		if !enter(decoder, token, name) {
			return 0, 0, false
		}
	}
	var value json.RawMessage
	if err := decoder.Decode(&value); err != nil || len(value) == 0 {
		return 0, 0, false
	}
	end = int(decoder.InputOffset())
	return end - len(value), end, true
}

// enter goes up to the member of that name, or the item of that index, of what token opens.
func enter(decoder *json.Decoder, token json.Token, name string) bool {
	for i := 0; decoder.More(); i++ {
		switch token {
		case json.Delim('{'):
			key, err := decoder.Token()
			if err != nil {
				return false
			}
			if key == name {
				return true
			}
		case json.Delim('['):
			if strconv.Itoa(i) == name {
				return true
			}
		default:
			return false
		}
		var skipped json.RawMessage
		if decoder.Decode(&skipped) != nil {
			return false
		}
	}
	return false
}

// Place writes signatures into a message; several stand there as the provider lists them. They may be
// any text, which forgeries need.
func (r Recipe) Place(m Message, signatures ...string) (Message, error) {
	m = m.clone()
	if r.Timestamp.In != "" && m.Timestamp == "" {
		m.Timestamp = r.Timestamp.Format(m.Time)
	}
	value := func(template, signature string) string {
		return strings.NewReplacer("{signature}", signature, "{timestamp}", m.Timestamp, "{id}", m.ID).Replace(template)
	}
	for _, put := range r.Put {
		at, template := put.slot(), put.template()
		switch {
		case len(signatures) == 0:
			continue
		case at.kind == "header" && r.List.Style == "headers":
			for i, signature := range signatures {
				m.Header.Set(strings.ReplaceAll(r.List.Item, "{n}", strconv.Itoa(i+1)), value(template, signature))
			}
			continue
		case at.kind == "header" && r.List.Style == "lines":
			m.Header.Del(at.name)
			for _, signature := range signatures {
				m.Header.Add(at.name, value(template, signature))
			}
			continue
		case r.List.Style == "repeat":
			items := make([]string, len(signatures))
			for i, signature := range signatures {
				items[i] = value(r.List.Item, signature)
			}
			template = strings.Replace(template, r.List.Item, "\x00", 1)
			template = strings.Replace(value(template, ""), "\x00", strings.Join(items, r.List.Separator), 1)
		default:
			template = value(template, signatures[0])
		}
		if err := at.set(&m, template, r.form); err != nil {
			return m, err
		}
	}
	return m, nil
}

// Unsigned is a message without its signature: the header is gone, a field or parameter empty.
func (r Recipe) Unsigned(m Message) Message {
	m = m.clone()
	for _, put := range r.Put {
		if put.Header == "" {
			_ = put.slot().set(&m, "", r.form) // it was set before
			continue
		}
		m.Header.Del(put.Header)
		for i := range maxSignatures {
			if r.List.Style == "headers" {
				m.Header.Del(strings.ReplaceAll(r.List.Item, "{n}", strconv.Itoa(i+1)))
			}
		}
	}
	return m
}

// maxSignatures bounds how many signatures are read of a message: DocuSign's documented number.
const maxSignatures = 100

// Received is what a message says about its signature.
type Received struct {
	Signatures []string
	Timestamp  string
	ID         string
}

// Read takes the signatures, the time and the id out of a message.
func (r Recipe) Read(m Message) Received {
	m = m.clone()
	var out Received
	for _, put := range r.Put {
		at := put.slot()
		var values []string
		switch {
		case at.kind == "header" && r.List.Style == "headers":
			for i := range maxSignatures {
				values = append(values, m.Header.Values(strings.ReplaceAll(r.List.Item, "{n}", strconv.Itoa(i+1)))...)
			}
		case at.kind == "header":
			values = m.Header.Values(at.name)
		default:
			if value, found := at.get(m, r.form); found {
				values = []string{value}
			}
		}
		for _, value := range values {
			r.readValue(strings.TrimSpace(value), put.template(), &out)
		}
	}
	if at, placed := parseSlot(r.Timestamp.In); placed {
		out.Timestamp, _ = at.get(m, r.form)
	}
	if r.isJWS() && len(out.Signatures) > 0 {
		out.Timestamp = r.issuedAt(out.Signatures[0])
	}
	if at, placed := parseSlot(r.ID.In); placed {
		out.ID, _ = at.get(m, r.form)
	}
	return out
}

func (r Recipe) readValue(value, template string, out *Received) {
	if r.List.Style != "repeat" {
		out.match(value, template)
		return
	}
	templates := []string{template}
	if r.List.Separator != "" && template != r.List.Item {
		templates = strings.Split(template, r.List.Separator)
	}
	parts := []string{value}
	if r.List.Separator != "" {
		parts = strings.Split(value, r.List.Separator)
	}
	for _, part := range parts[:min(len(parts), maxSignatures)] {
		for _, one := range templates {
			if out.match(strings.TrimSpace(part), one) {
				break
			}
		}
	}
}

// match reads one value by its template.
func (out *Received) match(value, template string) bool {
	pattern := regexp.QuoteMeta(template)
	for name, characters := range map[string]string{"signature": `.+`, "timestamp": `[^\s,;|]+`, "id": `[^\s,;|]+`} {
		pattern = strings.Replace(pattern, `\{`+name+`\}`, `(?P<`+name+`>`+characters+`)`, 1)
	}
	compiled, err := regexp.Compile("^" + pattern + "$")
	if err != nil {
		return false
	}
	match := compiled.FindStringSubmatch(value)
	if match == nil {
		return false
	}
	for i, name := range compiled.SubexpNames() {
		switch name {
		case "signature":
			if len(out.Signatures) < maxSignatures {
				out.Signatures = append(out.Signatures, match[i])
			}
		case "timestamp":
			if out.Timestamp == "" {
				out.Timestamp = match[i]
			}
		case "id":
			out.ID = match[i]
		}
	}
	return true
}
