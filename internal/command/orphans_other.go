//go:build unix && !linux

package command

import "time"

func adoptOrphans() {}

// endOrphans does nothing: only Linux gives processes whose parent has ended to their next ancestor.
func endOrphans(time.Duration) {}
