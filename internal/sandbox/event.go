package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/prelaunch-audit/prelaunch/internal/lazy"
)

// EventTypes are the provider's.
var EventTypes = []string{
	"psychometric_score.complete", "android_score.complete", "ios_score.complete",
	"application.complete", "application.expired", "application.incomplete", "application.cancelled",
}

// Event is what the receivers need of a webhook.
type Event struct {
	UID, IntegrationID, Type string
}

var uidPattern = lazy.Regexp(`^[A-Za-z0-9-]{5,60}$`) // with hyphens, as the provider's older page has it

func validUID(uid string) bool { return uidPattern().MatchString(uid) }

// Object parses a single JSON object, numbers left as they are.
func (ru *Rules) Object(body []byte) (map[string]any, error) {
	if !utf8.Valid(body) {
		return nil, errors.New("not UTF-8")
	}
	if Depth(body) > ru.MaxDepth {
		return nil, errors.New("nested too deeply")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errors.New("more than one value")
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, errors.New("not an object")
	}
	return object, nil
}

// read validates the body and returns the event, or why it is rejected.
func (ru *Rules) read(d *Delivery) (Event, Reason) {
	if ru.Scheme != nil {
		return ru.Scheme.read(ru, d)
	}
	object, err := ru.Object(ru.Decode(d))
	if err != nil {
		return Event{}, Malformed
	}
	inner, isObject := object["event"].(map[string]any)
	fields := map[string]any{"uid": object["uid"], "integration_id": object["integration_id"], "event.type": inner["type"]}
	e := Event{}
	for name, into := range map[string]*string{"uid": &e.UID, "integration_id": &e.IntegrationID, "event.type": &e.Type} {
		text, ok := fields[name].(string)
		if !ok && slices.Contains(ru.Required, name) {
			return Event{}, Invalid
		}
		*into = text
	}
	if !isObject && slices.Contains(ru.Required, "event") {
		return Event{}, Invalid
	}
	if slices.Contains(ru.Required, "uid") && !validUID(e.UID) {
		return Event{}, Invalid
	}
	if id := ru.Options.IntegrationID; id != "" && slices.Contains(ru.Required, "integration_id") && e.IntegrationID != id {
		return Event{}, Invalid
	}
	return e, taken
}

// Depth is how deeply the brackets of a JSON text nest, those in strings left out.
func Depth(body []byte) int {
	deepest, level := 0, 0
	inString, escaped := false, false
	for _, c := range body {
		switch {
		case escaped:
			escaped = false
		case inString:
			escaped = c == '\\'
			inString = c != '"'
		case c == '"':
			inString = true
		case c == '{' || c == '[':
			level++
			deepest = max(deepest, level)
		case c == '}' || c == ']':
			level--
		}
	}
	return deepest
}
