package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/auditor"
	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
	"github.com/prelaunch-audit/prelaunch/internal/report"
)

// devChecks are the checks of a developer's own receiver: those that need nothing but its responses.
var devChecks = []string{"webhook.*", "input.*", "errors.status-codes", "errors.survives-requests", "errors.no-internal-detail"}

// watchInterval is how often --watch looks whether the receiver listens. A restart takes longer.
const watchInterval = 50 * time.Millisecond

func (a *app) devCommand() *cobra.Command {
	var r receiver
	var format string
	watch := false
	cmd := &cobra.Command{
		Use: "dev --url URL", Short: "Test a receiver under development, without a configuration", Args: cobra.NoArgs,
		Long: `Send the test suite to a developer's own receiver, which may listen on this machine over plain HTTP, and say in some twenty lines
which checks of webhooks, input and errors pass and fail. The receiver needs the key that is printed: a throw-away one of this machine's,
unless --key-env names the developer's own.

Exit codes:  0 no required check fails or is inconclusive   1 one does   2 usage`,
		Example: `  prelaunch dev --url http://localhost:8080/webhook
  prelaunch dev --url http://localhost:8080/webhook --watch
  prelaunch replay truncated-signature/first-16 --url http://localhost:8080/webhook`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := a.local(cmd.Context(), r)
			if err != nil {
				return err
			}
			d := &development{app: a, receiver: r, local: l, format: format}
			if !watch {
				return d.once(cmd.Context())
			}
			if target, err := url.Parse(r.url); err != nil || !netprobe.Loopback(target.Hostname()) {
				return errors.New("--watch is for receivers on this machine: others are not asked all the time whether they listen")
			}
			return d.watch(cmd.Context())
		},
	}
	r.flags(cmd)
	cmd.Flags().BoolVar(&watch, "watch", false, "run again whenever the receiver was restarted, until Ctrl-C")
	listingFlag(cmd, &format)
	return cmd
}

// development is one call of `prelaunch dev`.
type development struct {
	*app
	receiver receiver
	local    *local
	format   string
}

// address is where the receiver listens on this machine; "" where it is elsewhere.
func (d *development) address(ctx context.Context) string {
	target, err := url.Parse(d.receiver.url)
	if err != nil || !netprobe.Loopback(target.Hostname()) {
		return ""
	}
	if strings.EqualFold(target.Hostname(), "localhost") {
		return listening(ctx, portOf(target))
	}
	return net.JoinHostPort(target.Hostname(), portOf(target))
}

// greet says what the receiver must be given.
func (d *development) greet() {
	if d.format != asTable {
		return
	}
	test := fmt.Sprintf("Test of %s (%s) with ", report.Plain(d.receiver.url), d.receiver.provider)
	key := d.local.throwAway
	if key == "" {
		d.say("%s", folded(test+"the key of "+d.local.variable+".", d.columns()))
		return
	}
	d.say("%s", folded(test+"the throw-away key of this machine, which the receiver needs:", d.columns()))
	d.say("  export %s=%s", d.local.variable, key)
	if profile, err := profileNamed(d.receiver.provider); err == nil && profile.Environments.Identity == "integration_id" {
		name := strings.TrimSuffix(d.local.variable, "_"+strings.ToUpper(profile.SecretSetting()))
		d.say("  export %s_INTEGRATION_ID=%s", name, d.receiver.integrationID)
	}
	d.say("")
}

// once runs the suite, if the receiver listens.
func (d *development) once(ctx context.Context) error {
	d.greet()
	if address := d.address(ctx); address != "" && !takesConnections(ctx, address) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		fmt.Fprintf(d.Err, "prelaunch: nothing listens at %s: start your receiver, or let --watch wait for it\n", address)
		return exitWith(1)
	}
	return d.run(ctx)
}

// watch runs the suite whenever the receiver begins to listen.
func (d *development) watch(ctx context.Context) error {
	d.greet()
	var last error = exit{1}
	for {
		if address := d.address(ctx); !takesConnections(ctx, address) {
			d.notice("Waiting for a receiver at %s. Ctrl-C ends this.", address)
			if d.await(ctx, true) != nil {
				return last
			}
		}
		err := d.run(ctx)
		var status exit
		if ctx.Err() != nil {
			return last
		}
		if err != nil && !errors.As(err, &status) {
			return err
		}
		last = err
		d.notice("Waiting for the receiver to be restarted. Ctrl-C ends this.")
		if d.await(ctx, false) != nil {
			return last
		}
	}
}

// await returns once the receiver listens, or no longer does.
func (d *development) await(ctx context.Context, listens bool) error {
	for takesConnections(ctx, d.address(ctx)) != listens {
		if err := netprobe.Sleep(ctx, watchInterval); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// run audits the receiver and prints what came of it.
func (d *development) run(ctx context.Context) error {
	l, err := d.app.local(ctx, d.receiver) // again, since it may listen at another address now
	if err != nil {
		return err
	}
	choice := choice{Choice: audit.Choice{Only: devChecks}}
	library, err := choice.load()
	if err != nil {
		return err
	}
	prepared, err := d.probing(l.integration, permissions{onlyMarked: true}, nil)
	if err != nil {
		return err
	}
	if prepared.profile, err = auditor.Profile(l.integration); err != nil {
		return err
	}
	if prepared.library, prepared.selection, err = choice.fit(library, prepared.profile); err != nil {
		return err
	}
	prepared.options.Needed, prepared.options.Selected = prepared.selection.Reads, prepared.selection.Selects
	begun := time.Now()
	quiet := *d.app
	quiet.noProgress = true
	document, judged, err := quiet.audit(ctx, prepared)
	if err != nil {
		return err
	}
	if judged.CutShort {
		return ctx.Err()
	}
	if d.format == asJSON {
		err = d.write(judged, document, []destination{{format: asJSON}})
	} else {
		d.print(judged, time.Since(begun))
	}
	if err != nil {
		return err
	}
	open := func(check audit.Check) bool {
		return check.Level == audit.Required && (check.Outcome == audit.Fail || check.Outcome == audit.Inconclusive)
	}
	if slices.ContainsFunc(judged.Checks, open) {
		return exitWith(1)
	}
	return nil
}

// print shows a line a check, with the first failing request and the command that sends it again.
func (d *development) print(r *audit.Report, took time.Duration) {
	width := d.columns()
	if width == 0 {
		width = 100
	}
	color := d.colored(d.Out)
	for _, check := range r.Checks {
		if check.Outcome == audit.NotApplicable {
			continue
		}
		mark := fmt.Sprintf("%-12s", check.Outcome)
		d.say("%s  %s", report.Paint(check.Outcome, mark, color), check.ID)
		if check.Outcome == audit.Pass {
			continue
		}
		shown := 0
		for _, finding := range check.Findings {
			if finding.Outcome != check.Outcome || shown == 2 {
				continue
			}
			shown++
			d.say("%s", report.Wrap(report.Plain(finding.Message), width, "    "))
			evidence, _ := finding.Evidence["replay"].(string)
			if command := d.replay(evidence); command != "" {
				d.say("    $ %s", command)
			}
		}
	}
	if d.receiver.caFile == "" && slices.ContainsFunc(r.Checks, func(check audit.Check) bool {
		return slices.ContainsFunc(check.Findings, func(f audit.Finding) bool { return f.Cause == "webhook.certificate/"+audit.Test })
	}) {
		d.say("\nThe receiver's certificate does not verify: --ca-file FILE names the root of a private CA.")
	}
	var counts []string
	for _, count := range []struct {
		n       int
		outcome audit.Outcome
	}{{r.Summary.Fail, audit.Fail}, {r.Summary.Inconclusive, audit.Inconclusive}, {r.Summary.Warn, audit.Warn}, {r.Summary.Pass, audit.Pass}} {
		if count.n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", count.n, count.outcome))
		}
	}
	d.say("\n%s, in %s", strings.Join(counts, ", "), took.Round(100*time.Millisecond))
	if at := slices.IndexFunc(r.Checks, func(check audit.Check) bool { return check.Outcome == audit.Fail }); at >= 0 {
		d.say("How to fix it: prelaunch explain %s\nCorrect code:  prelaunch explain verification", r.Checks[at].ID)
	}
}

// replay is a finding's command for the receiver of the flags; "" where it is the whole suite that shows the finding again.
func (d *development) replay(command string) string {
	fields := strings.Fields(command)
	if len(fields) < 3 || fields[1] != "replay" {
		return ""
	}
	return "prelaunch replay " + fields[2] + " " + d.receiver.arguments()
}
