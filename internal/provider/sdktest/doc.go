// Package sdktest tests the built-in profiles against the providers' official SDKs, in both directions.
// It is a module of its own, so that no SDK is among the dependencies of prelaunch. The SDKs of npm are
// installed by `npm ci` in this directory; those written in Go are in go.mod.
package sdktest
