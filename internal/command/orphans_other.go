//go:build unix && !linux

package command

func adoptOrphans() {}

// endOrphans does nothing: only Linux gives processes whose parent has ended to their next ancestor.
func endOrphans() {}
