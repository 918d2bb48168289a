package behaviors

import (
	"fmt"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
)

// keyFlaws are receivers that take other keys than the current one.
var keyFlaws = append(guessableKeys(
	"", "undefined", "null", "None", "nil", "false", "[object Object]", " ", "secret", "changeme",
),
	sandbox.Behavior{Name: "other-environments-key", Description: "takes the other environment's key too",
		Expect: sandbox.Expect{Fails: []string{sandbox.NotInterchanged}}, Plant: func(ru *sandbox.Rules) { ru.Keys = append(ru.Keys, ru.Options.OtherKey.Expose()) }},
	sandbox.Behavior{Name: "retired-key", Description: "still takes a key that was rotated out", Setup: sandbox.Setup{RetiredKey: true},
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsRetired}}, Plant: takeRetiredKey},
	sandbox.Behavior{Name: "key-cut-short", Description: "stored its key in a column too short for it, so that every event is rejected",
		Expect: nothingAccepted, Plant: func(ru *sandbox.Rules) { ru.Keys[0] = ru.Keys[0][:8] }},
)

// guessableKeys are what an unset variable turns into, and what examples have.
func guessableKeys(keys ...string) []sandbox.Behavior {
	names := map[string]string{"": "empty", "[object Object]": "object", " ": "blank"}
	var out []sandbox.Behavior
	for _, key := range keys {
		name := names[key]
		if name == "" {
			name = key
		}
		out = append(out, sandbox.Behavior{Name: "guessable-key-" + strings.ToLower(name), Description: fmt.Sprintf("takes the key %q too", key),
			Expect: sandbox.Expect{Fails: []string{sandbox.RejectsWrongKey}}, Plant: func(ru *sandbox.Rules) { ru.Keys = append(ru.Keys, []byte(key)) }})
	}
	return out
}
