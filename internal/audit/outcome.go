// Package audit holds the nouns that every stage shares: the integration under audit, facts, findings, outcomes, the report, and
// what a probe is. It knows nothing of Rego, files, flags or formats.
package audit

import "fmt"

// Outcome is what a finding, a check or a checklist item comes to. The zero value proves nothing: it is Inconclusive.
type Outcome uint8

// The outcomes, in no order of badness; see Worse.
const (
	Inconclusive Outcome = iota
	Pass
	Fail
	Warn
	NotApplicable
	Waived
)

var outcomeNames = [...]string{
	Inconclusive: "inconclusive", Pass: "pass", Fail: "fail", Warn: "warn", NotApplicable: "not_applicable", Waived: "waived",
}

// badness orders outcomes: fail > inconclusive > warn > waived > pass > not_applicable.
var badness = [...]int{NotApplicable: 0, Pass: 1, Waived: 2, Warn: 3, Inconclusive: 4, Fail: 5}

// String is the outcome as reports spell it, such as "not_applicable".
func (o Outcome) String() string {
	if int(o) >= len(outcomeNames) {
		return fmt.Sprintf("outcome(%d)", uint8(o))
	}
	return outcomeNames[o]
}

// Compare orders outcomes from not applicable up to fail.
func (o Outcome) Compare(other Outcome) int { return badness[o] - badness[other] }

// Worse reports whether o weighs more than other when several are summed up in one.
func (o Outcome) Worse(other Outcome) bool { return o.Compare(other) > 0 }

// Worst sums up outcomes; of none it is Inconclusive, since nothing was shown.
func Worst(outcomes ...Outcome) Outcome {
	if len(outcomes) == 0 {
		return Inconclusive
	}
	worst := outcomes[0]
	for _, o := range outcomes[1:] {
		if o.Worse(worst) {
			worst = o
		}
	}
	return worst
}

// MarshalText spells the outcome.
func (o Outcome) MarshalText() ([]byte, error) {
	if int(o) >= len(outcomeNames) {
		return nil, fmt.Errorf("no outcome has the number %d", uint8(o))
	}
	return []byte(outcomeNames[o]), nil
}

// UnmarshalText reads an outcome as MarshalText spells it.
func (o *Outcome) UnmarshalText(text []byte) error {
	for i, name := range outcomeNames {
		if name == string(text) {
			*o = Outcome(i)
			return nil
		}
	}
	return fmt.Errorf("unknown outcome %q", text)
}
