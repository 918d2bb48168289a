package behaviors

import "github.com/prelaunch-audit/prelaunch/internal/sandbox"

// logFlaws are receivers whose log tells what it must not.
var logFlaws = []sandbox.Behavior{
	{Name: "logs-payload", Description: "logs each body", Expect: sandbox.SpoiltLog, Plant: sandbox.Logging(func(_ *sandbox.Rules, d *sandbox.Delivery) string { return "body=" + string(d.Payload) })},
	{Name: "logs-signature", Description: "logs each signature", Expect: sandbox.SpoiltLog, Plant: sandbox.Logging(func(_ *sandbox.Rules, d *sandbox.Delivery) string {
		return "signature=" + d.Header.Get(sandbox.SignatureHeader)
	})},
	{Name: "logs-key", Description: "logs its key", Expect: sandbox.Expect{Fails: []string{sandbox.LogsClean, sandbox.Rotated}}, Plant: sandbox.Logging(func(ru *sandbox.Rules, _ *sandbox.Delivery) string { return "key=" + string(ru.Keys[0]) })},
}
