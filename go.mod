module github.com/prelaunch-audit/prelaunch

go 1.26
