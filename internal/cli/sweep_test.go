package cli_test

import (
	"os"
	"strconv"
)

// everyNth is the stride at which the truth tables are walked. A row is a whole audit of two
// receivers and costs about two seconds of CPU time, so a run takes a sample of each table:
// PRELAUNCH_SWEEP=1 audits every row, as .ci/run does once; under the race detector, which looks at
// how goroutines share memory, it takes fewer.
var everyNth = func() int {
	if stride, err := strconv.Atoi(os.Getenv("PRELAUNCH_SWEEP")); err == nil && stride > 0 {
		return stride
	}
	return 16
}()
