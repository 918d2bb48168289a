module github.com/prelaunch-audit/prelaunch/internal/provider/sdktest

go 1.26.0

require (
	github.com/PagerDuty/go-pagerduty v1.8.0
	github.com/mailgun/mailgun-go/v5 v5.6.2
	github.com/prelaunch-audit/prelaunch v0.0.0
)

require (
	github.com/agnivade/levenshtein v1.2.2 // indirect
	github.com/google/jsonschema-go v0.4.3 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/json-iterator/go v1.1.12 // indirect
	github.com/mailgun/errors v0.4.0 // indirect
	github.com/modern-go/concurrent v0.0.0-20180306012644-bacd9c7ef1dd // indirect
	github.com/modern-go/reflect2 v1.0.2 // indirect
	github.com/oapi-codegen/runtime v1.1.2 // indirect
	golang.org/x/crypto v0.59.0 // indirect
	golang.org/x/net v0.62.0 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
)

replace github.com/prelaunch-audit/prelaunch => ../../..
