package audit

import "slices"

// Profile is what judging and showing a report need of a provider's profile. It is part of the facts,
// so that they can be judged where the profile itself is not at hand.
type Profile struct {
	Name     string `json:"name"`
	Title    string `json:"title"`
	Verified bool   `json:"verified"` // a vector, an official SDK or a delivery of the provider's confirms the recipe
	// Endpoint says that an exposed key opens the one endpoint that it is for, and neither an API nor an account.
	Endpoint bool `json:"endpoint,omitempty"`
	// Words are found in the texts of checks for what differs between providers, such as "dashboard".
	Words map[string]string `json:"words"`
	// Features are what the provider has and not every one does. A check that needs another is absent.
	Features []string `json:"features"`
	// Without are the families of test cases that the scheme makes meaningless.
	Without []WithoutFamily `json:"without"`
	// Success are the statuses that the provider takes for a delivery.
	Success []StatusRange `json:"success"`
	// WithinSeconds is the provider's deadline for a response; 0: it documents none.
	WithinSeconds float64 `json:"within_seconds"`
	// Hosts are the domains of the provider's own pages and API.
	Hosts     []string      `json:"hosts"`
	Checklist []ProfileItem `json:"checklist"`
}

// WithoutFamily is a family of test cases that means nothing for a provider.
type WithoutFamily struct {
	Family  string `json:"family"` // such as "stale-timestamp"
	Because string `json:"because"`
}

// StatusRange is an inclusive range of HTTP statuses.
type StatusRange struct {
	From int `json:"from"`
	To   int `json:"to"`
}

// ProfileItem is one item of a provider's own checklist.
type ProfileItem struct {
	Title  string   `json:"title"`
	Source string   `json:"source,omitempty"` // where the provider publishes it
	Checks []string `json:"checks"`           // ids and globs of the checks that prove it
}

// Has reports whether the provider has that feature.
func (p Profile) Has(feature string) bool { return slices.Contains(p.Features, feature) }

// Titles are those of the items of the checklist, in its order.
func (p Profile) Titles() []string {
	titles := make([]string, len(p.Checklist))
	for i, item := range p.Checklist {
		titles[i] = item.Title
	}
	return titles
}
