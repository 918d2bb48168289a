module github.com/prelaunch-audit/prelaunch/internal/cli/verificationtest

go 1.26.0
