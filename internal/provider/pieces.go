package provider

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Rules of this file: the string to sign is a list of pieces, and the names of pieces are a closed list.
// A piece never stands for another template, so evaluating them ends.

// piece is a part of a template: text, or what is in braces.
type piece struct {
	text     string // as it stands; then the rest is empty
	name     string
	argument string // of header, param and field
	digest   string // of the body: a hash or crc32; name is then "digest"
	base64   bool   // the digest is written in base64
}

// pieceNames are those that need no argument.
var pieceNames = []string{"account", "body", "expiry", "fields", "id", "method", "params", "path", "query", "secret", "timestamp", "url"}

var (
	braces      = regexp.MustCompile(`\{[^{}]*\}`)
	digestPiece = regexp.MustCompile(`^(md5|sha1|sha256|sha384|sha512|crc32)(-base64)?\(body\)$`)
	namedPiece  = regexp.MustCompile(`^(header|param|field):([A-Za-z0-9_.-]{1,100})$`)
)

// parsePieces takes a template apart.
func parsePieces(template string) ([]piece, error) {
	var pieces []piece
	last := 0
	for _, at := range braces.FindAllStringIndex(template, -1) {
		if at[0] > last {
			pieces = append(pieces, piece{text: template[last:at[0]]})
		}
		last = at[1]
		inner := template[at[0]+1 : at[1]-1]
		switch {
		case slices.Contains(pieceNames, inner):
			pieces = append(pieces, piece{name: inner})
		case digestPiece.MatchString(inner):
			match := digestPiece.FindStringSubmatch(inner)
			pieces = append(pieces, piece{name: "digest", digest: match[1], base64: match[2] != ""})
		case namedPiece.MatchString(inner):
			match := namedPiece.FindStringSubmatch(inner)
			pieces = append(pieces, piece{name: match[1], argument: match[2]})
		default:
			return nil, &unknownPieceError{inner}
		}
	}
	if last < len(template) {
		pieces = append(pieces, piece{text: template[last:]})
	}
	for _, p := range pieces {
		if strings.ContainsAny(p.text, "{}") {
			return nil, &unknownPieceError{""}
		}
	}
	return pieces, nil
}

// unknownPieceError is a piece that there is not.
type unknownPieceError struct{ name string }

func (e *unknownPieceError) Error() string {
	if e.name == "" {
		return "has a brace without its other"
	}
	return "has an unknown piece"
}

// fill is a template with its pieces in place, none of which holds the secret.
func (r Recipe) fill(template string, m Message) (string, error) {
	pieces, err := parsePieces(template)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for _, piece := range pieces {
		value, err := r.valueOf(piece, m, nil)
		if err != nil {
			return "", err
		}
		out.Write(value)
	}
	return out.String(), nil
}

// valueOf is what a piece stands for in a message.
func (r Recipe) valueOf(p piece, m Message, secret []byte) ([]byte, error) {
	switch p.name {
	case "":
		return []byte(p.text), nil
	case "account":
		return []byte(m.Account), nil
	case "body":
		return m.Body, nil
	case "expiry":
		return []byte(r.Timestamp.shift(m.Timestamp, r.Timestamp.Tolerance.Duration())), nil
	case "digest":
		return []byte(p.digestOf(m.Body)), nil
	case "field":
		value, _ := fieldText(m.Body, p.argument)
		return []byte(value), nil
	case "fields":
		return []byte(r.Fields.joined(m.Body)), nil
	case "header":
		return []byte(m.Header.Get(p.argument)), nil
	case "id":
		return []byte(m.ID), nil
	case "method":
		return []byte(m.Method), nil
	case "param":
		form, err := url.ParseQuery(string(m.Body))
		if err != nil {
			return nil, fmt.Errorf("the body is not a form")
		}
		return []byte(form.Get(p.argument)), nil
	case "params":
		return r.sortedParams(m.Body)
	case "path", "query":
		u, err := url.Parse(m.URL)
		if err != nil {
			return nil, fmt.Errorf("the URL cannot be read")
		}
		if p.name == "path" {
			return []byte(u.EscapedPath()), nil
		}
		return []byte(u.RawQuery), nil
	case "secret":
		return secret, nil
	case "timestamp":
		return []byte(m.Timestamp), nil
	}
	return []byte(m.URL), nil
}

func (p piece) digestOf(body []byte) string {
	if p.digest == "crc32" {
		return strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10)
	}
	h := hashes[p.digest].make()
	h.Write(body)
	if p.base64 {
		return base64.StdEncoding.EncodeToString(h.Sum(nil))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// sortedParams are the names of a form's parameters in order, each with its values; a value that stands
// there twice counts once. The parameter that carries the signature is not one of them.
func (r Recipe) sortedParams(body []byte) ([]byte, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, fmt.Errorf("the body is not a form")
	}
	for _, put := range r.Put {
		form.Del(cmp.Or(put.Param, put.Body))
	}
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	var out strings.Builder
	for _, name := range names {
		values := slices.Clone(form[name])
		slices.Sort(values)
		for _, value := range slices.Compact(values) {
			out.WriteString(name + value)
		}
	}
	return []byte(out.String()), nil
}

// joined is {fields}.
func (f Fields) joined(body []byte) string {
	values := make([]string, len(f.List))
	for i, path := range f.List {
		value, found := fieldText(body, join(f.Root, path))
		if !found {
			value = f.Missing
		}
		if f.Escape == "backslash" {
			value = strings.ReplaceAll(value, `\`, `\\`)
			if f.Join != "" {
				value = strings.ReplaceAll(value, f.Join, `\`+f.Join)
			}
		}
		values[i] = value
	}
	return strings.Join(values, f.Join)
}

func join(root, path string) string {
	if root == "" || path == "" {
		return root + path
	}
	return root + "." + path
}
