// Package roster reads the list of accounts of the provider's dashboard and describes it without naming anybody: no fact holds an
// e-mail address, the part of one before the @, or a person's name. Accounts that are alike in what matters are told together.
package roster

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// Roster is a fact of kind "access.roster": the file as a whole. There is none when the configuration names no roster.
type Roster struct {
	Path     string `json:"path"`     // as written in the configuration
	Complete bool   `json:"complete"` // every row of the file was read and is told by an "access.accounts" fact
	Problem  string `json:"problem"`  // why it is not complete, empty: it is
	Size     int64  `json:"size"`     // bytes
	Digest   string `json:"digest"`   // sha256: and hex, of the whole file; empty: not all of it was read
	Rows     int    `json:"rows"`     // below the header, blank ones left out
	Accounts int    `json:"accounts"` // different e-mail addresses
	Repeated int    `json:"repeated"` // rows that repeat an account in the same role
	Several  int    `json:"several"`  // accounts that are listed in more than one role
	// UnreadableRows are lines whose e-mail address or number of fields is wrong, the first maxListed of them; Unreadable counts all.
	UnreadableRows []int `json:"unreadable_rows"`
	Unreadable     int   `json:"unreadable"`
	UnknownColumns int   `json:"unknown_columns"` // columns that mean nothing here
	NotUTF8        bool  `json:"not_utf8"`        // some of its text is in another encoding
	// ReviewerShared: the reviewer named in the configuration looks like a shared mailbox or a team, not like a person.
	ReviewerShared bool `json:"reviewer_shared"`
}

// Accounts is a fact of kind "access.accounts": the accounts that share a role, a domain and a look.
type Accounts struct {
	Role           string     `json:"role"` // lower case; "unrecognised" for a word that is no known role, "" where none is given
	Domain         string     `json:"domain"`
	DomainAllowed  bool       `json:"domain_allowed"`
	SharedLooking  bool       `json:"shared_looking"`  // the part before the @ is a function or a team, such as admin or support
	Count          int        `json:"count"`           // different e-mail addresses
	Rows           []int      `json:"rows"`            // lines of the file, the header's being 1; the first maxListed of them
	Justified      int        `json:"justified"`       // of them, those with a justification
	OldestActivity audit.Date `json:"oldest_activity"` // the longest unused account's; empty: not told for any
}

const (
	kindRoster   = "access.roster"
	kindAccounts = "access.accounts"
)

// Bounds of a roster. A dashboard of ten thousand accounts is beyond any deployment's; the file may be the audited team's.
const (
	maxBytes  = 5 << 20
	maxRows   = 10_000
	maxGroups = 500
	maxListed = 50
)

type probe struct{}

// New returns the probe.
func New() audit.Probe { return probe{} }

func (probe) Name() string  { return "roster" }
func (probe) Title() string { return "dashboard access" }

func (probe) Kinds() []audit.Kind {
	return []audit.Kind{audit.KindOf[Roster](kindRoster), audit.KindOf[Accounts](kindAccounts)}
}

func (probe) Plan(integration *audit.Integration, _ func(check string) bool) []audit.Step {
	if integration.Access.Roster == "" {
		return nil
	}
	return []audit.Step{{Probe: "roster", Action: "read", Target: integration.Access.Roster, Detail: "accounts of the provider's dashboard"}}
}

func (probe) Run(ctx context.Context, run *audit.Run) error {
	access := run.Integration.Access
	if access.Roster == "" {
		return ctx.Err()
	}
	file := readFile(run.Integration.Directory, access.Roster)
	described := Roster{
		Path: access.Roster, Size: file.size, Digest: file.digest, Problem: file.problem, UnreadableRows: []int{},
		ReviewerShared: sharedPerson(access.ReviewedBy, split(run.Integration.Provider)...),
	}
	var table table
	if file.content != nil {
		var err error
		if table, err = parse(ctx, file.content, access.RosterColumns); err != nil {
			return err
		}
		described.Problem = cmp.Or(described.Problem, table.problem)
	}
	tally := newTally(access, run.Integration.Redactor().RedactString)
	tally.own = split(run.Integration.Provider)
	for _, row := range table.rows {
		tally.add(row)
	}
	described.Rows, described.UnknownColumns, described.NotUTF8 = len(table.rows), table.unknownColumns, table.notUTF8
	described.Accounts, described.Repeated, described.Several = len(tally.roles), tally.repeated, tally.several
	described.Unreadable = tally.unreadable
	described.UnreadableRows = append(described.UnreadableRows, tally.unreadableRows...)
	if tally.overflow {
		described.Problem = cmp.Or(described.Problem, "its accounts are of more kinds and domains than a report holds")
	}
	described.Complete = described.Problem == ""
	for _, group := range tally.sorted() {
		run.Sink.Emit(kindAccounts, group)
	}
	run.Sink.Emit(kindRoster, described)
	if described.Digest != "" {
		run.Sink.Scope(func(scope *audit.Scope) { scope.Digests["roster"] = described.Digest })
	}
	return nil
}

// tally sums rows up into groups.
type tally struct {
	means          map[string]string // word for a role in lower case → the role it is
	allowed        map[string]bool
	redact         func(string) string
	own            []string // words of the provider's name
	groups         map[groupKey]*Accounts
	roles          map[string][]string // lower-case e-mail address → roles it was seen in; it never leaves the probe
	repeated       int
	several        int
	unreadable     int
	unreadableRows []int
	overflow       bool
}

type groupKey struct {
	role, domain string
	shared       bool
}

func newTally(access audit.Access, redact func(string) string) *tally {
	t := &tally{means: access.RosterRoles, allowed: map[string]bool{}, redact: redact, groups: map[groupKey]*Accounts{}, roles: map[string][]string{}}
	for _, domain := range access.AllowedDomains {
		t.allowed[normalDomain(domain)] = true
	}
	return t
}

func (t *tally) add(row row) {
	local, domain, ok := splitAddress(row.email)
	if !ok || row.misshapen {
		t.unreadable++
		if len(t.unreadableRows) < maxListed {
			t.unreadableRows = append(t.unreadableRows, row.line)
		}
		return
	}
	role := normalRole(cmp.Or(t.means[strings.ToLower(row.role)], row.role))
	address := local + "@" + domain
	seen := t.roles[address]
	if slices.Contains(seen, role) {
		t.repeated++
		return
	}
	if len(seen) == 1 {
		t.several++
	}
	t.roles[address] = append(seen, role)
	key := groupKey{role, domain, shared(local, row.name, t.own...)}
	group := t.groups[key]
	if group == nil {
		if len(t.groups) == maxGroups {
			t.overflow = true
			return
		}
		shown := domain
		if t.redact(row.email) != row.email { // somebody pasted a key
			shown = ""
		}
		group = &Accounts{Role: role, Domain: shown, DomainAllowed: t.allowed[domain], SharedLooking: key.shared, Rows: []int{}}
		t.groups[key] = group
	}
	group.Count++
	if len(group.Rows) < maxListed {
		group.Rows = append(group.Rows, row.line)
	}
	if row.justified {
		group.Justified++
	}
	if active, err := audit.ParseDate(row.lastActive[:min(len(row.lastActive), len(time.DateOnly))]); err == nil && (group.OldestActivity.IsZero() || active.Before(group.OldestActivity)) {
		group.OldestActivity = active
	}
}

func (t *tally) sorted() []Accounts {
	list := make([]Accounts, 0, len(t.groups))
	for _, group := range t.groups {
		list = append(list, *group)
	}
	slices.SortFunc(list, func(a, b Accounts) int { return cmp.Compare(a.Rows[0], b.Rows[0]) })
	return list
}
