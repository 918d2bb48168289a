package shape

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/lazy"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc"
)

// lookalike is plain text that other readers of YAML take for true or false.
var lookalike = lazy.Regexp(`^(?i:y|yes|n|no|on|off)$`)

// maxEchoedNumber is the longest number, in characters, that a message repeats: longer ones may be keys.
const maxEchoedNumber = 6

var (
	wholeNumber   = lazy.Regexp(`^-?(0|[1-9][0-9]{0,8})$`)
	decimalNumber = lazy.Regexp(`^-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,9})?$`)
)

func (w *walker) walkScalar(node *yamldoc.Value, s *Shape, v *Value) bool {
	due := map[Kind]string{Text: "a text", Date: "a date like 2026-11-01", Boolean: "true or false", Integer: "a whole number", Number: "a number"}[s.Kind]
	if node.Kind != yamldoc.Scalar || isNull(node) {
		w.wrongKind(node, v, due)
		return false
	}
	v.Text = node.Text
	switch s.Kind {
	case Text:
		return w.walkText(node, s, v)
	case Date:
		return w.walkDate(v)
	case Boolean:
		if !node.Plain || (v.Text != "true" && v.Text != "false") {
			w.found.Add(v.At, v.Path+" is neither true nor false", "write true or false, without quotes")
			return false
		}
		if len(s.Words) > 0 && !slices.Contains(s.Words, v.Text) {
			w.found.Add(v.At, v.Path+" is "+v.Text, "write "+strings.Join(s.Words, " or ")+", or remove what it belongs to")
			return false
		}
		v.Flag = v.Text == "true"
		return true
	}
	pattern := decimalNumber
	if s.Kind == Integer {
		pattern = wholeNumber
	}
	if !node.Plain || !pattern().MatchString(v.Text) {
		w.found.Add(v.At, v.Path+" is not "+due, "write decimal digits without quotes and without leading zeros")
		return false
	}
	v.Number, _ = strconv.ParseFloat(v.Text, 64)
	if v.Number < s.Low || v.Number > s.High {
		next := fmt.Sprintf("write one from %v to %v", s.Low, s.High)
		if s.Low == s.High {
			next = fmt.Sprintf("this program reads %v", s.Low)
		}
		shown := v.Text
		if len(shown) > maxEchoedNumber {
			shown = "out of range"
		}
		w.found.Add(v.At, v.Path+" is "+shown, next)
		return false
	}
	return true
}

// maxListed bounds how many words a message lists.
const maxListed = 20

func (w *walker) walkText(node *yamldoc.Value, s *Shape, v *Value) bool {
	switch {
	case len(s.Words) > 0:
		for _, word := range s.Words {
			if word == v.Text {
				return true
			}
		}
		if s.OrForm && node.Type == yamldoc.Text && s.Form.Takes(v.Text) {
			return true
		}
		next := "write one of them"
		if s.OrForm {
			next = s.Form.Next
		}
		if meant, near := nearestTo(v.Text, s.Words); near {
			next = fmt.Sprintf("did you mean %q?", meant)
		}
		words := strings.Join(s.Words, ", ")
		if len(s.Words) > maxListed {
			words = fmt.Sprintf("the %d known words", len(s.Words))
		}
		w.found.Add(v.At, v.Path+" is none of "+words, next)
		return false
	case node.Type != yamldoc.Text && !(s.Digits && node.Type == yamldoc.Number):
		next := "put it in quotes: \"…\""
		if s.Form.Pattern != nil && !s.Form.Takes(v.Text) {
			next = s.Form.Next
		}
		w.found.Add(v.At, v.Path+" is "+kindName(node)+", expected a string", next)
		return false
	case node.Plain && lookalike().MatchString(v.Text):
		w.found.Add(v.At, v.Path+" is a word that some readers of YAML take for true or false", "put it in quotes: \"…\"")
		return false
	case !s.Form.Takes(v.Text):
		w.found.Add(v.At, v.Path+" is not "+s.Form.Is, s.Form.Next)
		return false
	}
	return true
}

func (w *walker) walkDate(v *Value) bool {
	if _, ok := parseDate(v.Text); ok {
		return true
	}
	shown := "is not a date"
	if dateForm().MatchString(v.Text) {
		shown = "is " + v.Text + ", which is no day of the calendar"
	}
	w.found.Add(v.At, v.Path+" "+shown, "write it like 2026-11-01")
	return false
}
