package history

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// KindChange is a kind of fact of which some differ.
type KindChange struct {
	Kind    string       `json:"kind"`
	Added   int          `json:"added"`   // facts with no counterpart in the earlier audit
	Removed int          `json:"removed"` // and the other way round
	Changes []FactChange `json:"changes"` // facts that are alike but for some values
	Samples []Sample     `json:"samples"` // the first few that were added or removed
}

// FactChange is a fact that is there on both sides and differs in some values.
type FactChange struct {
	Same   map[string]any `json:"same"` // the short values in which both agree, which tell which fact it is
	Values []Value        `json:"values"`
}

// Sample is a fact that is there on one side only.
type Sample struct {
	Change string         `json:"change"` // Added or Removed
	Fact   map[string]any `json:"fact"`
}

// Bounds of what is compared and shown.
const (
	maxPaired  = 500 // facts of a kind that are paired with their likes, on each side
	maxSamples = 10
	maxSame    = 6  // values that tell which fact it is
	maxName    = 80 // characters of such a value
)

// compareFacts lists the kinds of which facts differ. Facts have no names, so a fact of one side is paired with the one of the other
// side that shares the most values with it, if that is more than half of them.
func compareFacts(older, newer *audit.Document) []KindChange {
	kinds := map[string]bool{}
	for kind := range older.Facts {
		kinds[kind] = true
	}
	for kind := range newer.Facts {
		kinds[kind] = true
	}
	changes := []KindChange{}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		removed, added := withoutCommon(older.Facts[kind], newer.Facts[kind])
		if len(removed)+len(added) == 0 {
			continue
		}
		change := KindChange{Kind: kind, Changes: []FactChange{}, Samples: []Sample{}}
		for _, fact := range removed[:min(len(removed), maxPaired)] {
			at, best := -1, 0
			for i, other := range added[:min(len(added), maxPaired)] {
				if other == nil {
					continue
				}
				if same := len(shared(fact, other)); same > best && 2*same > max(len(fact), len(other)) {
					at, best = i, same
				}
			}
			if at >= 0 {
				change.Changes = append(change.Changes, FactChange{Same: brief(shared(fact, added[at])), Values: compareValues(fact, added[at])})
				added[at] = nil
				continue
			}
			change.Removed++
			change.sample(Removed, fact)
		}
		change.Removed += max(len(removed)-maxPaired, 0)
		for _, fact := range added {
			if fact != nil {
				change.Added++
				change.sample(Added, fact)
			}
		}
		changes = append(changes, change)
	}
	return changes
}

func (k *KindChange) sample(change string, fact map[string]any) {
	if len(k.Samples) < maxSamples {
		k.Samples = append(k.Samples, Sample{change, fact})
	}
}

// withoutCommon takes out the facts that both sides have.
func withoutCommon(older, newer []json.RawMessage) (removed, added []map[string]any) {
	count := map[string]int{}
	for _, raw := range newer {
		count[canonical(raw)]++
	}
	for _, raw := range older {
		if c := canonical(raw); count[c] > 0 {
			count[c]--
			continue
		}
		removed = append(removed, object(raw))
	}
	for _, raw := range newer {
		if c := canonical(raw); count[c] > 0 {
			count[c]--
			added = append(added, object(raw))
		}
	}
	return removed, added
}

// canonical is the fact with its fields in one order.
func canonical(raw json.RawMessage) string { return text(object(raw)) }

func object(raw json.RawMessage) map[string]any {
	var fact map[string]any
	if err := json.Unmarshal(raw, &fact); err != nil || fact == nil {
		return map[string]any{"fact": string(raw)} // facts are objects; another value is compared as it stands
	}
	return fact
}

// shared are the values in which both facts agree.
func shared(a, b map[string]any) map[string]any {
	same := map[string]any{}
	for name, value := range a {
		if other, has := b[name]; has && text(value) == text(other) {
			same[name] = value
		}
	}
	return same
}

// brief keeps a few short values.
func brief(values map[string]any) map[string]any {
	few := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if s, ok := values[name].(string); ok && s != "" && len(s) <= maxName && len(few) < maxSame {
			few[name] = s
		}
	}
	return few
}
