package sandbox

import (
	"fmt"
	"slices"
)

// Rights are the receivers that are right, each in its own way: an audit of one must find no failed check.
func Rights() []Behaviour {
	return slices.Concat(rightVerifying, rightAnswering, rightFrameworks, rightNetwork)
}

// Flaws are the flaws, each to be planted alone.
func Flaws() []Behaviour {
	return slices.Concat(signatureFlaws, keyFlaws, bodyFlaws, bypassFlaws, answerFlaws, inputFlaws, leakFlaws, networkFlaws, logFlaws)
}

// Named finds a behaviour in either table.
func Named(name string) (Behaviour, error) {
	for _, b := range slices.Concat(Rights(), Flaws()) {
		if b.Name == name {
			return b, nil
		}
	}
	return Behaviour{}, fmt.Errorf("no sandbox behaviour is called %q", name)
}
