package audit

import "testing"

func TestNamesAreUnique(t *testing.T) {
	t.Parallel()
	for text, unique := range map[string]bool{
		`{"a":1,"b":{"a":2,"c":[{"a":1},{"a":"a"}]},"c":[]}`: true,
		`{"a":"a","b":"a"}`:                 true,
		`["a","a",{}]`:                      true,
		`{"a":{},"b":{},"c":[[],{"a":1}]}`:  true,
		`{"a":1,"a":1}`:                     false,
		`{"a":1,"\u0061":2}`:                false,
		`{"a":{"b":1},"a":{}}`:              false,
		`{"a":[],"b":[1],"a":2}`:            false,
		`[[{"x":{"y":1,"z":[],"y":null}}]]`: false,
		`{"":1,"":2}`:                       false,
		`{"a":`:                             true, // not JSON
		`]`:                                 true,
	} {
		if err := UniqueNames([]byte(text)); (err == nil) != unique {
			t.Errorf("%s: %v", text, err)
		}
	}
}
