package history

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/report"
)

// Bounds of what is remembered of exposures.
const (
	maxExposures    = 1000
	maxPlaces       = 5   // of an exposure
	maxPlaceLength  = 200 // characters
	maxExposedFacts = 20_000
)

var fingerprint = regexp.MustCompile(`^sha256:[0-9a-f]{8}$`)

// Exposures are the keys that an audit saw exposed, or knew to be, by the facts that were kept of it. The facts may be of another
// version, or may have been edited: what can be read counts.
func Exposures(facts []byte) []audit.Exposure {
	var document struct {
		FinishedAt time.Time                    `json:"finished_at"`
		Facts      map[string][]json.RawMessage `json:"facts"`
		Scope      struct {
			Exposures []audit.Exposure `json:"exposures"`
		} `json:"scope"`
	}
	_ = json.Unmarshal(facts, &document) // what was read before a mistake is there
	found := document.Scope.Exposures
	for kind, area := range map[string]string{"repository.hit": "repository", "client.hit": "client", "log.hit": "log"} {
		list := document.Facts[kind]
		for _, raw := range list[:min(len(list), maxExposedFacts)] {
			var hit struct {
				Fingerprint, Repository, Target, Path, Place, File, What string
			}
			if err := json.Unmarshal(raw, &hit); err != nil || hit.What != "" && hit.What != "key" {
				continue
			}
			place := strings.TrimSpace(strings.Join([]string{area, hit.Repository + hit.Target}, " ")) + ": " + orElse(hit.Path+hit.File, hit.Place)
			found = append(found, audit.Exposure{
				Fingerprint: hit.Fingerprint, FirstSeen: document.FinishedAt, LastSeen: document.FinishedAt, Places: []string{place},
			})
		}
	}
	return MergeExposures(found)
}

// MergeExposures makes one exposure of those of each key. Those of keys in use, which inUse names, are never left out.
func MergeExposures(all []audit.Exposure, inUse ...string) []audit.Exposure {
	merged := map[string]*audit.Exposure{}
	for _, one := range all {
		if !fingerprint.MatchString(one.Fingerprint) {
			continue
		}
		into, known := merged[one.Fingerprint]
		if !known {
			into = &audit.Exposure{Fingerprint: one.Fingerprint, FirstSeen: one.FirstSeen, LastSeen: one.LastSeen, Places: []string{}}
			merged[one.Fingerprint] = into
		}
		if one.FirstSeen.Before(into.FirstSeen) {
			into.FirstSeen = one.FirstSeen
		}
		if one.LastSeen.After(into.LastSeen) {
			into.LastSeen = one.LastSeen
		}
		for _, place := range one.Places {
			if place = shorten(report.Plain(place), maxPlaceLength); !slices.Contains(into.Places, place) {
				into.Places = append(into.Places, place)
			}
		}
	}
	list := []audit.Exposure{}
	for _, one := range merged {
		slices.Sort(one.Places)
		one.Places = one.Places[:min(len(one.Places), maxPlaces)]
		list = append(list, *one)
	}
	slices.SortFunc(list, func(a, b audit.Exposure) int {
		switch aUsed, bUsed := slices.Contains(inUse, a.Fingerprint), slices.Contains(inUse, b.Fingerprint); {
		case aUsed != bUsed && aUsed:
			return -1
		case aUsed != bUsed:
			return 1
		case !a.LastSeen.Equal(b.LastSeen):
			return b.LastSeen.Compare(a.LastSeen)
		}
		return strings.Compare(a.Fingerprint, b.Fingerprint)
	})
	return list[:min(len(list), maxExposures)]
}
