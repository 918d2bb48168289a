package sandbox

// logFlaws are receivers whose log tells what it must not.
var logFlaws = []Behaviour{
	{Name: "logs-uid", Description: "logs each UID", Expect: spoiltLog, plant: logging(func(_ *rules, d *delivery) string {
		if found := spelledUID.FindSubmatch(d.body); found != nil {
			return "uid=" + string(found[1])
		}
		return ""
	})},
	{Name: "logs-payload", Description: "logs each body", Expect: spoiltLog, plant: logging(func(_ *rules, d *delivery) string { return "body=" + string(d.body) })},
	{Name: "logs-signature", Description: "logs each signature", Expect: spoiltLog, plant: logging(func(_ *rules, d *delivery) string {
		return "signature=" + d.Header.Get(signatureHeader)
	})},
	{Name: "logs-key", Description: "logs its key", Expect: Expect{Fails: []string{logsClean, rotated}}, plant: logging(func(ru *rules, _ *delivery) string { return "key=" + string(ru.keys[0]) })},
}

var spoiltLog = Expect{Fails: []string{logsClean}}

func logging(tell func(*rules, *delivery) string) func(*rules) {
	return func(ru *rules) {
		ru.logged = func(d *delivery) string { return tell(ru, d) }
	}
}
