//go:build !linux

package databasetest

import "os/exec"

// confine has no effect here: Postgres is stopped by Main only, and does not start as root.
func confine(*exec.Cmd) {}
