module github.com/prelaunch-audit/prelaunch/internal/gitrepo/bench

go 1.26.0

require github.com/prelaunch-audit/prelaunch v0.0.0

require (
	github.com/andybalholm/brotli v1.3.0 // indirect
	github.com/klauspost/compress v1.20.4 // indirect
	github.com/pierrec/lz4/v4 v4.1.33 // indirect
	github.com/ulikunitz/xz v0.5.17 // indirect
)

replace github.com/prelaunch-audit/prelaunch => ../../..
