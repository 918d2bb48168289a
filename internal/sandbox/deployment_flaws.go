package sandbox

import (
	"fmt"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// DeploymentFlaw is a flaw around the receivers: in the configuration, the pages or the access list. Expect is about an audit of a
// deployment that is right in every other way.
type DeploymentFlaw struct {
	Name        string
	Description string
	Expect      Expect
	plant       func(*deployment)
}

const (
	storedSecurely      = "api-key.stored-securely"
	separateKeys        = "api-key.separate-environments"
	notInClient         = "api-key.not-in-client"
	notInCode           = "api-key.not-in-code"
	notInHistory        = "api-key.not-in-history"
	httpsRedirects      = "https.redirects"
	apiRequests         = "https.api-requests"
	pagesConfigured     = "redirects.production-configured"
	separateWebhooks    = "environments.separate-webhooks"
	separateRedirects   = "environments.separate-redirects"
	separateIDs         = "environments.separate-integrations"
	accessRestricted    = "access.dashboard-restricted"
	leastPrivilege      = "access.least-privilege"
	accessReviewed      = "access.reviewed"
	webhookRegistered   = "deployment-centre.webhook-registered"
	redirectsRegistered = "deployment-centre.redirects-registered"
	allowlist           = "network.ip-allowlist"
)

// DeploymentFlaws are the flaws around the receivers.
func DeploymentFlaws() []DeploymentFlaw {
	return []DeploymentFlaw{
		{"one-key-for-both", "both environments have the same key", Expect{Fails: []string{separateKeys, notInterchanged}, May: forgeryChecks}, func(d *deployment) {
			d.Production.key = d.Test.key
			for i := range d.refs {
				d.refs[i].key = d.Test.key
			}
			d.keys["production"] = d.Test.key
		}},
		{"one-integration-for-both", "both environments have the same integration ID", Expect{Fails: []string{separateIDs}}, func(d *deployment) {
			d.Production.IntegrationID = d.Test.IntegrationID
		}},
		{"one-webhook-for-both", "both environments have the same webhook URL", Expect{Fails: []string{separateWebhooks}, May: everything}, func(d *deployment) {
			d.Production.WebhookURL = d.Test.WebhookURL
		}},
		{"shared-redirect", "both environments send users to the same page when the time is up", Expect{Fails: []string{separateRedirects}, May: []string{pagesConfigured}}, func(d *deployment) {
			d.Production.Expiry = d.Test.Expiry
		}},
		{"redirect-unset", "Production has no cancellation page", Expect{Fails: []string{pagesConfigured}, May: []string{redirectsRegistered}}, func(d *deployment) { d.Production.Cancellation = "" }},
		{"redirect-over-http", "a Production redirect URL is http", Expect{Fails: []string{pagesConfigured, httpsRedirects}}, func(d *deployment) {
			d.Production.Completion = "http://" + ProductionPage + "/done"
		}},
		{"test-redirect-over-http", "a Test redirect URL is http", Expect{Fails: []string{httpsRedirects}}, func(d *deployment) {
			d.Test.Completion = "http://" + TestPages + "/done"
		}},
		{"redirect-not-found", "a Production redirect URL answers 404", Expect{Fails: []string{pagesConfigured}}, func(d *deployment) {
			d.Production.Completion = "https://" + ProductionPage + "/gone"
		}},
		{"redirect-loops", "a Production redirect URL redirects to itself", Expect{Fails: []string{pagesConfigured}}, func(d *deployment) {
			d.Production.Completion = "https://" + ProductionPage + "/loop"
			d.redirects = map[string]string{"/loop": "https://" + ProductionPage + "/loop"}
		}},
		{"redirect-ends-in-test", "a Production redirect URL redirects to a page of the test environment", Expect{Fails: []string{pagesConfigured}}, func(d *deployment) {
			d.Production.Completion = "https://" + ProductionPage + "/finished"
			d.redirects = map[string]string{"/finished": "https://" + TestPages + "/done"}
		}},
		{"redirect-downgrades", "a Production redirect URL redirects to plain http", Expect{Fails: []string{pagesConfigured}}, func(d *deployment) {
			d.Production.Completion = "https://" + ProductionPage + "/finished"
			d.redirects = map[string]string{"/finished": "http://" + ProductionPage + "/done"}
		}},
		{"redirect-to-an-app", "a Production redirect URL hands over to an app, which cannot be followed", Expect{Withheld: []string{pagesConfigured}}, func(d *deployment) {
			d.Production.Completion = "https://" + ProductionPage + "/finished"
			d.redirects = map[string]string{"/finished": "acmeloans://done"}
		}},
		{"redirect-closed", "nothing listens behind a Production redirect URL", Expect{Fails: []string{pagesConfigured}}, func(d *deployment) {
			d.Production.Completion = "https://closed.acme.example/done"
			d.Resolve = append(d.Resolve, resolved{"closed.acme.example:443", []string{"127.0.0.1:9"}})
		}},
		{"redirect-of-another-name", "the certificate behind a Production redirect URL is for another name", Expect{Fails: []string{pagesConfigured}}, func(d *deployment) {
			d.Production.Completion = "https://other.acme.example/done"
			d.misnamed = []string{"other.acme.example"}
		}},
		{"redirect-to-localhost", "a Production redirect URL is local", Expect{Fails: []string{pagesConfigured}}, func(d *deployment) {
			d.Production.Completion = "https://localhost/done"
		}},
		{"redirect-to-provider", "a Production redirect URL is the provider's default page", Expect{Fails: []string{pagesConfigured}}, func(d *deployment) {
			d.Production.Completion = "https://app.begini.co/done"
			d.Resolve = append(d.Resolve, resolved{"app.begini.co:443", []string{"127.0.0.1:9"}})
		}},
		{"api-over-http", "the API's base URL is http", Expect{Fails: []string{apiRequests}}, func(d *deployment) { d.Production.APIBase = "http://api.begini.co" }},
		{"shared-account", "a mailbox of many has access", Expect{Fails: []string{accessRestricted}}, func(d *deployment) {
			d.Roster = append(d.Roster, []string{"team@acme.example", "Viewer"})
		}},
		{"foreign-account", "an account of another domain has access", Expect{Fails: []string{accessRestricted}}, func(d *deployment) {
			d.Roster = append(d.Roster, []string{"jane@elsewhere.example", "Viewer"})
		}},
		{"four-admins", "more Admins than allowed", Expect{Fails: []string{leastPrivilege}}, func(d *deployment) {
			d.Roster = append(d.Roster, []string{"lee@acme.example", "Admin"}, []string{"max@acme.example", "Admin"})
		}},
		{"unknown-role", "a role that the provider does not have", Expect{Fails: []string{leastPrivilege}}, func(d *deployment) {
			d.Roster = append(d.Roster, []string{"lee@acme.example", "Owner"})
		}},
		{"review-too-old", "access was reviewed 91 days ago", Expect{Fails: []string{accessReviewed}}, func(d *deployment) { d.ReviewedOn, d.ExportedOn = d.day(-91), d.day(-91) }},
		{"review-in-the-future", "the review of access is dated tomorrow", Expect{Fails: []string{accessReviewed}}, func(d *deployment) { d.ReviewedOn = d.day(1) }},
		{"export-too-old", "the list of accounts was exported 91 days ago", Expect{Fails: []string{accessReviewed}}, func(d *deployment) { d.ExportedOn = d.day(-91) }},
		{"reviewed-by-a-team", "no person answers for the review of access", Expect{Fails: []string{accessReviewed}}, func(d *deployment) { d.ReviewedBy = "security-team@acme.example" }},
		{"role-missing", "an account has no role on the list", Expect{Withheld: []string{leastPrivilege}}, func(d *deployment) {
			d.Roster = append(d.Roster, []string{"lee@acme.example", ""})
		}},
		{"account-unreadable", "a row of the list holds no e-mail address", Expect{Withheld: []string{accessRestricted, leastPrivilege, accessReviewed}}, func(d *deployment) {
			d.Roster = append(d.Roster, []string{"lee", "Viewer"})
		}},
		{"public-gets-through", "the receivers answer a machine that is on nobody's allowlist", Expect{Warns: []string{allowlist}}, func(d *deployment) { d.Vantage = audit.Public }},
		{"allowlist-not-attested", "nobody attests that there is an allowlist", Expect{Withheld: []string{allowlist}}, withoutAttestation(allowlist)},
		{"webhook-not-attested", "nobody attests that the webhook is registered", Expect{Withheld: []string{webhookRegistered}}, withoutAttestation(webhookRegistered)},
		{"redirects-not-attested", "nobody attests that the redirects are registered", Expect{Withheld: []string{redirectsRegistered}}, withoutAttestation(redirectsRegistered)},
		{"attestation-expired", "an attestation is 91 days old", Expect{Withheld: []string{redirectsRegistered}}, func(d *deployment) {
			for i := range d.Attestations {
				if d.Attestations[i].Check == redirectsRegistered {
					d.Attestations[i].On = d.day(-91)
				}
			}
		}},
		{"private-roots", "the provider was not given the roots that the certificates need", Expect{Warns: []string{certificateValid}, May: []string{pagesConfigured}}, func(d *deployment) { d.TrustsCA = false }},
		{"key-in-code", "the repository holds the Production key", Expect{Fails: []string{notInCode, notInHistory, rotated}}, func(d *deployment) {
			d.commits[len(d.commits)-1].Files["receiver.py"] = receiverCode(string(d.Production.key.Expose()))
		}},
		{"key-in-history", "a commit held the Production key until the next took it out", Expect{Fails: []string{notInHistory, rotated}}, func(d *deployment) {
			d.commits[0].Files["receiver.py"] = receiverCode(string(d.Production.key.Expose()))
		}},
		{"key-in-commit-message", "a commit message quotes the Test key", Expect{Fails: []string{notInHistory, rotated}}, func(d *deployment) {
			d.commits[0].Message = "Use the new key " + string(d.Test.key.Expose())
		}},
		{"key-in-client", "a bundle holds the Production key", Expect{Fails: []string{notInClient, rotated}}, func(d *deployment) {
			d.files["dist/app.js"] = fmt.Sprintf("fetch(\"/start\", {headers: {\"api-key\": %q}});\n", d.Production.key.Expose())
		}},
		{"session-api-in-client", "a bundle calls the session API", Expect{Fails: []string{notInClient}}, func(d *deployment) {
			d.files["dist/app.js"] = "fetch(\"https://api.begini.co/v1/sessions-management/tokens\", {method: \"POST\"});\n"
		}},
		{"literal-key-in-workload", "a manifest holds the key itself", Expect{Fails: []string{storedSecurely}, May: []string{rotated}}, func(d *deployment) {
			d.files["deploy/receiver.yaml"] = literalWorkload(string(d.Production.key.Expose()))
		}},
	}
}

// everything that is read from answers or needs a certificate.
var everything = append(everythingElse(), reachable, certificateValid, modernTLS, noPlainHTTP, hsts, logsClean)

func withoutAttestation(check string) func(*deployment) {
	return func(d *deployment) {
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
