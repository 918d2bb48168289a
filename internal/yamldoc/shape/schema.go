package shape

import (
	"slices"

	"github.com/google/jsonschema-go/jsonschema"
)

// Schema is the JSON Schema (draft 2020-12) of a document. The reader checks more: what concerns several values, files, dates and
// the clock.
func (s *Shape) Schema(title string) *jsonschema.Schema {
	document := s.schema()
	document.Schema = "https://json-schema.org/draft/2020-12/schema"
	document.Title = title
	return document
}

func (s *Shape) schema() *jsonschema.Schema {
	switch s.Kind {
	case Object:
		if at := slices.IndexFunc(s.Fields, func(f Field) bool { return s.Short != "" && f.Name == s.Short }); at >= 0 {
			return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{s.Fields[at].Shape.schema(), s.objectSchema()}}
		}
		return s.objectSchema()
	case Mapping:
		most := s.limit()
		return &jsonschema.Schema{Type: "object", MaxProperties: &most, PropertyNames: s.Keys.schema(), AdditionalProperties: s.Item.schema()}
	case List:
		most := s.limit()
		items := &jsonschema.Schema{Type: "array", Items: s.Item.schema(), UniqueItems: s.Distinct, MaxItems: &most}
		if s.Fewest > 0 {
			items.MinItems = &s.Fewest
		}
		if s.OrOne {
			return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{s.Item.schema(), items}}
		}
		if s.OrNone != nil {
			return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{items, s.OrNone.schema()}}
		}
		return items
	case Date:
		return &jsonschema.Schema{Type: "string", Format: "date", Pattern: `^[0-9]{4}-[0-9]{2}-[0-9]{2}$`}
	case Boolean:
		if len(s.Words) > 0 {
			return &jsonschema.Schema{Const: jsonschema.Ptr[any](s.Words[0] == "true")}
		}
		return &jsonschema.Schema{Type: "boolean"}
	case Integer:
		return &jsonschema.Schema{Type: "integer", Minimum: &s.Low, Maximum: &s.High}
	case Number:
		return &jsonschema.Schema{Type: "number", Minimum: &s.Low, Maximum: &s.High}
	}
	if len(s.Words) > 0 {
		enumeration := &jsonschema.Schema{Type: "string"}
		for _, word := range s.Words {
			enumeration.Enum = append(enumeration.Enum, word)
		}
		if s.OrForm {
			return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{enumeration, s.Form.schema()}}
		}
		return enumeration
	}
	if s.Digits {
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{s.Form.schema(), {Type: "integer"}}}
	}
	return s.Form.schema()
}

func (f Form) schema() *jsonschema.Schema {
	longest := f.limit()
	s := &jsonschema.Schema{Type: "string", MaxLength: &longest, Format: f.Format}
	if f.Pattern != nil {
		s.Pattern = f.Pattern().String()
	}
	return s
}

func (s *Shape) objectSchema() *jsonschema.Schema {
	o := &jsonschema.Schema{
		Type:                 "object",
		Properties:           map[string]*jsonschema.Schema{},
		PropertyOrder:        s.names(),
		AdditionalProperties: &jsonschema.Schema{Not: &jsonschema.Schema{}},
	}
	for _, f := range s.Fields {
		property := f.Shape.schema()
		if f.WithIt != nil {
			property = &jsonschema.Schema{AnyOf: []*jsonschema.Schema{property, f.WithIt.schema()}}
		}
		property.Description = f.About
		o.Properties[f.Name] = property
		if f.Alias != "" {
			again := *property
			again.Description = "the same as " + f.Name
			o.Properties[f.Alias] = &again
			both := &jsonschema.Schema{Not: &jsonschema.Schema{Required: []string{f.Name, f.Alias}}}
			if f.Required {
				both = &jsonschema.Schema{OneOf: []*jsonschema.Schema{{Required: []string{f.Name}}, {Required: []string{f.Alias}}}}
			}
			o.AllOf = append(o.AllOf, both)
			continue
		}
		if f.Required {
			o.Required = append(o.Required, f.Name)
		}
	}
	for _, f := range s.Fields {
		if !slices.Contains(s.ExactlyOne, f.Name) {
			continue
		}
		alone := &jsonschema.Schema{Required: []string{f.Name}}
		if f.With != "" {
			alone.Not = &jsonschema.Schema{Required: []string{f.With}}
			alone.Properties = map[string]*jsonschema.Schema{f.Name: f.Shape.schema()}
		}
		for _, other := range s.Fields {
			if other.With == f.Name {
				alone.Properties = map[string]*jsonschema.Schema{other.Name: other.WithIt.schema()}
			}
		}
		o.OneOf = append(o.OneOf, alone)
	}
	for name, other := range s.Together {
		if o.DependentRequired == nil {
			o.DependentRequired = map[string][]string{}
		}
		o.DependentRequired[name] = []string{other}
	}
	return o
}
