package provider

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Event is one type of event.
type Event struct {
	Type     string `json:"type"`
	Harmless bool   `json:"harmless,omitempty"` // it tells about a course and carries no result
	Body     string `json:"body"`               // template; worst possible score, times in 1970
}

// Values fill templates in.
type Values struct {
	UID           string
	IntegrationID string
	Account       string
	Type          string // of the event
	Challenge     string // of a handshake
	Time          time.Time
}

// Render fills in the body. The values must need no escaping, which config and the probes see to.
func (e Event) Render(values Values) []byte {
	values.Type = e.Type
	return []byte(values.Fill(e.Body))
}

// placeholder is a value in a template of a body or a header.
var placeholder = regexp.MustCompile(`\{\{([a-z0-9_]+)(?::([0-9]+))?\}\}`)

// placeholders are those that a template may have.
var placeholders = []string{"account", "challenge", "digits", "epoch", "epoch_ms", "hex", "integration_id", "rfc3339", "type", "uid", "uuid"}

// Fill replaces the placeholders of a template. What is random in a real delivery follows from the UID
// here, so that the same values make the same text.
func (v Values) Fill(template string) string {
	count := 0
	return placeholder.ReplaceAllStringFunc(template, func(found string) string {
		parts := placeholder.FindStringSubmatch(found)
		count++
		switch parts[1] {
		case "account":
			return v.Account
		case "challenge":
			return v.Challenge
		case "epoch":
			return strconv.FormatInt(v.Time.Unix(), 10)
		case "epoch_ms":
			return strconv.FormatInt(v.Time.UnixMilli(), 10)
		case "integration_id":
			return v.IntegrationID
		case "rfc3339":
			return v.Time.UTC().Format(time.RFC3339)
		case "type":
			return v.Type
		case "uid":
			return v.UID
		case "uuid":
			raw := v.derived(found+strconv.Itoa(count), 16)
			raw[6], raw[8] = raw[6]&0x0f|0x40, raw[8]&0x3f|0x80
			return fmt.Sprintf("%x-%x-%x-%x-%x", raw[:4], raw[4:6], raw[6:8], raw[8:10], raw[10:])
		case "digits":
			n, _ := strconv.Atoi(parts[2])
			var digits strings.Builder
			for i, b := range v.derived(found+strconv.Itoa(count), n) {
				digit := b % 10
				if i == 0 && digit == 0 {
					digit = 1 // it may be a number, which begins with no zero
				}
				digits.WriteByte('0' + digit)
			}
			return digits.String()
		case "hex":
			n, _ := strconv.Atoi(parts[2])
			return hex.EncodeToString(v.derived(found+strconv.Itoa(count), (n+1)/2))[:n]
		}
		return found
	})
}

func (v Values) derived(label string, n int) []byte {
	var out []byte
	for i := uint32(0); len(out) < n; i++ {
		sum := sha256.Sum256(binary.BigEndian.AppendUint32([]byte(v.UID+"\x00"+label+"\x00"), i))
		out = append(out, sum[:]...)
	}
	return out[:n]
}

// Event returns the event of that type.
func (p *Profile) Event(eventType string) (Event, bool) {
	for _, event := range p.Events {
		if event.Type == eventType {
			return event, true
		}
	}
	return Event{}, false
}

// EventTypes lists the types of all events.
func (p *Profile) EventTypes() []string {
	types := make([]string, len(p.Events))
	for i, event := range p.Events {
		types[i] = event.Type
	}
	return types
}

// Headers are those of a delivery, filled in.
func (p *Profile) Headers(values Values) map[string]string {
	headers := map[string]string{"Content-Type": p.Delivery.ContentType()}
	for name, template := range p.Delivery.Headers {
		headers[name] = values.Fill(template)
	}
	return headers
}
