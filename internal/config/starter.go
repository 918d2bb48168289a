package config

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
)

//go:embed starter.yaml
var starter []byte

// Starter is a commented configuration to start from, which Load accepts as it is. An empty name stands for "my-integration".
func Starter(name string) ([]byte, error) {
	if name == "" {
		name = "my-integration"
	}
	if !integrationName.Takes(name) {
		return nil, fmt.Errorf("the name of the integration is not %s: %s", integrationName.Is, integrationName.Next)
	}
	quoted, err := json.Marshal(name) // a JSON text is a YAML text
	if err != nil {
		return nil, fmt.Errorf("quote the name of the integration: %w", err)
	}
	return bytes.Replace(starter, []byte("{{integration}}"), quoted, 1), nil
}
