package audit

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// LeftOut is what an audit of one environment leaves out of the configuration.
type LeftOut struct {
	Environments []string `json:"environments"`
	// Sections are those of which nothing is left, such as "logs": they are neither missing nor declared to be empty.
	Sections []string `json:"sections"`
}

// Narrow limits the integration to one environment: the others, with their keys, clients, logs, workloads and waivers, are left out,
// and LeftOut says so. Where it is the only environment, nothing changes.
func (i *Integration) Narrow(name string) error {
	only, known := i.Environment(name)
	if !known {
		return fmt.Errorf("there is no environment %.60q: choose %s", name, strings.Join(i.environmentNames(), " or "))
	}
	if len(i.Environments) == 1 {
		return nil
	}
	out := &LeftOut{Environments: slices.DeleteFunc(i.environmentNames(), func(other string) bool { return other == name }), Sections: []string{}}
	if i.LeftOut != nil {
		out.Environments = append(out.Environments, i.LeftOut.Environments...)
		out.Sections = append(out.Sections, i.LeftOut.Sections...)
	}
	i.Environments, i.LeftOut = []Environment{only}, out
	left := func(environment string) bool { return environment != "" && environment != name }
	sectionOf := func(section string, before, after int) {
		if before > 0 && after == 0 {
			out.Sections = append(out.Sections, section)
		}
	}
	retired, clients, logs, workloads := len(i.RetiredKeys), len(i.Clients), len(i.Logs), len(i.Workloads)
	i.RetiredKeys = without(i, "retired_keys", i.RetiredKeys, func(k RetiredKey) bool { return left(k.Environment) })
	i.Clients = without(i, "clients", i.Clients, func(c Client) bool { return left(c.Environment) })
	i.Logs = without(i, "logs", i.Logs, func(l LogSource) bool { return left(l.Environment) })
	i.Workloads = without(i, "workloads", i.Workloads, func(w Workload) bool { return left(w.Environment) })
	i.Waivers = without(i, "waivers", i.Waivers, func(w Waiver) bool { return left(w.Environment) })
	sectionOf("retired_keys", retired, len(i.RetiredKeys))
	sectionOf("clients", clients, len(i.Clients))
	sectionOf("logs", logs, len(i.Logs))
	sectionOf("workloads", workloads, len(i.Workloads))
	rates := map[string]float64{}
	if rate, set := i.Network.RequestsPerSec[name]; set {
		rates[name] = rate
	}
	i.Network.RequestsPerSec = rates
	return nil
}

func (i *Integration) environmentNames() []string {
	names := make([]string, len(i.Environments))
	for n, environment := range i.Environments {
		names[n] = environment.Name
	}
	return names
}

// without is the list of a section without what is left out. The positions of the rest follow their new places.
func without[T any](i *Integration, section string, list []T, left func(T) bool) []T {
	kept := []T{}
	places := map[string]string{} // "logs[2]" → "logs[1]", "" where it is left out
	for at, one := range list {
		place := section + "[" + strconv.Itoa(at) + "]"
		places[place] = ""
		if !left(one) {
			places[place] = section + "[" + strconv.Itoa(len(kept)) + "]"
			kept = append(kept, one)
		}
	}
	positions := make(map[string]Position, len(i.Positions))
	for path, position := range i.Positions {
		if end := strings.IndexByte(path, ']'); end >= 0 {
			if place, moves := places[path[:end+1]]; moves && place == "" {
				continue
			} else if moves {
				path = place + path[end+1:]
			}
		}
		positions[path] = position
	}
	if i.Positions != nil {
		i.Positions = positions
	}
	return kept
}

// Narrow limits the facts to one environment, as if no other had been probed. The facts stay in the document that they were read
// from: its digest is taken before.
func (d *Document) Narrow(name string) error {
	if err := d.Integration.Narrow(name); err != nil {
		return err
	}
	out := d.Integration.LeftOut
	if out == nil {
		return nil
	}
	for kind, facts := range d.Facts {
		d.Facts[kind] = slices.DeleteFunc(facts, func(fact json.RawMessage) bool {
			var of struct {
				Environment    string `json:"environment"`
				KeyEnvironment string `json:"key_environment"`
				First          string `json:"first"`
				Second         string `json:"second"`
				Owner          string `json:"owner"`
			}
			// A fact of another shape is about no environment.
			if json.Unmarshal(fact, &of) != nil {
				return false
			}
			return slices.ContainsFunc([]string{of.Environment, of.KeyEnvironment, of.First, of.Second, of.Owner}, func(name string) bool {
				return slices.Contains(out.Environments, name)
			})
		})
	}
	left := func(environment string) bool { return slices.Contains(out.Environments, environment) }
	s := &d.Scope
	for _, environment := range out.Environments {
		delete(s.Probing, environment)
		delete(s.Requests, environment)
		delete(s.Rates, environment)
	}
	s.Skipped = slices.DeleteFunc(s.Skipped, func(x Skipped) bool { return left(x.Environment) })
	s.Addresses = slices.DeleteFunc(s.Addresses, func(x Address) bool { return left(x.Environment) })
	s.Keys = slices.DeleteFunc(s.Keys, func(x KeyScope) bool { return left(x.Environment) })
	s.Sent = slices.DeleteFunc(s.Sent, func(x SentEvent) bool { return left(x.Environment) })
	s.Unmarked = slices.DeleteFunc(s.Unmarked, func(x UnmarkedRequest) bool { return left(x.Environment) })
	s.Exposures = slices.DeleteFunc(s.Exposures, func(x Exposure) bool { return left(x.KeyEnvironment) })
	return nil
}
