package config

import (
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// Rules of this file: what a person attests, declares or accepts has an end. One that has expired is no mistake of the
// configuration: it no longer counts, and the report says so.

// maxAttestation is how long an attestation holds at most, in days: as long as a review.
const maxAttestation = audit.MaxValidity

// emptySection reads a section without anything in it, [] or {none: true, by, on, reason}.
func (r *reader) emptySection(section string, v *value) audit.EmptySection {
	empty := audit.EmptySection{Section: section, By: v.field("by").string(), On: v.field("on").date(), Reason: v.field("reason").string()}
	if on := v.field("on"); on != nil {
		r.inThePast(on)
		empty.Expires = empty.On.AddDays(maxAttestation)
	}
	return empty
}

// inThePast reports a day on which something was seen that has not come yet.
func (r *reader) inThePast(on *value) bool {
	tomorrow := audit.NewDate(r.options.Now()).AddDays(1) // it is tomorrow already somewhere
	if tomorrow.Before(on.date()) {
		r.problem(on, on.path+" is "+on.text+", which is in the future", "write the day on which it was seen to be so")
		return false
	}
	return true
}

func (r *reader) authorized(v *value) {
	if v == nil {
		return
	}
	if on := v.field("on"); on != nil {
		r.inThePast(on)
	}
	r.integration.Authorized = &audit.Authorization{By: v.field("by").string(), On: v.field("on").date(), Reference: v.field("reference").string()}
}

// policyDigest refuses to judge by other policies than the pinned ones, so that a new version changes no verdict unnoticed.
func (r *reader) policyDigest(v *value) {
	if v == nil || r.options.PolicyDigest == "" || v.text == r.options.PolicyDigest {
		return
	}
	r.problem(v, v.path+" names other policies than these, whose digest is "+r.options.PolicyDigest,
		"run the version and --policy directories that the digest belongs to, or read what has changed and pin this digest")
}

func (r *reader) attestations(v *value) {
	r.integration.Attestations = []audit.Attestation{}
	for _, item := range v.list() {
		attestation := audit.Attestation{
			Check:     item.field("check").string(),
			Statement: item.field("statement").string(),
			By:        item.field("by").string(),
			On:        item.field("on").date(),
			Evidence:  item.field("evidence").string(),
			Expires:   item.field("expires").date(),
		}
		r.checkID(item.field("check"), true)
		if on := item.field("on"); on != nil {
			latest := attestation.On.AddDays(maxAttestation)
			expires := item.field("expires")
			switch {
			case !r.inThePast(on):
			case expires == nil:
				attestation.Expires = latest
			case latest.Before(attestation.Expires):
				r.problem(expires, expires.path+" is "+expires.text+", more than 90 days after "+on.text, "write "+latest.String()+" or earlier")
			case attestation.Expires.Before(attestation.On):
				r.problem(expires, expires.path+" is "+expires.text+", which is before "+on.text, "write a day after it")
			}
		}
		if evidence := item.field("evidence"); evidence != nil {
			if resolved := r.secretFile(evidence); resolved != "" {
				digest, err := digestFile(resolved)
				if err != nil {
					r.problem(evidence, evidence.path+" cannot be read: "+err.Error(), "put the evidence there, or correct the path, which starts at the configuration's directory")
				}
				attestation.EvidenceSHA256 = digest
			}
		}
		r.integration.Attestations = append(r.integration.Attestations, attestation)
	}
}

func (r *reader) waivers(v *value) {
	r.integration.Waivers = []audit.Waiver{}
	latest := audit.NewDate(r.options.Now().AddDate(1, 0, 0))
	for _, item := range v.list() {
		waiver := audit.Waiver{
			Check:       item.field("check").string(),
			Finding:     item.field("finding").string(),
			Environment: item.field("environment").string(),
			Reason:      item.field("reason").string(),
			Owner:       item.field("owner").string(),
			ApprovedBy:  item.field("approved_by").string(),
			Expires:     item.field("expires").date(),
		}
		r.checkID(item.field("check"), false)
		if approver := item.field("approved_by"); approver != nil && item.field("owner") != nil && samePerson(waiver.Owner, waiver.ApprovedBy) {
			r.problem(approver, approver.path+" is the owner", "have another person accept the risk")
		}
		if expires := item.field("expires"); expires != nil && latest.Before(waiver.Expires) {
			r.problem(expires, expires.path+" is "+expires.text+", more than a year ahead", "write "+latest.String()+" or earlier, and renew the waiver when it is still needed")
		}
		r.integration.Waivers = append(r.integration.Waivers, waiver)
	}
}

// samePerson compares without regard to case and spaces.
func samePerson(a, b string) bool {
	return strings.EqualFold(strings.Join(strings.Fields(a), " "), strings.Join(strings.Fields(b), " "))
}

// checkID reports an id that no check has, or that cannot be attested or waived.
func (r *reader) checkID(v *value, attests bool) {
	if v == nil {
		return
	}
	if v.text == audit.SameBuild {
		if !attests {
			r.problem(v, v.path+" is "+audit.SameBuild+", which can be attested but is no check to waive", "waive the checks that need it")
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
	case !slices.Contains(ids, v.text):
		if attests {
			ids = append(ids, audit.SameBuild)
		}
		r.problem(v, v.path+" is no check", nearestCheck(v.text, ids))
	case attests && !slices.Contains(attestable, v.text):
		r.problem(v, v.path+" is a check that is observed and cannot be attested", "remove the attestation; attestable are "+strings.Join(attestable, ", "))
	}
}
