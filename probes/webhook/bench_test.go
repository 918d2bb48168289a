package webhook_test

import (
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// BenchmarkBothEnvironments probes two right receivers on loopback in full, at 1,000 requests a second each.
func BenchmarkBothEnvironments(b *testing.B) {
	l := newLab(b, nil)
	for b.Loop() {
		doc := l.run(b.Context())
		if doc.Probes[0].State != audit.ProbeComplete {
			b.Fatal(doc.Probes[0].Reason)
		}
		b.ReportMetric(float64(doc.Scope.Requests[audit.Test]), "requests/environment")
	}
}

// BenchmarkProbedAndJudged adds the policies.
func BenchmarkProbedAndJudged(b *testing.B) {
	l := newLab(b, nil)
	for b.Loop() {
		_, report := l.audited(b)
		if report.Summary.Fail > 0 {
			b.Fatal("a right receiver fails")
		}
	}
}

// BenchmarkJudged judges the facts of two right receivers by this probe's checks.
func BenchmarkJudged(b *testing.B) {
	doc := newLab(b, nil).run(b.Context())
	raw, err := doc.Encode()
	if err != nil {
		b.Fatal(err)
	}
	judge, err := compiled()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := judge.Verdicts(b.Context(), raw); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(raw)), "bytes")
}
