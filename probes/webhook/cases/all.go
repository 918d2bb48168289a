package cases

import (
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// All returns every case of the test suite that a profile's scheme has, in the order in which they
// are sent: valid events, forgeries, unusual valid events, invalid bodies. Apply Change to a Request
// of a Source to get what is sent. Labels are unique.
func All(profile *provider.Profile) []Case {
	var list []Case
	for _, event := range profile.Events {
		list = append(list, Case{
			Family: FamilyType, Name: event.Type, Change: (*Request).Sign,
			What: "the valid event " + event.Type, FullOnly: true,
		})
	}
	list = append(list, Forgeries(profile)...)
	for _, c := range Genuine(profile) {
		c.FullOnly = true
		list = append(list, c)
	}
	list = append(list, Invalid(profile)...)
	for i := range list {
		list[i].What = list[i].Words()
	}
	return list
}

// Words say in a phrase what the case sends.
func (c Case) Words() string {
	if c.What != "" {
		return c.What
	}
	return FamilyByID(c.Family).Title + ": " + strings.ReplaceAll(c.Name, "-", " ")
}

// Label is the case as it is printed, such as "truncated-signature/first-16".
func (c Case) Label() string { return Label(c.Family, c.Name) }

// Checks are those that read the response to the case, without ReadEverything.
func (c Case) Checks() []string { return FamilyByID(c.Family).Checks }
