// Package lease keeps audits polite over all workers: one at a time at each host, a few at each address, since a gateway or a content
// delivery network gives thousands of integrations one address, and none at a host that was down until it may be up again. A receiver
// is thus never sent more than the rate of one audit.
//
// A lease belongs to a worker and ends with it: whether a worker lives is told from its beat, which clocks do not change.
package lease

import (
	"context"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/schedule"
)

// Targets are what an audit of an integration sends its requests to.
type Targets struct {
	Hosts     []string // "host NAME", sorted
	Addresses []string // "address IP", sorted; without those of names that cannot be resolved
}

// Of finds the targets of an integration.
func Of(ctx context.Context, integration *audit.Integration, network audit.Network) Targets {
	var t Targets
	for _, environment := range integration.Environments {
		receiver, err := url.Parse(environment.WebhookURL)
		if err != nil || environment.Probing == audit.Passive {
			continue
		}
		t.Hosts = append(t.Hosts, Host(receiver.Hostname()))
		port := receiver.Port()
		if port == "" {
			port = map[string]string{"http": "80"}[receiver.Scheme]
		}
		if port == "" {
			port = "443"
		}
		addresses, err := network.Addresses(ctx, receiver.Hostname(), port)
		if err != nil {
			continue
		}
		for _, address := range addresses {
			if ip, _, err := net.SplitHostPort(address); err == nil {
				t.Addresses = append(t.Addresses, "address "+ip)
			}
		}
	}
	slices.Sort(t.Hosts)
	slices.Sort(t.Addresses)
	t.Hosts, t.Addresses = slices.Compact(t.Hosts), slices.Compact(t.Addresses)
	return t
}

const host = "host "

// Host is the target of a host.
func Host(name string) string { return host + strings.ToLower(strings.TrimSuffix(name, ".")) }

// Claim is who takes leases. A team that comes back for a host within Patience keeps its turn.
type Claim struct {
	Run, Worker, Team string
	Patience          time.Duration
}

// Take takes all targets for a run, or returns the one that is busy; then the transaction has to be rolled back, and Wait called.
//
// Teams take turns at a host that several of them name, so that none keeps it from another by having more audits of it.
func Take(ctx context.Context, tx *database.Tx, claim Claim, targets Targets, perAddress int) (busy string, err error) {
	take := func(list []string, slots int) (string, error) {
		for _, target := range list { // in one order, so that no two wait for each other
			taken, err := tx.TakeLease(ctx, database.Lease{Target: target, Run: claim.Run, Worker: claim.Worker, Since: tx.Now()}, slots)
			if err != nil || !taken {
				return target, err
			}
		}
		return "", nil
	}
	if busy, err := take(targets.Addresses, perAddress); err != nil || busy != "" {
		return busy, err
	}
	if busy, err := take(targets.Hosts, 1); err != nil || busy != "" {
		return busy, err
	}
	for _, target := range targets.Hosts {
		if others, err := tx.WaitsLonger(ctx, target, claim.Team, claim.Patience); err != nil || others {
			return target, err
		}
		if err := tx.Waited(ctx, target, claim.Team); err != nil {
			return target, err
		}
	}
	return "", nil
}

// Wait notes that a team waits for a target that was busy. There are no turns at an address, which has room for several.
func Wait(ctx context.Context, tx *database.Tx, team, target string) error {
	if !strings.HasPrefix(target, host) {
		return nil
	}
	return tx.Wait(ctx, target, team)
}

// Down is until when the targets are left alone because one of them was down; the zero time where all are well.
//
// What is known of a host is a team's own: a configuration may name the host of another team and an address, or a port, where nobody
// responds, which must not put off the other's audits.
func Down(ctx context.Context, tx *database.Tx, team string, targets Targets) (until time.Time, err error) {
	for _, target := range targets.Hosts {
		known, err := tx.Receiver(ctx, ofTeam(team, target))
		if err != nil {
			return time.Time{}, err
		}
		if known.Until.After(until) {
			until = known.Until
		}
	}
	return until, nil
}

// Note writes how the hosts of a run were: down ones are left alone for longer and longer.
func Note(ctx context.Context, tx *database.Tx, team string, targets Targets, down func(host string) bool) error {
	for _, target := range targets.Hosts {
		known, err := tx.Receiver(ctx, ofTeam(team, target))
		if err != nil {
			return err
		}
		if down(target) {
			known.Failures++
			known.Until = time.Time{}
			if wait := schedule.Backoff(known.Failures); wait > 0 {
				known.Until = tx.Now().Add(wait + schedule.Spread(target, wait/share))
			}
		} else {
			known.Failures = 0
		}
		if err := tx.PutReceiver(ctx, known); err != nil {
			return err
		}
	}
	return nil
}

// ofTeam is a target as a team knows it. No team has a space in its name.
func ofTeam(team, target string) string { return "team " + team + " " + target }

// share is which part of a wait is added so that targets that went down together are not tried together.
const share = 10
