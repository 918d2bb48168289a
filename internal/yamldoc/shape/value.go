package shape

import "github.com/prelaunch-audit/prelaunch/internal/audit"

// Value is a part of the configuration that fits its shape. A nil *Value is one that is absent or was reported.
type Value struct {
	Path   string
	At     audit.Position
	Kind   Kind
	Fields map[string]*Value // of an object or mapping
	Names  []string          // of a mapping, in the order of the file
	Items  []*Value          // of a list
	Text   string            // of a text or date
	Number float64
	Flag   bool
	// Misspelt names the fields of an object that a key that was reported most likely stands for.
	Misspelt map[string]bool
}

func (v *Value) Field(name string) *Value {
	if v == nil {
		return nil
	}
	return v.Fields[name]
}

func (v *Value) List() []*Value {
	if v == nil {
		return nil
	}
	return v.Items
}

// String is the text, "" when there is none.
func (v *Value) String() string {
	if v == nil {
		return ""
	}
	return v.Text
}

// Strings are the texts of a list, never nil.
func (v *Value) Strings() []string {
	out := []string{}
	for _, item := range v.List() {
		out = append(out, item.Text)
	}
	return out
}

func (v *Value) Or(fallback string) string {
	if v == nil {
		return fallback
	}
	return v.Text
}

func (v *Value) NumberOr(fallback float64) float64 {
	if v == nil {
		return fallback
	}
	return v.Number
}

func (v *Value) IsTrue() bool { return v != nil && v.Flag }

func (v *Value) Date() audit.Date {
	day, _ := parseDate(v.String())
	return day
}

// Plain is what encoding/json makes the same document of: maps, lists, texts, numbers and truth values.
func (v *Value) Plain() any {
	if v == nil {
		return nil
	}
	switch v.Kind {
	case Object, Mapping:
		members := make(map[string]any, len(v.Fields))
		for name, field := range v.Fields {
			members[name] = field.Plain()
		}
		return members
	case List:
		items := make([]any, len(v.Items))
		for i, item := range v.Items {
			items[i] = item.Plain()
		}
		return items
	case Boolean:
		return v.Flag
	case Integer, Number:
		return v.Number
	}
	return v.Text
}
