package cases

import (
	"net/url"
	"strings"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// A receiver that reads 0 as false would accept a truncated signature for another reason than its length.
func TestSingleDigitsAreNeitherFalseNorTrue(t *testing.T) {
	t.Parallel()
	source := Source{
		Profile: provider.Must(provider.Default), URL: &url.URL{Scheme: "https", Host: "hooks.acme.example", Path: "/begini"},
		Key: []byte("key"),
	}
	for range 200 {
		for _, c := range Forgeries(source.Profile) {
			if !strings.HasSuffix(c.Name, "-1") || c.Family != "F02" && c.Family != "F03" {
				continue
			}
			f, err := source.Request(provider.Must(provider.Default).Events[0], true)
			if err != nil {
				t.Fatal(err)
			}
			c.Change(f)
			if len(f.Signature) != 1 || strings.Contains("01", f.Signature) {
				t.Fatalf("%s: signature %q", c.Name, f.Signature)
			}
		}
	}
}
