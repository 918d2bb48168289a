package provider

import (
	"cmp"
	"slices"
	"strings"
)

// Coverage is what the signature protects.
type Coverage struct {
	Body   bool // its bytes
	Digest bool // the body by a digest that is sent next to it
	Fields bool // values of some of its fields
	Params bool // values of the parameters of its form
	Time   bool
	ID     bool
	URL    bool
	Method bool
}

// CoversPath reports whether the value at a path of the body counts for the signature.
func (r Recipe) CoversPath(path string) bool {
	return slices.ContainsFunc(append(slices.Clone(r.pieces), r.claimPieces()...), func(piece piece) bool {
		switch piece.name {
		case "body", "digest":
			return true
		case "params":
			return !slices.ContainsFunc(r.Put, func(put Put) bool { return path == cmp.Or(put.Param, put.Body) })
		case "field", "param":
			return path == piece.argument
		case "fields":
			return slices.ContainsFunc(r.Fields.List, func(field string) bool { return path == join(r.Fields.Root, field) })
		}
		return false
	}) || r.Covers().Digest
}

// Names are the parts, in words.
func (c Coverage) Names() []string {
	names := []string{}
	for _, part := range []struct {
		name    string
		covered bool
	}{{"body", c.Body}, {"digest", c.Digest}, {"fields", c.Fields}, {"params", c.Params}, {"timestamp", c.Time}, {"id", c.ID}, {"url", c.URL}, {"method", c.Method}} {
		if part.covered {
			names = append(names, part.name)
		}
	}
	return names
}

// Covers is what the signature protects.
func (r Recipe) Covers() Coverage {
	var c Coverage
	if r.Kind == Token {
		return c
	}
	for _, piece := range append(slices.Clone(r.pieces), r.claimPieces()...) {
		switch {
		case piece.name == "body" || piece.digest != "":
			c.Body = true
		case piece.name == "timestamp" || piece.name == "expiry":
			c.Time = true
		case piece.name == "id":
			c.ID = true
		case piece.name == "url":
			c.URL = true
		case piece.name == "method":
			c.Method = true
		case piece.name == "fields":
			c.Fields = true
		case piece.name == "params":
			c.Params = true
		case piece.name == "header" && strings.EqualFold(piece.argument, r.Digest.Header):
			c.Digest = true
		}
		if piece.argument != "" {
			kind := strings.Replace(piece.name, "field", "body", 1)
			covers := func(in string) bool {
				at, placed := parseSlot(in)
				return placed && at.kind == kind && strings.EqualFold(at.name, piece.argument)
			}
			time, id := covers(r.Timestamp.In), covers(r.ID.In)
			c.Time, c.ID = c.Time || time, c.ID || id
			c.Fields = c.Fields || piece.name != "header" && !time && !id
		}
	}
	inBody := func(in string) bool {
		at, placed := parseSlot(in)
		return placed && (at.kind == "body" || at.kind == "param") && (c.Body || c.Params)
	}
	c.Time = c.Time || inBody(r.Timestamp.In)
	c.ID = c.ID || inBody(r.ID.In)
	c.Digest = c.Digest || (c.URL && r.Digest.Query != "")
	return c
}
