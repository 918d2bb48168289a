#!/bin/sh
# Holds this package's verdicts, times and connections against sslscan's and testssl.sh's, where they
# are installed, on servers 50 ms away. Takes minutes: testssl.sh is thorough.
set -eu
cd "$(dirname "$0")"
exec go test -count=1 -timeout 30m -run '^TestCompare$' -compare -v .
