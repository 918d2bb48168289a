package behaviors

import (
	"fmt"
	"slices"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
)

// DeploymentFlaws are the flaws around the receivers.
func DeploymentFlaws() []sandbox.DeploymentFlaw {
	return append(slices.Clone(sandbox.DemoDeployment), []sandbox.DeploymentFlaw{
		{Name: "one-key-for-both", Description: "both environments have the same key", Expect: sandbox.Expect{Fails: []string{sandbox.SeparateKeys, sandbox.NotInterchanged}, May: sandbox.ForgeryChecks}, Plant: func(d *sandbox.Deployment) {
			d.Production.Secret = d.Test.Secret
			for i := range d.Refs {
				d.Refs[i].Key = d.Test.Secret
			}
			d.Keys["production"] = d.Test.Secret
		}},
		{Name: "one-integration-for-both", Description: "both environments have the same integration ID", Expect: sandbox.Expect{Fails: []string{sandbox.SeparateIDs}}, Plant: func(d *sandbox.Deployment) {
			d.Production.IntegrationID = d.Test.IntegrationID
		}},
		{Name: "one-webhook-for-both", Description: "both environments have the same webhook URL", Expect: sandbox.Expect{Fails: []string{sandbox.SeparateWebhooks}, May: everything}, Plant: func(d *sandbox.Deployment) {
			d.Production.WebhookURL = d.Test.WebhookURL
		}},
		{Name: "redirect-over-http", Description: "a Production redirect URL is http", Expect: sandbox.Expect{Fails: []string{sandbox.PagesConfigured, sandbox.HttpsRedirects}}, Plant: func(d *sandbox.Deployment) {
			d.Production.Completion = "http://" + sandbox.ProductionPage + "/done"
		}},
		{Name: "test-redirect-over-http", Description: "a Test redirect URL is http", Expect: sandbox.Expect{Fails: []string{sandbox.HttpsRedirects}}, Plant: func(d *sandbox.Deployment) {
			d.Test.Completion = "http://" + sandbox.TestPages + "/done"
		}},
		{Name: "redirect-not-found", Description: "a Production redirect URL answers 404", Expect: sandbox.Expect{Fails: []string{sandbox.PagesConfigured}}, Plant: func(d *sandbox.Deployment) {
			d.Production.Completion = "https://" + sandbox.ProductionPage + "/gone"
		}},
		{Name: "redirect-loops", Description: "a Production redirect URL redirects to itself", Expect: sandbox.Expect{Fails: []string{sandbox.PagesConfigured}}, Plant: func(d *sandbox.Deployment) {
			d.Production.Completion = "https://" + sandbox.ProductionPage + "/loop"
			d.Redirects = map[string]string{"/loop": "https://" + sandbox.ProductionPage + "/loop"}
		}},
		{Name: "redirect-ends-in-test", Description: "a Production redirect URL redirects to a page of the test environment", Expect: sandbox.Expect{Fails: []string{sandbox.PagesConfigured}}, Plant: func(d *sandbox.Deployment) {
			d.Production.Completion = "https://" + sandbox.ProductionPage + "/finished"
			d.Redirects = map[string]string{"/finished": "https://" + sandbox.TestPages + "/done"}
		}},
		{Name: "redirect-downgrades", Description: "a Production redirect URL redirects to plain http", Expect: sandbox.Expect{Fails: []string{sandbox.PagesConfigured}}, Plant: func(d *sandbox.Deployment) {
			d.Production.Completion = "https://" + sandbox.ProductionPage + "/finished"
			d.Redirects = map[string]string{"/finished": "http://" + sandbox.ProductionPage + "/done"}
		}},
		{Name: "redirect-to-an-app", Description: "a Production redirect URL hands over to an app, which cannot be followed", Expect: sandbox.Expect{Withheld: []string{sandbox.PagesConfigured}}, Plant: func(d *sandbox.Deployment) {
			d.Production.Completion = "https://" + sandbox.ProductionPage + "/finished"
			d.Redirects = map[string]string{"/finished": "acmeloans://done"}
		}},
		{Name: "redirect-closed", Description: "nothing listens behind a Production redirect URL", Expect: sandbox.Expect{Fails: []string{sandbox.PagesConfigured}}, Plant: func(d *sandbox.Deployment) {
			d.Production.Completion = "https://closed.acme.example/done"
			d.Resolve = append(d.Resolve, sandbox.Resolved{Host: "closed.acme.example:443", Addresses: []string{"127.0.0.1:9"}})
		}},
		{Name: "redirect-of-another-name", Description: "the certificate behind a Production redirect URL is for another name", Expect: sandbox.Expect{Fails: []string{sandbox.PagesConfigured}}, Plant: func(d *sandbox.Deployment) {
			d.Production.Completion = "https://other.acme.example/done"
			d.Misnamed = []string{"other.acme.example"}
		}},
		{Name: "redirect-to-localhost", Description: "a Production redirect URL is local", Expect: sandbox.Expect{Fails: []string{sandbox.PagesConfigured}}, Plant: func(d *sandbox.Deployment) {
			d.Production.Completion = "https://localhost/done"
		}},
		{Name: "redirect-to-provider", Description: "a Production redirect URL is the provider's default page", Expect: sandbox.Expect{Fails: []string{sandbox.PagesConfigured}}, Plant: func(d *sandbox.Deployment) {
			d.Production.Completion = "https://app.begini.co/done"
			d.Resolve = append(d.Resolve, sandbox.Resolved{Host: "app.begini.co:443", Addresses: []string{"127.0.0.1:9"}})
		}},
		{Name: "api-over-http", Description: "the API's base URL is http", Expect: sandbox.Expect{Fails: []string{sandbox.ApiRequests}}, Plant: func(d *sandbox.Deployment) { d.Production.APIBase = "http://api.begini.co" }},
		{Name: "shared-account", Description: "a mailbox of many has access", Expect: sandbox.Expect{Fails: []string{sandbox.AccessRestricted}}, Plant: func(d *sandbox.Deployment) {
			d.Roster = append(d.Roster, []string{"team@acme.example", "Viewer"})
		}},
		{Name: "four-admins", Description: "more Admins than allowed", Expect: sandbox.Expect{Fails: []string{sandbox.LeastPrivilege}}, Plant: func(d *sandbox.Deployment) {
			d.Roster = append(d.Roster, []string{"lee@acme.example", "Admin"}, []string{"max@acme.example", "Admin"})
		}},
		{Name: "unknown-role", Description: "a role that the provider does not have", Expect: sandbox.Expect{Fails: []string{sandbox.LeastPrivilege}}, Plant: func(d *sandbox.Deployment) {
			d.Roster = append(d.Roster, []string{"lee@acme.example", "Owner"})
		}},
		{Name: "review-too-old", Description: "access was reviewed 91 days ago", Expect: sandbox.Expect{Fails: []string{sandbox.AccessReviewed}}, Plant: func(d *sandbox.Deployment) { d.ReviewedOn, d.ExportedOn = d.Day(-91), d.Day(-91) }},
		{Name: "review-in-the-future", Description: "the review of access is dated tomorrow", Expect: sandbox.Expect{Fails: []string{sandbox.AccessReviewed}}, Plant: func(d *sandbox.Deployment) { d.ReviewedOn = d.Day(1) }},
		{Name: "export-too-old", Description: "the list of accounts was exported 91 days ago", Expect: sandbox.Expect{Fails: []string{sandbox.AccessReviewed}}, Plant: func(d *sandbox.Deployment) { d.ExportedOn = d.Day(-91) }},
		{Name: "reviewed-by-a-team", Description: "no person answers for the review of access", Expect: sandbox.Expect{Fails: []string{sandbox.AccessReviewed}}, Plant: func(d *sandbox.Deployment) { d.ReviewedBy = "security-team@acme.example" }},
		{Name: "role-missing", Description: "an account has no role on the list", Expect: sandbox.Expect{Withheld: []string{sandbox.LeastPrivilege}}, Plant: func(d *sandbox.Deployment) {
			d.Roster = append(d.Roster, []string{"lee@acme.example", ""})
		}},
		{Name: "account-unreadable", Description: "a row of the list holds no e-mail address", Expect: sandbox.Expect{Withheld: []string{sandbox.AccessRestricted, sandbox.LeastPrivilege, sandbox.AccessReviewed}}, Plant: func(d *sandbox.Deployment) {
			d.Roster = append(d.Roster, []string{"lee", "Viewer"})
		}},
		{Name: "public-gets-through", Description: "the receivers answer a machine that is on nobody's allowlist", Expect: sandbox.Expect{Warns: []string{sandbox.Allowlist}}, Plant: func(d *sandbox.Deployment) { d.Vantage = audit.Public }},
		{Name: "allowlist-not-attested", Description: "nobody attests that there is an allowlist", Expect: sandbox.Expect{Withheld: []string{sandbox.Allowlist}}, Plant: withoutAttestation(sandbox.Allowlist)},
		{Name: "webhook-not-attested", Description: "nobody attests that the webhook is registered", Expect: sandbox.Expect{Withheld: []string{sandbox.WebhookRegistered}}, Plant: withoutAttestation(sandbox.WebhookRegistered)},
		{Name: "redirects-not-attested", Description: "nobody attests that the redirects are registered", Expect: sandbox.Expect{Withheld: []string{sandbox.RedirectsRegistered}}, Plant: withoutAttestation(sandbox.RedirectsRegistered)},
		{Name: "attestation-expired", Description: "an attestation is 91 days old", Expect: sandbox.Expect{Withheld: []string{sandbox.RedirectsRegistered}}, Plant: func(d *sandbox.Deployment) {
			for i := range d.Attestations {
				if d.Attestations[i].Check == sandbox.RedirectsRegistered {
					d.Attestations[i].On = d.Day(-91)
				}
			}
		}},
		{Name: "private-roots", Description: "the provider was not given the roots that the certificates need", Expect: sandbox.Expect{Warns: []string{sandbox.CertificateValid}, May: []string{sandbox.PagesConfigured}}, Plant: func(d *sandbox.Deployment) { d.TrustsCA = false }},
		{Name: "key-in-code", Description: "the repository holds the Production key", Expect: sandbox.Expect{Fails: []string{sandbox.NotInCode, sandbox.NotInHistory, sandbox.Rotated}}, Plant: func(d *sandbox.Deployment) {
			d.Commits[len(d.Commits)-1].Files["receiver.py"] = sandbox.ReceiverCode(string(d.Production.Secret.Expose()))
		}},
		{Name: "key-in-commit-message", Description: "a commit message quotes the Test key", Expect: sandbox.Expect{Fails: []string{sandbox.NotInHistory, sandbox.Rotated}}, Plant: func(d *sandbox.Deployment) {
			d.Commits[0].Message = "Use the new key " + string(d.Test.Secret.Expose())
		}},
		{Name: "session-api-in-client", Description: "a bundle calls the session API", Expect: sandbox.Expect{Fails: []string{sandbox.NotInClient}}, Plant: func(d *sandbox.Deployment) {
			d.Files["dist/app.js"] = "fetch(\"https://api.begini.co/v1/sessions-management/tokens\", {method: \"POST\"});\n"
		}},
		{Name: "literal-key-in-workload", Description: "a manifest holds the key itself", Expect: sandbox.Expect{Fails: []string{sandbox.StoredSecurely}, May: []string{sandbox.Rotated}}, Plant: func(d *sandbox.Deployment) {
			d.Files["deploy/receiver.yaml"] = literalWorkload(string(d.Production.Secret.Expose()))
		}},
	}...)
}

// everything that is read from answers or needs a certificate.
var everything = append(everythingElse(), sandbox.Reachable, sandbox.CertificateValid, sandbox.ModernTLS, sandbox.NoPlainHTTP, sandbox.Hsts, sandbox.LogsClean)

func withoutAttestation(check string) func(*sandbox.Deployment) {
	return func(d *sandbox.Deployment) {
		for i, a := range d.Attestations {
			if a.Check == check {
				d.Attestations = append(d.Attestations[:i:i], d.Attestations[i+1:]...)
				return
			}
		}
	}
}

func literalWorkload(key string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: receiver}\nspec:\n  containers:\n    - name: receiver\n      env: [{name: BEGINI_API_KEY, value: %q}]\n", key)
}
