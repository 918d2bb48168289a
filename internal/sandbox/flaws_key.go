package sandbox

import (
	"fmt"
	"strings"
)

// keyFlaws are receivers that take other keys than the current one.
var keyFlaws = append(guessableKeys(
	"", "undefined", "null", "None", "nil", "false", "[object Object]", " ", "secret", "changeme",
),
	Behaviour{Name: "other-environments-key", Description: "takes the other environment's key too",
		Expect: Expect{Fails: []string{notInterchanged}}, plant: func(ru *rules) { ru.keys = append(ru.keys, ru.options.OtherKey.Expose()) }},
	Behaviour{Name: "retired-key", Description: "still takes a key that was rotated out", Setup: Setup{RetiredKey: true},
		Expect: Expect{Fails: []string{rejectsRetired}}, plant: takeRetiredKey},
	Behaviour{Name: "key-cut-short", Description: "stored its key in a column too short for it, so that every event is refused",
		Expect: nothingAccepted, plant: func(ru *rules) { ru.keys[0] = ru.keys[0][:8] }},
)

// guessableKeys are what an unset variable turns into, and what examples have.
func guessableKeys(keys ...string) []Behaviour {
	names := map[string]string{"": "empty", "[object Object]": "object", " ": "blank"}
	var out []Behaviour
	for _, key := range keys {
		name := names[key]
		if name == "" {
			name = key
		}
		out = append(out, Behaviour{Name: "guessable-key-" + strings.ToLower(name), Description: fmt.Sprintf("takes the key %q too", key),
			Expect: Expect{Fails: []string{rejectsWrongKey}}, plant: func(ru *rules) { ru.keys = append(ru.keys, []byte(key)) }})
	}
	return out
}
