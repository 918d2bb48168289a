package response

import (
	"html"
	"strings"
)

// What the response to a handshake holds, as in the facts.
const (
	echoText = "text"
	echoHTML = "html"
	echoMAC  = "mac"
)

// Echo says what the response to a handshake holds: mac is the signature of the challenge, "" where that
// is not known.
func (a *Response) Echo(challenge, mac string) string {
	if a.Status/100 != 2 || challenge == "" {
		return ""
	}
	body := string(a.Body)
	switch {
	case mac != "" && (strings.Contains(body, mac) || strings.Contains(Unescape(body), mac)):
		return echoMAC
	case strings.Contains(challenge, "<") && strings.Contains(body, challenge) && a.isHTML():
		return echoHTML
	case strings.Contains(body, challenge), strings.Contains(Unescape(body), challenge), strings.Contains(html.UnescapeString(body), challenge):
		return echoText
	}
	return ""
}

// isHTML reports whether a browser reads the response as HTML: by its type or, where it has none, by
// sniffing.
func (a *Response) isHTML() bool {
	switch a.MediaType() {
	case "text/html", "application/xhtml+xml", "image/svg+xml":
		return true
	case "":
		return !strings.EqualFold(a.Header.Get("X-Content-Type-Options"), "nosniff")
	}
	return false
}
