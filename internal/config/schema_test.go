package config

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc"
)

// plainValue is a document as an editor that knows only JSON Schema sees it; false for what no JSON stands for.
func plainValue(value *yamldoc.Value) (any, bool) {
	switch value.Kind {
	case yamldoc.Sequence:
		items := []any{}
		for _, content := range value.Items {
			item, ok := plainValue(content)
			if !ok {
				return nil, false
			}
			items = append(items, item)
		}
		return items, true
	case yamldoc.Mapping:
		entries := map[string]any{}
		for _, member := range value.Members {
			content, ok := plainValue(member.Value)
			if _, twice := entries[member.Name.Text]; twice || !ok || member.Name.Kind != yamldoc.Scalar {
				return nil, false
			}
			entries[member.Name.Text] = content
		}
		return entries, true
	}
	switch value.Type {
	case yamldoc.Null:
		return nil, true
	case yamldoc.Boolean:
		return value.Text == "true", true
	case yamldoc.Number:
		number, err := strconv.ParseFloat(value.Text, 64)
		return number, err == nil
	}
	return value.Text, true
}

func resolved(t *testing.T) *jsonschema.Resolved {
	t.Helper()
	encoded, err := json.Marshal(Schema())
	if err != nil {
		t.Fatal(err)
	}
	var decoded jsonschema.Schema
	if err := json.Unmarshal(encoded, &decoded); err != nil {
		t.Fatal(err)
	}
	schema, err := decoded.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestSchemaTakesWhatLoadTakes(t *testing.T) {
	t.Parallel()
	schema := resolved(t)
	starting, err := Starter(provider.Must(provider.Default), "", "")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"full": full, "minimal": minimal, "starter": string(starting), "empty sections": minimal + "clients: []\nnetwork: {}\naccess: {}\n"} {
		if _, err := loadIn(t, folder(t), content); err != nil {
			t.Errorf("Load refuses %s: %v", name, err)
		}
		document, mistakes := yamldoc.Strict([]byte(content))
		if document == nil || len(mistakes) > 0 {
			t.Fatal(mistakes)
		}
		value, _ := plainValue(document)
		if err := schema.Validate(value); err != nil {
			t.Errorf("the schema refuses %s: %v", name, err)
		}
	}
}

func TestSchemaRefusesWhatLoadRefuses(t *testing.T) {
	t.Parallel()
	schema := resolved(t)
	compared := 0
	for _, row := range mistakes {
		document, mistakes := yamldoc.Strict([]byte(row.content(t)))
		if document == nil || len(mistakes) > 0 {
			continue // what is wrong is lost when the file is turned into JSON
		}
		value, representable := plainValue(document)
		if !representable {
			continue
		}
		compared++
		if err := schema.Validate(value); (err == nil) != row.schema {
			t.Errorf("%s: the schema says %v", row.name, err)
		}
	}
	if compared < 90 {
		t.Errorf("only %d files were compared", compared)
	}
}

func TestSchemaDescribesEverySetting(t *testing.T) {
	t.Parallel()
	var walk func(path string, s *jsonschema.Schema)
	walk = func(path string, s *jsonschema.Schema) {
		if s == nil {
			return
		}
		for name, property := range s.Properties {
			if property.Description == "" {
				t.Errorf("%s.%s is not described", path, name)
			}
			walk(path+"."+name, property)
		}
		walk(path+"[]", s.Items)
	}
	walk("", Schema())
	if Schema().Schema != "https://json-schema.org/draft/2020-12/schema" {
		t.Error("the schema does not say which draft it is of")
	}
}
