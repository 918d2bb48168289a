//go:build !unix

package command

import "os/exec"

// begin starts a command, where there are no process groups.
func begin(cmd *exec.Cmd) error { return cmd.Start() }

// end does nothing: what a command left running cannot be found.
func end(*exec.Cmd) {}

// killGroup ends the command alone.
func killGroup(cmd *exec.Cmd) error { return cmd.Process.Kill() }

// Abandon does nothing: a command ends with the context that it was given.
func Abandon() {}
