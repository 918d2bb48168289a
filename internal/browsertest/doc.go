// Package browsertest opens the html report and walks the pages of the fleet in headless Chromium. It is a module of its own, so that
// the browser's libraries are no dependency of the program, and is run with
//
//	cd internal/browsertest && npm ci && go test ./... [-args -screenshots DIR]
//
// It needs Chromium, as in Debian's package chromium, and nothing from the network.
package browsertest
