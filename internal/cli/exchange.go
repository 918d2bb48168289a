package cli

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prelaunch-audit/prelaunch/probes/webhook"
)

// shownExchange is one exchange as `replay -o json` has it.
type shownExchange struct {
	Case      string         `json:"case"`
	Changes   string         `json:"changes"`
	Checks    []string       `json:"checks"`
	EventType string         `json:"event_type"`
	Expected  string         `json:"expected"`
	NotSent   string         `json:"not_sent,omitempty"` // why; then nothing below is set
	Request   *shownMessage  `json:"request,omitempty"`
	Response  *shownResponse `json:"response,omitempty"`
	Error     string         `json:"error,omitempty"` // class of what went wrong
	Attempts  int            `json:"attempts,omitempty"`
	StartedAt string         `json:"started_at,omitempty"`
	Took      int64          `json:"milliseconds,omitempty"`
}

type shownMessage struct {
	Method  string        `json:"method,omitempty"`
	URL     string        `json:"url,omitempty"`
	Headers []shownHeader `json:"headers"`
	shownBody
}

type shownResponse struct {
	Status int `json:"status"`
	shownMessage
	Truncated bool `json:"truncated,omitempty"`
}

type shownHeader struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// shownBody is a body as text, or in base64 where it is no text.
type shownBody struct {
	Body   string `json:"body,omitempty"`
	Base64 string `json:"body_base64,omitempty"`
}

// expected is what a correct receiver does with a case.
func expected(e webhook.Exchanged) string {
	family, _, _ := strings.Cut(e.Label(), "/")
	switch {
	case e.Purpose == webhook.PurposeGenuine:
		return "accepted with the provider's success status"
	case e.Purpose == webhook.PurposeForgery:
		return "rejected with a 4xx status"
	case family == "malformed" || family == "missing-field":
		return "rejected with a 4xx status"
	case e.Purpose == webhook.PurposeInvalid:
		return "accepted or rejected with a 4xx status, without a server error"
	}
	return "nothing in particular: it shows what the receiver verifies"
}

func messageOf(m webhook.Message) shownMessage {
	shown := shownMessage{Headers: []shownHeader{}}
	for _, pair := range m.Header {
		shown.Headers = append(shown.Headers, shownHeader{pair[0], pair[1]})
	}
	if utf8.Valid(m.Body) {
		shown.Body = string(m.Body)
	} else {
		shown.Base64 = base64.StdEncoding.EncodeToString(m.Body)
	}
	return shown
}

func showExchange(e webhook.Exchanged) shownExchange {
	shown := shownExchange{
		Case: e.Label(), Changes: e.Words(), Checks: append([]string{}, e.Checks()...), EventType: e.EventType,
		Expected: expected(e), NotSent: e.NotSent, Error: e.Failure, Attempts: e.Attempts, Took: e.Took.Milliseconds(),
	}
	if e.NotSent != "" {
		return shown
	}
	request := messageOf(e.Sent)
	request.Method, request.URL = e.Method, e.URL
	shown.Request, shown.StartedAt = &request, e.Started.UTC().Format(time.RFC3339Nano)
	if e.Status != 0 {
		shown.Response = &shownResponse{e.Status, messageOf(e.Received), e.Cut}
	}
	return shown
}

// replaySchema names the document of `replay -o json`.
const replaySchema = "prelaunch.replay/v1"

type replayDocument struct {
	Schema      string          `json:"schema"`
	Environment string          `json:"environment"`
	URL         string          `json:"url"`
	Exchanges   []shownExchange `json:"exchanges"`
}

func (a *app) printExchanges(list []webhook.Exchanged, replay webhook.Replay, format string) error {
	sent := 0
	for _, e := range list {
		if e.NotSent == "" {
			sent++
		}
	}
	if sent == 0 {
		return fmt.Errorf("%s was not sent: %s", list[0].Label(), list[0].NotSent)
	}
	switch format {
	case asJSON:
		document := replayDocument{replaySchema, replay.Environment.Name, replay.Environment.WebhookURL, []shownExchange{}}
		for _, e := range list {
			document.Exchanges = append(document.Exchanges, showExchange(e))
		}
		return a.printJSON(document)
	case asHAR:
		return a.printJSON(archive(list))
	}
	var text strings.Builder
	for i, e := range list {
		if i > 0 {
			text.WriteByte('\n')
		}
		writeExchange(&text, e)
	}
	return a.print(text.String())
}

// maxShown is how many bytes of a body the table shows.
const maxShown = 2000

func writeExchange(text *strings.Builder, e webhook.Exchanged) {
	fmt.Fprintf(text, "%s: %s\n", e.Label(), e.Words())
	if len(e.Checks()) > 0 {
		fmt.Fprintf(text, "  checks: %s\n", strings.Join(e.Checks(), ", "))
	}
	fmt.Fprintf(text, "  expected: %s\n", expected(e))
	if e.NotSent != "" {
		fmt.Fprintf(text, "  not sent: %s\n", e.NotSent)
		return
	}
	half := func(mark, first string, m webhook.Message) {
		fmt.Fprintf(text, "%s %s\n", mark, first)
		for _, pair := range m.Header {
			fmt.Fprintf(text, "%s %s: %s\n", mark, pair[0], pair[1])
		}
		if body := legibleBody(m.Body); body != "" {
			fmt.Fprintf(text, "%s\n%s %s\n", mark, mark, strings.ReplaceAll(body, "\n", "\n"+mark+" "))
		}
	}
	target := e.URL
	if parsed, err := url.Parse(e.URL); err == nil {
		target = parsed.RequestURI()
		e.Sent.Header = append([][2]string{{"Host", parsed.Host}}, e.Sent.Header...)
	}
	half(">", e.Method+" "+target, e.Sent)
	took := e.Took.Round(time.Millisecond)
	if e.Status == 0 {
		fmt.Fprintf(text, "< (the request %s, after %s)\n", webhook.Failed(e.Failure), took)
		return
	}
	half("<", fmt.Sprintf("%d %s (%s)", e.Status, http.StatusText(e.Status), took), e.Received)
	if e.Attempts > 1 {
		fmt.Fprintf(text, "  sent %d times; the last exchange is shown\n", e.Attempts)
	}
}

// legibleBody is a body as text, as much as the table shows.
func legibleBody(body []byte) string {
	if !utf8.Valid(body) {
		return fmt.Sprintf("(%s that are not UTF-8; -o json shows them)", counted(len(body), "byte"))
	}
	if len(body) > maxShown {
		return fmt.Sprintf("%s… (%s in all)", strings.ToValidUTF8(string(body[:maxShown]), ""), counted(len(body), "byte"))
	}
	return string(body)
}

// archive is an HTTP Archive 1.2.
func archive(list []webhook.Exchanged) any {
	type named struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	pairs := func(m webhook.Message) []named {
		shown := []named{}
		for _, pair := range m.Header {
			shown = append(shown, named{pair[0], pair[1]})
		}
		return shown
	}
	value := func(m webhook.Message, name string) string {
		for _, pair := range m.Header {
			if strings.EqualFold(pair[0], name) {
				return pair[1]
			}
		}
		return ""
	}
	content := func(m webhook.Message) map[string]any {
		body := messageOf(m).shownBody
		c := map[string]any{"mimeType": value(m, "Content-Type"), "text": body.Body}
		if body.Base64 != "" {
			c["text"], c["encoding"] = body.Base64, "base64"
		}
		return c
	}
	entries := []any{}
	for _, e := range list {
		if e.NotSent != "" {
			continue
		}
		query := []named{}
		if parsed, err := url.Parse(e.URL); err == nil {
			for name, values := range parsed.Query() {
				for _, one := range values {
					query = append(query, named{name, one})
				}
			}
		}
		milliseconds := float64(e.Took.Microseconds()) / 1000
		received := content(e.Received)
		received["size"] = len(e.Received.Body)
		entries = append(entries, map[string]any{
			"startedDateTime": e.Started.UTC().Format(time.RFC3339Nano), "time": milliseconds, "comment": e.Label(), "cache": map[string]any{},
			"timings": map[string]any{"send": 0, "wait": milliseconds, "receive": 0},
			"request": map[string]any{
				"method": e.Method, "url": e.URL, "httpVersion": "HTTP/1.1", "cookies": []any{}, "headers": pairs(e.Sent), "queryString": query,
				"postData": content(e.Sent), "headersSize": -1, "bodySize": len(e.Sent.Body),
			},
			"response": map[string]any{
				"status": e.Status, "statusText": http.StatusText(e.Status), "httpVersion": "HTTP/1.1", "cookies": []any{}, "headers": pairs(e.Received),
				"content": received, "redirectURL": value(e.Received, "Location"), "headersSize": -1, "bodySize": len(e.Received.Body),
			},
		})
	}
	return map[string]any{"log": map[string]any{
		"version": "1.2", "creator": map[string]any{"name": tool().Name, "version": tool().Version}, "entries": entries,
	}}
}
