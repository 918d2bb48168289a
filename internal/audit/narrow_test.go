package audit

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func two() Integration {
	return Integration{
		Environments: []Environment{{Name: "sandbox"}, {Name: "live"}},
		RetiredKeys:  []RetiredKey{{Environment: "live"}, {Environment: "sandbox"}},
		Clients:      []Client{{Path: "dist", Environment: "live"}},
		Logs:         []LogSource{{Path: "a.log"}, {Path: "b.log", Environment: "live"}, {Path: "c.log", Environment: "sandbox"}},
		Waivers:      []Waiver{{Check: "a", Environment: "live"}, {Check: "b"}},
		Network:      NetworkOptions{RequestsPerSec: map[string]float64{"sandbox": 20, "live": 10}},
		Positions: map[string]Position{
			"environments.live.api_key": {Line: 9}, "retired_keys[0].env": {Line: 20}, "retired_keys[1].env": {Line: 21}, "logs[2]": {Line: 32},
		},
	}
}

// TestNarrowLeavesOutWhatBelongsToOthers, and what is left keeps its place in the file.
func TestNarrowLeavesOutWhatBelongsToOthers(t *testing.T) {
	t.Parallel()
	i := two()
	if err := i.Narrow("sandbox"); err != nil {
		t.Fatal(err)
	}
	want := &LeftOut{Environments: []string{"live"}, Sections: []string{"clients"}}
	if diff := cmp.Diff(want, i.LeftOut); diff != "" {
		t.Error(diff)
	}
	if len(i.Environments) != 1 || len(i.RetiredKeys) != 1 || len(i.Logs) != 2 || len(i.Waivers) != 1 || len(i.Network.RequestsPerSec) != 1 {
		t.Errorf("something of another environment is left, or too little: %+v", i)
	}
	if i.Positions["retired_keys[0].env"].Line != 21 || i.Positions["logs[1]"].Line != 32 || i.Positions["environments.live.api_key"].Line != 9 {
		t.Errorf("positions: %v", i.Positions)
	}
	if _, stale := i.Positions["retired_keys[1].env"]; stale {
		t.Error("a place that is left out has a position")
	}
	alone := i
	alone.LeftOut = nil
	if err := alone.Narrow("sandbox"); err != nil || alone.LeftOut != nil {
		t.Errorf("the only environment leaves something out: %v, %v", err, alone.LeftOut)
	}
	if err := i.Narrow("live"); err == nil || err.Error() != `there is no environment "live": choose sandbox` {
		t.Errorf("got %v", err)
	}
}

func TestNarrowDropsFactsOfOthers(t *testing.T) {
	t.Parallel()
	d := &Document{Integration: two(), Facts: map[string][]json.RawMessage{
		"webhook.exchange": {json.RawMessage(`{"environment":"live"}`), json.RawMessage(`{"environment":"sandbox"}`)},
		"repository.hit":   {json.RawMessage(`{"key_environment":"live"}`), json.RawMessage(`{"key_environment":"sandbox"}`)},
		"key.pair":         {json.RawMessage(`{"first":"sandbox","second":"live"}`)},
		"provider.call":    {json.RawMessage(`{"environment":"sandbox","owner":"live"}`)},
	}, Scope: Scope{Requests: map[string]int{"live": 1, "sandbox": 2}, Keys: []KeyScope{{Environment: "live"}, {Environment: "sandbox"}}}}
	if err := d.Narrow("sandbox"); err != nil {
		t.Fatal(err)
	}
	left := map[string]int{}
	for kind, facts := range d.Facts {
		left[kind] = len(facts)
	}
	if diff := cmp.Diff(map[string]int{"webhook.exchange": 1, "repository.hit": 1, "key.pair": 0, "provider.call": 0}, left); diff != "" {
		t.Error(diff)
	}
	if len(d.Scope.Requests) != 1 || len(d.Scope.Keys) != 1 {
		t.Errorf("scope: %+v", d.Scope)
	}
}
