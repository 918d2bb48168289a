package login

import (
	"context"
	"fmt"
	"slices"
)

// Role is what somebody may do with the integrations of a team.
type Role string

// The roles. Each may view; what else it may do is its own, so that whoever may start audits does not thereby decide on them.
const (
	Viewer   Role = "viewer"   // sees the integrations, their runs and the decisions
	Operator Role = "operator" // also starts audits and pauses schedules
	Reviewer Role = "reviewer" // also decides on reports
)

// EveryTeam is the name of a grant for all teams, and for what belongs to none.
const EveryTeam = "*"

// Grant is a role for a team.
type Grant struct {
	Role Role   `json:"role"`
	Team string `json:"team"` // or EveryTeam
}

// Ways in which somebody proved who they are.
const (
	ViaNothing = "loopback"
	ViaBasic   = "basic"
	ViaProxy   = "proxy"
	ViaOIDC    = "oidc"
	ViaToken   = "token"
)

// Identity is who makes a request.
type Identity struct {
	Login  string // as the audit log names them
	Via    string
	Grants []Grant
}

// May reports whether the identity has a role for a team. Every role may view.
func (i Identity) May(role Role, team string) bool {
	return slices.ContainsFunc(i.Grants, func(grant Grant) bool {
		return (grant.Team == team || grant.Team == EveryTeam) && (grant.Role == role || role == Viewer)
	})
}

// Teams are those for which the identity has a role; all is true where it has it for every one.
func (i Identity) Teams(role Role) (teams []string, all bool) {
	teams = []string{}
	for _, grant := range i.Grants {
		if grant.Role != role && role != Viewer {
			continue
		}
		if grant.Team == EveryTeam {
			return nil, true
		}
		teams = append(teams, grant.Team)
	}
	slices.Sort(teams)
	return slices.Compact(teams), false
}

// Access gives the members of a group a role for teams.
type Access struct {
	Group string
	Role  Role
	Teams []string // names, or EveryTeam
}

func (a Access) check() error {
	switch {
	case a.Group == "":
		return fmt.Errorf("an entry of access names no group")
	case a.Role != Viewer && a.Role != Operator && a.Role != Reviewer:
		return fmt.Errorf("access of the group %q: the role is %q, but must be %s, %s or %s", a.Group, a.Role, Viewer, Operator, Reviewer)
	case len(a.Teams) == 0:
		return fmt.Errorf("access of the group %q names no team: list them, or %q for all", a.Group, EveryTeam)
	case slices.Contains(a.Teams, ""):
		return fmt.Errorf("access of the group %q names a team without a name", a.Group)
	}
	return nil
}

// grants are what the groups of somebody come to.
func grants(access []Access, groups []string) []Grant {
	list := []Grant{}
	for _, one := range access {
		if !slices.Contains(groups, one.Group) {
			continue
		}
		for _, team := range one.Teams {
			if grant := (Grant{one.Role, team}); !slices.Contains(list, grant) {
				list = append(list, grant)
			}
		}
	}
	return list
}

// everything is what a machine's own user may do on loopback.
var everything = []Grant{{Viewer, EveryTeam}, {Operator, EveryTeam}, {Reviewer, EveryTeam}}

type contextKey struct{}

// From is who makes the request of a context that a Guard has let through; otherwise somebody without any grant.
func From(ctx context.Context) Identity {
	identity, _ := ctx.Value(contextKey{}).(Identity)
	return identity
}

// With is a context of an identity.
func With(ctx context.Context, identity Identity) context.Context {
	return context.WithValue(ctx, contextKey{}, identity)
}
