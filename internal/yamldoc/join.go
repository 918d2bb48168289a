package yamldoc

import (
	"bytes"
	"fmt"

	"gopkg.in/yaml.v3"
)

// Join makes one document of several: mappings are joined, lists are appended, and of two different scalars the first counts. What
// two of them have alike is there once.
func Join(documents ...string) (string, error) {
	var merged *yaml.Node
	for _, text := range documents {
		var document yaml.Node
		if err := yaml.Unmarshal([]byte(text), &document); err != nil {
			return "", fmt.Errorf("read a part of the configuration: %w", err)
		}
		if len(document.Content) == 0 {
			continue
		}
		if merged == nil {
			merged = document.Content[0]
			continue
		}
		merge(merged, document.Content[0])
	}
	if merged == nil {
		return "", nil
	}
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(merged); err != nil {
		return "", fmt.Errorf("write the configuration: %w", err)
	}
	return out.String(), nil
}

// merge adds to a node what another has.
func merge(into, from *yaml.Node) {
	switch {
	case into.Kind == yaml.MappingNode && from.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(from.Content); i += 2 {
			key, value := from.Content[i], from.Content[i+1]
			if at := member(into, key.Value); at != nil {
				merge(at, value)
			} else {
				into.Content = append(into.Content, key, value)
			}
		}
	case into.Kind == yaml.SequenceNode && from.Kind == yaml.SequenceNode:
		for _, item := range from.Content {
			if !contains(into.Content, item) {
				into.Content = append(into.Content, item)
			}
		}
	}
}

func member(mapping *yaml.Node, name string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == name {
			return mapping.Content[i+1]
		}
	}
	return nil
}

func contains(list []*yaml.Node, item *yaml.Node) bool {
	for _, other := range list {
		if same(other, item) {
			return true
		}
	}
	return false
}

func same(a, b *yaml.Node) bool {
	if a.Kind != b.Kind || a.Value != b.Value || len(a.Content) != len(b.Content) {
		return false
	}
	for i := range a.Content {
		if !same(a.Content[i], b.Content[i]) {
			return false
		}
	}
	return true
}
