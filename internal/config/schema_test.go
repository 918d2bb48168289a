package config

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	"gopkg.in/yaml.v3"
)

// plainValue is a document as an editor that knows only JSON Schema sees it; false for what no JSON stands for.
func plainValue(node *yaml.Node) (any, bool) {
	switch node.Kind {
	case yaml.AliasNode:
		return nil, false
	case yaml.SequenceNode:
		items := []any{}
		for _, content := range node.Content {
			item, ok := plainValue(content)
			if !ok {
				return nil, false
			}
			items = append(items, item)
		}
		return items, true
	case yaml.MappingNode:
		entries := map[string]any{}
		for i := 0; i+1 < len(node.Content); i += 2 {
			name := node.Content[i].Value
			content, ok := plainValue(node.Content[i+1])
			if _, twice := entries[name]; twice || !ok || node.Content[i].Kind != yaml.ScalarNode {
				return nil, false
			}
			entries[name] = content
		}
		return entries, true
	}
	switch node.ShortTag() {
	case "!!null":
		return nil, true
	case "!!bool":
		return node.Value == "true", true
	case "!!int", "!!float":
		number, err := strconv.ParseFloat(node.Value, 64)
		return number, err == nil
	}
	return node.Value, true
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
	starting, err := Starter("")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"full": full, "minimal": minimal, "starter": string(starting), "empty sections": minimal + "clients: []\nnetwork: {}\naccess: {}\n"} {
		if _, err := loadIn(t, folder(t), content); err != nil {
			t.Errorf("Load refuses %s: %v", name, err)
		}
		var document yaml.Node
		if err := yaml.Unmarshal([]byte(content), &document); err != nil {
			t.Fatal(err)
		}
		value, _ := plainValue(document.Content[0])
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
		content := row.content(t)
		var document yaml.Node
		if err := yaml.Unmarshal([]byte(content), &document); err != nil || len(document.Content) == 0 {
			continue // no YAML, no document
		}
		value, representable := plainValue(document.Content[0])
		if !representable || onlyYAML(content) {
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

// onlyYAML reports whether what is wrong is lost when the file is turned into JSON.
func onlyYAML(content string) bool {
	found := &problems{}
	root := parse([]byte(content), found)
	return root == nil || len(found.list) > 0
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
