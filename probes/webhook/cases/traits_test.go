package cases

import (
	"net/url"
	"slices"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

func TestTraits(t *testing.T) {
	t.Parallel()
	const length = "signature that is not 128 characters long"
	for _, test := range []struct {
		change func(*Request)
		signed bool
		want   []string
	}{
		{func(f *Request) { f.Unsigned = true }, false, []string{"request without a signature header"}},
		{func(f *Request) { f.Put("") }, false, []string{"empty signature header"}},
		{func(f *Request) { f.Put(RandomHex(127)) }, false, []string{length}},
		{func(f *Request) { f.Put("null") }, false, []string{length, "signature that is not hexadecimal"}},
		{Wrong, false, nil},
		{func(f *Request) { f.Unsigned = true; f.Method = "PUT" }, false, nil},
		{func(f *Request) { f.contentType("text/plain"); f.Unsigned = true }, false, []string{"request with another content type than application/json"}},
		{func(f *Request) { f.Put("null"); f.add("X-Signature", RandomHex(128)) }, false, nil},
		{func(f *Request) { f.Body = []byte("{") }, true, []string{"body that is not JSON"}},
		{func(f *Request) { f.Body = []byte("[]") }, true, []string{"body that is not a JSON object"}},
		{func(f *Request) {}, true, nil},
	} {
		source := Source{Profile: provider.Must(provider.Default), URL: &url.URL{Scheme: "https", Host: "hooks.acme.example", Path: "/begini"}, Key: []byte("key")}
		f, err := source.Request(provider.Must(provider.Default).Events[0], true)
		if err != nil {
			t.Fatal(err)
		}
		test.change(f)
		if got := f.Traits(test.signed); !slices.Equal(got, test.want) {
			t.Errorf("%v, want %v", got, test.want)
		}
	}
}
