// Package strictjson reads JSON that somebody may have edited. encoding/json takes the last of two fields of one name and does not
// mind the case of a name, so two readers could see two documents in one file. Here a document is one value, no object holds a name
// twice, a name that differs from a known one only in its case is an error, and the depth is bounded.
package strictjson

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync"
)

// MaxDepth is how deep a document may nest. The formats themselves need a dozen levels.
const MaxDepth = 64

// Decode reads a document into a pointer. A name that the type does not have is an error.
func Decode(raw []byte, into any) error { return decode(raw, into, false) }

// DecodeKnown reads a document as Decode does and leaves out names that the type does not have: a later version may have added them.
func DecodeKnown(raw []byte, into any) error { return decode(raw, into, true) }

func decode(raw []byte, into any, later bool) error {
	if err := check(raw, reflect.TypeOf(into), later); err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	return decoder.Decode(into)
}

// level is an object or an array that is open.
type level struct {
	names   map[string]bool // of an object; nil: an array
	expects bool            // a name comes next
	name    string          // of the value that comes next
	of      reflect.Type    // nil: anything
}

// next is the type of the value that comes next.
func (l *level) next() reflect.Type {
	if l.of == nil {
		return nil
	}
	switch l.of.Kind() {
	case reflect.Struct:
		return fieldsOf(l.of)[l.name]
	case reflect.Map, reflect.Slice, reflect.Array:
		return plain(l.of.Elem())
	}
	return nil
}

// check goes through the tokens of a document.
func check(raw []byte, of reflect.Type, later bool) error {
	if len(bytes.TrimSpace(raw)) == 0 {
		return errors.New("it is empty")
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var stack []level
	for first := true; ; first = false {
		token, err := decoder.Token()
		var syntax *json.SyntaxError
		switch {
		case errors.Is(err, io.EOF) && len(stack) == 0:
			return nil
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return fmt.Errorf("it is truncated: it ends in the middle, after %d bytes", len(raw))
		case !first && len(stack) == 0:
			return errors.New("more data follows it in the file")
		case errors.As(err, &syntax):
			return fmt.Errorf("it is not valid JSON at byte %d: %w", syntax.Offset, err)
		case err != nil:
			return fmt.Errorf("it is not valid JSON: %w", err)
		}
		next := plain(of)
		if first && next != nil && next.Kind() == reflect.Struct && token != json.Delim('{') {
			return errors.New("it is not one JSON object")
		}
		if len(stack) > 0 {
			top := &stack[len(stack)-1]
			if name, ok := token.(string); ok && top.names != nil && top.expects {
				if top.names[name] {
					return fmt.Errorf("the field %.60q occurs twice in one object, at byte %d", name, decoder.InputOffset())
				}
				if err := known(top.of, name, later); err != nil {
					return err
				}
				top.names[name], top.name, top.expects = true, name, false
				continue
			}
			top.expects = true
			next = top.next()
		}
		switch token {
		case json.Delim('{'):
			stack = append(stack, level{names: map[string]bool{}, expects: true, of: next})
		case json.Delim('['):
			stack = append(stack, level{of: next})
		case json.Delim('}'), json.Delim(']'):
			stack = stack[:len(stack)-1]
		}
		if len(stack) > MaxDepth {
			return fmt.Errorf("it nests deeper than %d levels", MaxDepth)
		}
	}
}

func known(of reflect.Type, name string, later bool) error {
	if of == nil || of.Kind() != reflect.Struct {
		return nil
	}
	fields := fieldsOf(of)
	if _, found := fields[name]; found {
		return nil
	}
	for field := range fields {
		if strings.EqualFold(field, name) {
			return fmt.Errorf("it has a field %.60q, which the format spells %q", name, field)
		}
	}
	if later {
		return nil
	}
	return fmt.Errorf("unknown field %.60q", name)
}

var cache sync.Map // reflect.Type → map[string]reflect.Type

// fieldsOf are the fields of a struct by their names in JSON.
func fieldsOf(of reflect.Type) map[string]reflect.Type {
	if fields, ok := cache.Load(of); ok {
		return fields.(map[string]reflect.Type)
	}
	fields := map[string]reflect.Type{}
	for _, field := range reflect.VisibleFields(of) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		embedded := field.Anonymous && name == "" // its fields are listed by themselves
		if name == "-" || embedded || !field.IsExported() {
			continue
		}
		if name == "" {
			name = field.Name
		}
		fields[name] = plain(field.Type)
	}
	cache.Store(of, fields)
	return fields
}

var (
	unmarshaler     = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// plain is the type behind pointers; nil for what reads itself, and for what may be anything.
func plain(of reflect.Type) reflect.Type {
	for of != nil && of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	if of == nil || reflect.PointerTo(of).Implements(unmarshaler) || reflect.PointerTo(of).Implements(textUnmarshaler) {
		return nil
	}
	return of
}
