package behaviors

import (
	"fmt"
	"slices"

	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
)

// Rights are the receivers that are right, each in its own way: an audit of one must find no failed check.
func Rights() []sandbox.Behavior {
	return slices.Concat(rightVerifying, rightAnswering, rightFrameworks, rightNetwork)
}

// Flaws are the flaws, each to be planted alone.
func Flaws() []sandbox.Behavior {
	return slices.Concat(sandbox.DemoTest, sandbox.DemoProduction, signatureFlaws, keyFlaws, bodyFlaws, smugglingFlaws, bypassFlaws, answerFlaws, inputFlaws, leakFlaws, networkFlaws, logFlaws, recognitionFlaws)
}

// Named finds a behavior in either table.
func Named(name string) (sandbox.Behavior, error) {
	for _, b := range slices.Concat(Rights(), Flaws()) {
		if b.Name == name {
			return b, nil
		}
	}
	return sandbox.Behavior{}, fmt.Errorf("no sandbox behavior is called %q", name)
}

// Disguises are correct receivers whose answers vary or say little. A flaw planted after one of them is the same flaw, with the same
// Expect, and harder to see.
func Disguises() []sandbox.Behavior {
	var out []sandbox.Behavior
	for _, b := range Rights() {
		if slices.Contains(disguises, b.Name) {
			out = append(out, b)
		}
	}
	return out
}

var disguises = []string{
	"random-parts-everywhere", "random-words-everywhere", "echoes-uid-and-time", "empty-answers", "same-body-for-all", "cookies", "rails", "spring",
	"laravel", "cloudflare", "compressed-answers", "long-answers", "answer-differs-by-type", "keep-alive-off", "refuses-with-404", "text-answers",
	"html-error-pages", "rate-limited-now-and-then", "idle-connections-closed-soon", "known-users-only", "hex-of-any-case", "signature-list",
}

// without is the list less some ids.
func without(list []string, ids ...string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(id string) bool { return slices.Contains(ids, id) })
}
