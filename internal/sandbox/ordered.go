package sandbox

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
)

// ordered is a JSON object whose names keep their order, as in JavaScript.
type ordered struct {
	names  []string
	values map[string]any
}

// parseOrdered reads one JSON value with its objects ordered.
func parseOrdered(body []byte) (any, bool) {
	if !json.Valid(body) || Depth(body) > MaxDepth*4 {
		return nil, false
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	value, err := nextOrdered(decoder)
	if err != nil {
		return nil, false
	}
	_, err = decoder.Token()
	return value, err == io.EOF
}

func nextOrdered(decoder *json.Decoder) (any, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('['):
		list := []any{}
		for decoder.More() {
			value, err := nextOrdered(decoder)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		_, err = decoder.Token()
		return list, err
	case json.Delim('{'):
		object := &ordered{values: map[string]any{}}
		for decoder.More() {
			token, err := decoder.Token()
			if err != nil {
				return nil, err
			}
			name, _ := token.(string)
			value, err := nextOrdered(decoder)
			if err != nil {
				return nil, err
			}
			if _, again := object.values[name]; !again {
				object.names = append(object.names, name)
			}
			object.values[name] = value
		}
		_, err = decoder.Token()
		return object, err
	default:
		return token, nil
	}
}

// AppendOrdered writes a value compactly, non-ASCII letters as they are.
func AppendOrdered(out []byte, value any) []byte {
	switch value := value.(type) {
	case *ordered:
		return appendObject(out, value.names, value.values)
	case map[string]any:
		names := make([]string, 0, len(value))
		for name := range value {
			names = append(names, name)
		}
		slices.Sort(names)
		return appendObject(out, names, value)
	case []any:
		out = append(out, '[')
		for i, element := range value {
			if i > 0 {
				out = append(out, ',')
			}
			out = AppendOrdered(out, element)
		}
		return append(out, ']')
	default:
		var text bytes.Buffer
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false)
		_ = encoder.Encode(value) // strings, numbers, booleans and null never fail
		return append(out, bytes.TrimSuffix(text.Bytes(), []byte("\n"))...)
	}
}

func appendObject(out []byte, names []string, values map[string]any) []byte {
	out = append(out, '{')
	for i, name := range names {
		if i > 0 {
			out = append(out, ',')
		}
		out = AppendOrdered(out, name)
		out = append(out, ':')
		out = AppendOrdered(out, values[name])
	}
	return append(out, '}')
}
