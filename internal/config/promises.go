package config

import (
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/provider/delivery"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc/shape"
)

// Rules of this file: what a person attests, declares or accepts has an end. One that has expired is no mistake of the
// configuration: it no longer counts, and the report says so.

// maxAttestation is how long an attestation holds at most, in days: as long as a review.
const maxAttestation = audit.MaxValidity

// emptySection reads a section without anything in it, [] or {none: true, by, on, reason}.
func (r *reader) emptySection(section string, v *shape.Value) audit.EmptySection {
	empty := audit.EmptySection{Section: section, By: v.Field("by").String(), On: v.Field("on").Date(), Reason: v.Field("reason").String()}
	if on := v.Field("on"); on != nil {
		r.inThePast(on)
		empty.Expires = empty.On.AddDays(maxAttestation)
	}
	return empty
}

// inThePast reports a day on which something was seen that has not come yet.
func (r *reader) inThePast(on *shape.Value) bool {
	tomorrow := audit.NewDate(r.options.Now()).AddDays(1) // it is tomorrow already somewhere
	if tomorrow.Before(on.Date()) {
		r.problem(on, on.Path+" is "+on.Text+", which is in the future", "write the day on which it was seen to be so")
		return false
	}
	return true
}

func (r *reader) authorized(v *shape.Value) {
	if v == nil {
		return
	}
	if on := v.Field("on"); on != nil {
		r.inThePast(on)
	}
	r.integration.Authorized = &audit.Authorization{By: v.Field("by").String(), On: v.Field("on").Date(), Reference: v.Field("reference").String()}
}

// policyDigest keeps from judging by other policies than the pinned ones, so that a new version changes no verdict unnoticed.
func (r *reader) policyDigest(v *shape.Value) {
	if v == nil || r.options.PolicyDigest == "" || v.Text == r.options.PolicyDigest {
		return
	}
	r.problem(v, v.Path+" names other policies than these, whose digest is "+r.options.PolicyDigest,
		"run the version and --policy directories that the digest belongs to, or read what has changed and pin this digest")
}

func (r *reader) attestations(v *shape.Value) {
	r.integration.Attestations = []audit.Attestation{}
	for _, item := range v.List() {
		attestation := audit.Attestation{
			Check:     item.Field("check").String(),
			Statement: item.Field("statement").String(),
			By:        item.Field("by").String(),
			On:        item.Field("on").Date(),
			Evidence:  item.Field("evidence").String(),
			Expires:   item.Field("expires").Date(),
		}
		r.checkID(item.Field("check"), true)
		if on := item.Field("on"); on != nil {
			latest := attestation.On.AddDays(maxAttestation)
			expires := item.Field("expires")
			switch {
			case !r.inThePast(on):
			case expires == nil:
				attestation.Expires = latest
			case latest.Before(attestation.Expires):
				r.problem(expires, expires.Path+" is "+expires.Text+", more than 90 days after "+on.Text, "write "+latest.String()+" or earlier")
			case attestation.Expires.Before(attestation.On):
				r.problem(expires, expires.Path+" is "+expires.Text+", which is before "+on.Text, "write a day after it")
			}
		}
		if evidence := item.Field("evidence"); evidence != nil {
			if resolved := r.secretFile(evidence); resolved != "" {
				digest, err := digestFile(resolved)
				if err != nil {
					r.problem(evidence, evidence.Path+" cannot be read: "+err.Error(), "put the evidence there, or correct the path, which starts at the configuration's directory")
				}
				attestation.EvidenceSHA256 = digest
			}
		}
		r.integration.Attestations = append(r.integration.Attestations, attestation)
	}
}

// captured reads a recorded delivery, nil where it cannot be read.
func (r *reader) captured(file *shape.Value) *audit.Capture {
	resolved := r.secretFile(file)
	if resolved == "" {
		return nil
	}
	content, err := readBounded(resolved, delivery.MaxSize)
	if err == nil {
		_, err = delivery.Parse(content)
	}
	if err != nil {
		r.problem(file, file.Path+" cannot be read: "+err.Error(), "record a delivery, and try it with `prelaunch verify-delivery`")
		return nil
	}
	return &audit.Capture{Path: file.Text, SHA256: audit.Digest(content), Content: content}
}

func (r *reader) waivers(v *shape.Value) {
	r.integration.Waivers = []audit.Waiver{}
	latest := audit.NewDate(r.options.Now().AddDate(1, 0, 0))
	for _, item := range v.List() {
		waiver := audit.Waiver{
			Check:       item.Field("check").String(),
			Finding:     item.Field("finding").String(),
			Environment: r.environmentName(item.Field("environment")),
			Reason:      item.Field("reason").String(),
			Owner:       item.Field("owner").String(),
			ApprovedBy:  item.Field("approved_by").String(),
			Expires:     item.Field("expires").Date(),
		}
		r.checkID(item.Field("check"), false)
		if approver := item.Field("approved_by"); approver != nil && item.Field("owner") != nil && samePerson(waiver.Owner, waiver.ApprovedBy) {
			r.problem(approver, approver.Path+" is the owner", "have another person accept the risk")
		}
		if expires := item.Field("expires"); expires != nil && latest.Before(waiver.Expires) {
			r.problem(expires, expires.Path+" is "+expires.Text+", more than a year ahead", "write "+latest.String()+" or earlier, and renew the waiver when it is still needed")
		}
		r.integration.Waivers = append(r.integration.Waivers, waiver)
	}
}

// samePerson compares without regard to case and spaces.
func samePerson(a, b string) bool {
	return strings.EqualFold(strings.Join(strings.Fields(a), " "), strings.Join(strings.Fields(b), " "))
}

// checkID reports an id that no check has, or that cannot be attested or waived.
func (r *reader) checkID(v *shape.Value, attests bool) {
	if v == nil {
		return
	}
	if v.Text == audit.SameBuild {
		if !attests {
			r.problem(v, v.Path+" is "+audit.SameBuild+", which can be attested but is no check to waive", "waive the checks that need it")
		}
		return
	}
	if r.options.Checks == nil {
		return
	}
	var ids, attestable []string
	for _, check := range r.options.Checks {
		ids = append(ids, check.ID)
		if check.Attestable {
			attestable = append(attestable, check.ID)
		}
	}
	attestable = append(attestable, audit.SameBuild)
	switch {
	case !slices.Contains(ids, v.Text):
		if attests {
			ids = append(ids, audit.SameBuild)
		}
		r.problem(v, v.Path+" is no check", nearestCheck(v.Text, ids))
	case attests && !slices.Contains(attestable, v.Text):
		r.problem(v, v.Path+" is a check that is observed and cannot be attested", "remove the attestation; attestable are "+strings.Join(attestable, ", "))
	}
}
