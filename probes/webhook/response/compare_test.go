package response

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/prelaunch-audit/prelaunch/probes/webhook/cases"
)

func TestComparison(t *testing.T) {
	t.Parallel()
	seven := func(format string) []string {
		var list []string
		for i := range 7 {
			list = append(list, fmt.Sprintf(format, i*7919, cases.RandomHex(32)))
		}
		return list
	}
	tests := []struct {
		name    string
		genuine []string
		like    []string
		unlike  []string
	}{
		{"fixed", []string{`{"status":"ok"}`, `{"status":"ok"}`, `{"status":"ok"}`}, []string{`{"status":"ok"}`}, []string{`{"status":"no"}`, ``, `{"status":"ok","error":"x"}`}},
		{"empty", []string{"", "", ""}, []string{""}, []string{"no"}},
		{"code", []string{`{"code":0}`, `{"code":0}`, `{"code":0}`}, []string{`{"code":0}`}, []string{`{"code":1}`}},
		{"counter", seven(`{"ok":true,"id":%d,"trace":"%s"}`), []string{`{"ok":true,"id":3,"trace":"` + cases.RandomHex(32) + `"}`}, []string{`{"ok":false,"id":3,"trace":"` + cases.RandomHex(32) + `"}`}},
		{"UUID and time", []string{
			`ok 5f0c8b0e-58a1-4d4e-9d4f-0c6d1a2b3c4d at 2026-11-24T08:00:00Z`, `ok 6f0c8b0e-58a1-4d4e-9d4f-0c6d1a2b3c4d at 2026-11-24T08:00:01Z`,
		}, []string{`ok 7f0c8b0e-58a1-4d4e-9d4f-0c6d1a2b3c4d at 2027-01-01T00:00:00.123Z`}, []string{`no 7f0c8b0e-58a1-4d4e-9d4f-0c6d1a2b3c4d at 2026-11-24T08:00:01Z`}},
		{"two words", []string{"taken now", "taken later", "taken now"}, []string{"taken later"}, []string{"taken never"}},
		{"types", []string{`{"type":"a"}`, `{"type":"b"}`, `{"type":"c"}`, `{"type":"c"}`}, []string{`{"type":"b"}`}, []string{`{"error":"b"}`}},
		{"nothing in common", []string{"alpha", "beta gamma", "delta epsilon zeta"}, []string{"anything at all"}, nil},
	}
	for _, test := range tests {
		var c Comparison
		for _, body := range test.genuine {
			c.Add(Normalize(ok(body), nil))
		}
		for _, body := range test.like {
			if !c.Matches(Normalize(ok(body), nil)) {
				t.Errorf("%s: %q is not like the genuine answers", test.name, body)
			}
		}
		for _, body := range test.unlike {
			if c.Matches(Normalize(ok(body), nil)) {
				t.Errorf("%s: %q is like the genuine answers", test.name, body)
			}
		}
		other := ok(test.genuine[0])
		other.Status = 202
		if c.Matches(Normalize(other, nil)) {
			t.Errorf("%s: another status is like the genuine answers", test.name)
		}
	}
	var echo Comparison
	for _, uid := range []string{"PRELAUNCHAAA", "PRELAUNCHBBB", "PRELAUNCHCCC"} {
		echo.Add(Normalize(ok("got "+uid), []string{uid}))
	}
	if !echo.Matches(Normalize(ok("got PRELAUNCHDDD"), []string{"PRELAUNCHDDD"})) {
		t.Error("an echoed UID makes a difference")
	}
}

// TestValuesOfTheRequest: a value that is in every response for reasons of its own is not taken for an
// echo of the request.
func TestValuesOfTheRequest(t *testing.T) {
	t.Parallel()
	var valid Comparison
	for _, uid := range []string{"PRELAUNCHAAA", "PRELAUNCHBBB", "PRELAUNCHCCC"} {
		valid.Add(Normalize(ok(`{"ok":true,"error":null,"for":"`+uid+`"}`), []string{uid, "0123456789abcdef"}))
	}
	for _, signature := range []string{"null", "true", "error"} {
		if !valid.Matches(Normalize(ok(`{"ok":true,"error":null,"for":"PRELAUNCHDDD"}`), []string{"PRELAUNCHDDD", signature})) {
			t.Errorf("under the signature %q the response differs", signature)
		}
	}
	if valid.Matches(Normalize(ok(`{"ok":false,"error":null,"for":"PRELAUNCHDDD"}`), []string{"PRELAUNCHDDD", "null"})) {
		t.Error("another response is the same")
	}
}

func ok(body string) *Response {
	return &Response{Status: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body)}
}
