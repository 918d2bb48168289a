// Package delivery reads recorded webhook deliveries and says by which recipe and key they verify, and
// what is different where none does. It is pure, and nothing that it returns holds a key, a signature or a
// part of a body.
package delivery

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/lazy"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// MaxSize bounds a recording, in bytes: a HAR of a few dozen deliveries.
const MaxSize = 10 << 20

// maxRequests bounds how many requests of a recording are checked.
const maxRequests = 100

// Captured is a recorded request.
type Captured struct {
	provider.Message
	Format   string    // http, json or har
	Received time.Time // when, zero where the recording does not say
	// Parsed says that the recording holds the body as a JSON value, whose bytes may not be those that were signed.
	Parsed bool
}

// ErrFormat is for what is no recording.
var ErrFormat = errors.New("it is neither an HTTP request, nor headers with a body below, nor JSON with both, nor a HAR")

// Parse reads a recording.
func Parse(raw []byte) ([]Captured, error) {
	raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
	if len(raw) > MaxSize {
		return nil, errors.New("it is larger than " + strconv.Itoa(MaxSize>>20) + " MiB")
	}
	if trimmed := bytes.TrimLeft(raw, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '{' {
		return parseJSON(trimmed)
	}
	captured, err := parseHTTP(uncurled(raw))
	if err != nil {
		return nil, err
	}
	return []Captured{captured}, nil
}

// uncurled is a request as curl -v shows it, without what curl says next to it; other text stays as it is.
func uncurled(raw []byte) []byte {
	if !curled().Match(raw) {
		return raw
	}
	var out bytes.Buffer
	sent := false
	for line := range bytes.Lines(raw) {
		header, is := bytes.CutPrefix(line, []byte(">"))
		switch {
		case curl().Match(line):
			if sent {
				return out.Bytes()
			}
		case is && !sent:
			header = bytes.TrimPrefix(header, []byte(" "))
			sent = len(bytes.TrimSpace(header)) == 0 // the empty line above the body
			out.Write(header)
		default:
			out.Write(line)
		}
	}
	return out.Bytes()
}

var (
	curled = lazy.Regexp(`(?m)^> [A-Z]+ \S+ HTTP/`)
	curl   = lazy.Regexp(`^(?:\* |< HTTP/|[{}] \[)`)
	field  = lazy.Regexp(`^[A-Za-z0-9-]+:[ \t]`)
)

// parseHTTP reads the text of a request, or of its headers and body. Its body is all that follows the empty
// line, at most Content-Length of it: editors add a newline.
func parseHTTP(raw []byte) (Captured, error) {
	reader := bufio.NewReader(bytes.NewReader(bytes.TrimLeft(raw, "\r\n")))
	text := textproto.NewReader(reader)
	first := "POST  HTTP/1.1"
	if start, _ := reader.Peek(200); !field().Match(start) {
		var err error
		if first, err = text.ReadLine(); err != nil {
			return Captured{}, ErrFormat
		}
	}
	method, rest, ok := strings.Cut(first, " ")
	target, _, versioned := strings.Cut(rest, " HTTP/")
	if !ok || !versioned || method == "" || strings.Trim(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return Captured{}, ErrFormat
	}
	header, err := text.ReadMIMEHeader()
	if err != nil && !errors.Is(err, io.EOF) {
		return Captured{}, ErrFormat
	}
	body, err := io.ReadAll(reader)
	if err != nil {
		return Captured{}, ErrFormat
	}
	if strings.EqualFold(header.Get("Transfer-Encoding"), "chunked") {
		if joined, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(body))); err == nil {
			body = joined
		}
	} else if length, err := strconv.Atoi(header.Get("Content-Length")); err == nil && length >= 0 && length < len(body) {
		body = body[:length]
	}
	return Captured{Format: "http", Message: provider.Message{Method: method, URL: absolute(target, header.Get("Host")), Header: http.Header(header), Body: body}}, nil
}

func absolute(target, host string) string {
	if strings.Contains(target, "://") || host == "" || target == "" {
		return target
	}
	return "https://" + host + target
}

// recorded is a request in JSON, in the words of HAR, of proxies and of function services.
type recorded struct {
	Method          string          `json:"method"`
	HTTPMethod      string          `json:"httpMethod"`
	URL             string          `json:"url"`
	Path            string          `json:"path"`
	Headers         json.RawMessage `json:"headers"`
	Body            json.RawMessage `json:"body"`
	IsBase64Encoded bool            `json:"isBase64Encoded"`
	BodyBase64      string          `json:"body_base64"`
	Received        string          `json:"received_at"`
	PostData        struct {
		Text     string `json:"text"`
		Encoding string `json:"encoding"`
	} `json:"postData"`
}

func parseJSON(raw []byte) ([]Captured, error) {
	var document struct {
		Log *struct {
			Entries []struct {
				Started string   `json:"startedDateTime"`
				Request recorded `json:"request"`
			} `json:"entries"`
		} `json:"log"`
		recorded
	}
	if err := json.Unmarshal(raw, &document); err != nil {
		return nil, errors.New("it is not JSON of the form {\"headers\": …, \"body\": …} or of a HAR")
	}
	if document.Log == nil {
		one, err := document.captured()
		if err != nil {
			return nil, err
		}
		return []Captured{one}, nil
	}
	var out []Captured
	for _, entry := range document.Log.Entries[:min(len(document.Log.Entries), maxRequests)] {
		headers, err := headersOf(entry.Request.Headers)
		if err != nil {
			return nil, err
		}
		body := []byte(entry.Request.PostData.Text)
		if entry.Request.PostData.Encoding == "base64" {
			if body, err = base64.StdEncoding.DecodeString(entry.Request.PostData.Text); err != nil {
				return nil, errors.New("a body in it is not base64")
			}
		}
		started, _ := time.Parse(time.RFC3339, entry.Started)
		out = append(out, Captured{Format: "har", Received: started, Message: provider.Message{Method: entry.Request.Method, URL: entry.Request.URL, Header: headers, Body: body}})
	}
	if len(out) == 0 {
		return nil, errors.New("it is a HAR without requests")
	}
	return out, nil
}

func (r recorded) captured() (Captured, error) {
	headers, err := headersOf(r.Headers)
	if err != nil {
		return Captured{}, err
	}
	c := Captured{Format: "json", Message: provider.Message{Method: r.Method, URL: absolute(r.URL, headers.Get("Host")), Header: headers}}
	if c.Method == "" {
		c.Method = r.HTTPMethod
	}
	if c.URL == "" && r.Path != "" {
		c.URL = absolute(r.Path, headers.Get("Host"))
	}
	c.Received, _ = time.Parse(time.RFC3339, r.Received)
	var text string
	switch {
	case r.BodyBase64 != "":
		c.Body, err = base64.StdEncoding.DecodeString(r.BodyBase64)
	case len(r.Body) == 0:
	case json.Unmarshal(r.Body, &text) != nil:
		c.Body, c.Parsed = r.Body, true
	case r.IsBase64Encoded:
		c.Body, err = base64.StdEncoding.DecodeString(text)
	default:
		c.Body = []byte(text)
	}
	if err != nil {
		return Captured{}, errors.New("its body is not base64")
	}
	return c, nil
}

// headersOf reads a mapping of names to one or several values, and a list of names and values.
func headersOf(raw json.RawMessage) (http.Header, error) {
	headers := http.Header{}
	var mapping map[string]any
	var list []struct{ Name, Value string }
	switch {
	case len(raw) == 0:
		return nil, errors.New("it has no headers")
	case json.Unmarshal(raw, &mapping) == nil:
		for name, value := range mapping {
			switch value := value.(type) {
			case string:
				headers.Add(name, value)
			case []any:
				for _, one := range value {
					if text, ok := one.(string); ok {
						headers.Add(name, text)
					}
				}
			}
		}
	case json.Unmarshal(raw, &list) == nil:
		for _, one := range list {
			if !strings.HasPrefix(one.Name, ":") { // pseudo-headers of HTTP/2
				headers.Add(one.Name, one.Value)
			}
		}
	default:
		return nil, errors.New("its headers are neither a mapping nor a list of names and values")
	}
	return headers, nil
}

// SignedURL is the URL that a delivery was signed for: the one that is registered with the provider, with
// the query of the recording, in which a digest of the body may be. Behind a proxy, a recording has the
// proxy's scheme and host.
func SignedURL(recorded, registered string) string {
	path, query, has := strings.Cut(recorded, "?")
	plain, already, _ := strings.Cut(registered, "?")
	if !has || path == "" || query == already {
		return registered
	}
	return plain + "?" + query
}
