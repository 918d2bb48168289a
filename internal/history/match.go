// Package history compares reports of one integration: what changed and why, which tickets that opens and closes, and which keys were
// ever exposed.
package history

import (
	"errors"
	"fmt"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

var errOrder = errors.New("the second report is older than the first: give the older one first")

// comparable reports why two reports cannot be compared.
func comparable(older, newer *audit.Report) error {
	if older.Integration != newer.Integration || older.Provider != newer.Provider {
		return differentIntegrations(older, newer)
	}
	if newer.FinishedAt.Before(older.FinishedAt) {
		return errOrder
	}
	return nil
}

func differentIntegrations(a, b *audit.Report) error {
	return fmt.Errorf("these reports are of different integrations, %.80q and %.80q: compare reports of one", a.Integration, b.Integration)
}

// sameFinding reports whether two findings with one id say the same.
func sameFinding(was, is audit.Finding) bool {
	return was.Outcome == is.Outcome && len(differences(was, is)) == 0
}

// differences are the values in which two findings with one id differ.
func differences(was, is audit.Finding) []Value {
	return compareValues(describeFinding(was), describeFinding(is))
}
