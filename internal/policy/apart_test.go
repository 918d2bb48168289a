package policy

import (
	"strings"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// TestUserPolicyThatNeedsTooMuchMemory: the process that evaluates it is ended, and the other checks are judged all the same.
func TestUserPolicyThatNeedsTooMuchMemory(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"many small values": `findings contains {"outcome": "pass", "message": "m"} if {
	list := [text | some i in numbers.range(1, 100000000); text := sprintf("%d of many", [i])]
	count(list) < 0
}
`,
		"texts of texts": `a := concat("", ["0123456789abcdef" | some i in numbers.range(1, 65536)])

b := concat("", [a | some i in numbers.range(1, 4096)])

findings contains {"outcome": "pass", "message": "m"} if count(b) < 0
`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			library, err := Load(builtin(nil), userPolicies(t, map[string]string{
				"x.rego": checkModule("x.one", "acme.checks.one", body),
				"y.rego": checkModule("y.one", "acme.checks.other", `findings contains {"outcome": "warn", "message": "seen"}`+"\n"),
			}))
			if err != nil {
				t.Fatal(err)
			}
			judge := judgeOf(t, library)
			judge.limit, judge.memory = 2*time.Minute, 48<<20
			got, err := judge.Verdicts(t.Context(), []byte(`{"facts":{"a.fact":[{"text":"seen"}]}}`))
			if err != nil {
				t.Fatal(err)
			}
			if len(got["x.one"]) != 1 || got["x.one"][0].Outcome != audit.Inconclusive || !strings.Contains(got["x.one"][0].Message, "more memory") {
				t.Errorf("the check that needs too much: %.500v", got["x.one"])
			}
			if len(got["y.one"]) != 1 || got["y.one"][0].Outcome != audit.Warn {
				t.Errorf("the user's other check: %+v", got["y.one"])
			}
			if len(got["a.one"]) != 1 || got["a.one"][0].Outcome != audit.Pass {
				t.Errorf("the built-in check: %+v", got["a.one"])
			}
		})
	}
}
