package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// UniqueNames rejects JSON in which an object has a name twice: readers differ in which of the two values they take, so what was
// checked need not be what is judged or shown. It stops at what is not JSON, which is for the decoder to report.
func UniqueNames(raw []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	type container struct {
		names    map[string]bool // of an object; nil: an array
		expected bool            // the next text is a name
	}
	var open []container
	for {
		token, err := decoder.Token()
		if err == io.EOF || err != nil {
			return nil
		}
		delimiter, _ := token.(json.Delim)
		if delimiter == '}' || delimiter == ']' {
			open = open[:len(open)-1]
		}
		if len(open) > 0 && open[len(open)-1].names != nil {
			within := &open[len(open)-1]
			if name, isText := token.(string); isText && within.expected {
				if within.names[name] {
					return fmt.Errorf("the name %.60q is in one object twice", name)
				}
				within.names[name], within.expected = true, false
				continue
			}
			within.expected = delimiter == 0 || delimiter == '}' || delimiter == ']'
		}
		switch delimiter {
		case '{':
			open = append(open, container{names: map[string]bool{}, expected: true})
		case '[':
			open = append(open, container{})
		}
	}
}
