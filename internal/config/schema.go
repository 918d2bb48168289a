package config

import (
	"slices"

	"github.com/google/jsonschema-go/jsonschema"
)

// Schema is the JSON Schema (draft 2020-12) of the configuration, made from the table that Load reads by. Load checks more: what
// concerns several values, files, dates and the clock.
func Schema() *jsonschema.Schema {
	s := root().schema()
	s.Schema = "https://json-schema.org/draft/2020-12/schema"
	s.Title = "Configuration of prelaunch"
	return s
}

func (s *shape) schema() *jsonschema.Schema {
	switch s.kind {
	case object:
		return s.objectSchema()
	case mapping:
		return &jsonschema.Schema{Type: "object", PropertyNames: s.keys.schema(), AdditionalProperties: s.item.schema()}
	case list:
		most := s.limit()
		items := &jsonschema.Schema{Type: "array", Items: s.item.schema(), UniqueItems: s.distinct, MaxItems: &most}
		if s.fewest > 0 {
			items.MinItems = &s.fewest
		}
		if s.orOne {
			return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{s.item.schema(), items}}
		}
		if s.orNone != nil {
			return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{items, s.orNone.schema()}}
		}
		return items
	case date:
		return &jsonschema.Schema{Type: "string", Format: "date", Pattern: `^[0-9]{4}-[0-9]{2}-[0-9]{2}$`}
	case boolean:
		if len(s.words) > 0 {
			return &jsonschema.Schema{Const: jsonschema.Ptr[any](s.words[0] == "true")}
		}
		return &jsonschema.Schema{Type: "boolean"}
	case integer:
		return &jsonschema.Schema{Type: "integer", Minimum: &s.low, Maximum: &s.high}
	case number:
		return &jsonschema.Schema{Type: "number", Minimum: &s.low, Maximum: &s.high}
	}
	if len(s.words) > 0 {
		enumeration := &jsonschema.Schema{Type: "string"}
		for _, word := range s.words {
			enumeration.Enum = append(enumeration.Enum, word)
		}
		return enumeration
	}
	return s.form.schema()
}

func (f form) schema() *jsonschema.Schema {
	longest := f.limit()
	s := &jsonschema.Schema{Type: "string", MaxLength: &longest, Format: f.format}
	if f.pattern != nil {
		s.Pattern = f.pattern().String()
	}
	return s
}

func (s *shape) objectSchema() *jsonschema.Schema {
	o := &jsonschema.Schema{
		Type:                 "object",
		Properties:           map[string]*jsonschema.Schema{},
		PropertyOrder:        s.names(),
		AdditionalProperties: &jsonschema.Schema{Not: &jsonschema.Schema{}},
	}
	for _, f := range s.fields {
		property := f.shape.schema()
		if f.withIt != nil {
			property = &jsonschema.Schema{AnyOf: []*jsonschema.Schema{property, f.withIt.schema()}}
		}
		property.Description = f.about
		o.Properties[f.name] = property
		if f.required {
			o.Required = append(o.Required, f.name)
		}
	}
	for _, f := range s.fields {
		if !slices.Contains(s.exactlyOne, f.name) {
			continue
		}
		alone := &jsonschema.Schema{Required: []string{f.name}}
		if f.with != "" {
			alone.Not = &jsonschema.Schema{Required: []string{f.with}}
			alone.Properties = map[string]*jsonschema.Schema{f.name: f.shape.schema()}
		}
		for _, other := range s.fields {
			if other.with == f.name {
				alone.Properties = map[string]*jsonschema.Schema{other.name: other.withIt.schema()}
			}
		}
		o.OneOf = append(o.OneOf, alone)
	}
	for name, other := range s.together {
		if o.DependentRequired == nil {
			o.DependentRequired = map[string][]string{}
		}
		o.DependentRequired[name] = []string{other}
	}
	return o
}
