package cli_test

import "os"

// everyNth is the stride at which the truth tables are walked. A row is a whole audit of two receivers and costs about two seconds
// of CPU time; PRELAUNCH_SWEEP=all audits every row, as .ci/run does, and without it a run takes a sample from each table.
var everyNth = func() int {
	if os.Getenv("PRELAUNCH_SWEEP") == "all" {
		return 1
	}
	return 8
}()
