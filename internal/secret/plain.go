package secret

import (
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/lazy"
)

// maxPlain is the longest text, in bytes, that PlainWords takes: the longest paths and names of variables that occur.
const maxPlain = 200

// plainPiece is a piece of a name without separators that a person chose: a word in one case, up to three words in camel case, a
// number such as a year or a day, or something as short as "k8s" or "v2".
var plainPiece = lazy.Regexp(`^(?:[a-z]{1,14}[0-9]{0,2}|[A-Z]{1,14}[0-9]{0,2}|(?:[A-Z]?[a-z]{2,12}){1,3}[0-9]{0,2}|[0-9]{1,8}|[A-Za-z0-9]{1,5})$`)

var pieces = lazy.Regexp(`[A-Za-z0-9]+`)

// PlainWords reports whether text reads like words, numbers and separators, so that it may be repeated in a message. Random
// strings of 16 characters or more, which is what keys are, do not: a text that fails is withheld in case it is a key that was
// written in the wrong place.
func PlainWords(text string) bool {
	if text == "" || len(text) > maxPlain {
		return false
	}
	for _, c := range text {
		if c < 0x20 || c > 0x7e {
			return false
		}
	}
	for _, piece := range pieces().FindAllString(text, -1) {
		if !plainPiece().MatchString(piece) {
			return false
		}
	}
	return true
}

// ProgramName is a program as facts and messages show it: its path where that reads like words, else the last part of the path,
// else a placeholder, since a key may have been written where a program was due.
func ProgramName(path string) string {
	base := path[strings.LastIndexAny(path, `/\`)+1:]
	switch {
	case PlainWords(path):
		return path
	case PlainWords(base):
		return base
	}
	return "(name withheld)"
}
