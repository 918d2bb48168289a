package tlsinspect

import (
	"fmt"
	"io"
	"log"
	"slices"
	"strings"
)

var quietLog = log.New(io.Discard, "", 0)

// reading is how a policy reads the facts: a word of fail, warn or inconclusive, then what about.
// It lets each block of the lab say what must be found in it, and a right one that nothing may be.
func reading(f Facts) []string {
	out := []string{}
	say := func(format string, args ...any) {
		if s := fmt.Sprintf(format, args...); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	for _, e := range f.Endpoints {
		if e.Resolution.Kind != ReachOK {
			say("fail resolution %s", e.Resolution.Kind)
		}
		for _, a := range e.Addresses {
			readAddress(a, say)
		}
		for _, d := range e.Differences {
			if d.Fact != "certificate" && d.Fact != "common_cipher_classes" {
				say("fail difference %s", d.Fact)
			}
		}
	}
	for _, u := range f.URLs {
		if u.Scheme != "https" {
			say("fail scheme %s", u.Scheme)
		}
		readURL(u, say)
	}
	slices.Sort(out)
	return out
}

func readAddress(a Address, say func(string, ...any)) {
	if a.Reach.Kind == ReachNoRoute && !a.Reach.LocalRoute {
		say("inconclusive reach no_route")
		return
	}
	if a.Reach.Kind != ReachOK {
		say("fail reach %s", a.Reach.Kind)
	}
	if a.Reach.Kind != ReachOK && a.Reach.Kind != ReachNoHandshake {
		return
	}
	if a.ClientCertificate.Required == "yes" && !a.ClientCertificate.Sent {
		say("inconclusive client certificate")
	}
	for _, v := range a.Versions.Accepted {
		if v != "1.2" && v != "1.3" {
			say("fail version %s", v)
		}
	}
	for _, v := range a.Versions.Undecided {
		say("inconclusive version %s %s", v.What, v.Why)
	}
	for _, c := range a.CipherClasses.Accepted {
		switch c {
		case "null", "anonymous", "export", "rc4", "des", "3des":
			say("fail class %s", c)
		case "static_rsa", "static_dh":
			say("warn class %s", c)
		}
	}
	for _, c := range a.CipherClasses.Undecided {
		if c.What != "cbc" && c.What != "dhe" {
			say("inconclusive class %s %s", c.What, c.Why)
		}
	}
	if slices.Contains(a.CipherClasses.Accepted, "dhe") && len(a.DHGroups) == 0 {
		say("inconclusive dh")
	}
	if bits := smallest(a.DHGroups); bits > 0 && bits < 2048 {
		say("fail dh %d", bits)
	}
	for _, c := range a.Certificates {
		readCertificate(c, say)
	}
}

func readCertificate(c Certificate, say func(string, ...any)) {
	switch c.Trust.Roots {
	case "none":
		say("fail trust %s", c.Trust.Kind)
	case "ca_file":
		say("warn trust ca_file")
	}
	if len(c.Chain) == 0 {
		return
	}
	if !c.Name.Matches {
		say("fail name")
	}
	leaf := c.Chain[0]
	if leaf.KeyType == "RSA" && leaf.KeyBits < 2048 || leaf.KeyType == "ECDSA" && leaf.KeyBits < 256 || leaf.KeyType == "other" {
		say("fail key %s %d", leaf.KeyType, leaf.KeyBits)
	}
	for _, l := range c.Chain {
		if !l.SelfSigned && (l.SignatureHash == "SHA-1" || l.SignatureHash == "MD5") {
			say("fail signature %s", l.SignatureHash)
		}
	}
	if left := leaf.RemainingSeconds; left >= 0 && left < min(14*24*3600, leaf.LifetimeSeconds/6) {
		say("warn renewal")
	}
	if c.Revocation.Status == "revoked" {
		say("fail revoked %s", c.Revocation.How)
	}
	if c.MustStaple && !c.Staple.Valid {
		say("fail must-staple %s", c.Staple.Problem)
	}
}

func readURL(u URL, say func(string, ...any)) {
	strictest := int64(1 << 62)
	for _, a := range u.Answers {
		for _, e := range []*Exchange{a.Get, a.Post} {
			if e != nil && e.Reach.Kind == ReachOK && e.Status/100 == 3 && u.Target == "webhook" {
				say("warn redirect")
			}
		}
		if a.Post != nil && a.Post.Reach.Kind != ReachClientCertificate && a.Post.Reach.Kind != ReachOK && a.Post.Reach.LocalRoute {
			say("fail answer %s", a.Post.Reach.Kind)
		}
		if a.Get != nil && a.Get.Reach.Kind == ReachOK {
			if !a.HSTS.WellFormed {
				strictest = 0
			} else {
				strictest = min(strictest, a.HSTS.MaxAge)
			}
		}
	}
	if strictest < 15552000 && u.Target == "webhook" {
		say("warn hsts")
	}
	for _, c := range u.Clear {
		readClear(c, say)
	}
	for _, t := range u.Trails {
		switch t.End {
		case "answer":
			if u.Target != "webhook" && t.Status/100 != 2 {
				say("fail ends %d", t.Status)
			}
		case "unreachable":
			if len(t.Hops) > 1 {
				say("fail trail %s", t.End)
			}
		default:
			say("fail trail %s", t.End)
		}
		for _, h := range t.Hops[1:] {
			if h.Reach.Kind == ReachOK && h.Trust != TrustOK {
				say("fail hop %s", h.Trust)
			}
		}
	}
}

func readClear(c Clear, say func(string, ...any)) {
	for _, a := range []ClearAnswer{c.Get, c.Post} {
		where := strings.ToLower(a.Method)
		if c.OwnPort {
			where += " own port"
		}
		switch kind := a.Reach.Kind; {
		case kind == ReachRefused, kind == ReachTLS, kind == ReachReset, kind == ReachNotHTTP && c.OwnPort:
			continue
		case kind == ReachNoRoute && !a.Reach.LocalRoute:
			say("inconclusive clear %s", kind)
			continue
		case kind != ReachOK:
			say("inconclusive clear %s %s", where, kind)
			continue
		}
		switch {
		case a.Status/100 == 2:
			say("fail clear %s %d", where, a.Status)
		case a.Status/100 == 3 && (a.Location == nil || a.Location.Scheme != "https"):
			say("fail clear %s redirects to %s", where, a.Location.Scheme)
		case a.Status/100 == 3:
		case a.Method == "POST" && a.SameAnswerAsHTTPS:
			say("fail clear %s same answer", where)
		case a.Status/100 != 4:
			say("inconclusive clear %s %d", where, a.Status)
		}
	}
}
