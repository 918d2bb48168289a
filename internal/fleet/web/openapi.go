package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
)

var inPath = regexp.MustCompile(`\{(\w+)\}`)

// openAPI is the document of the API, OpenAPI 3.1, made from the table of routes.
func (s *server) openAPI(q *request) error {
	document, err := s.openAPIDocument()
	if err != nil {
		return err
	}
	return respond(q.w, http.StatusOK, document)
}

func (s *server) openAPIDocument() (map[string]any, error) {
	paths := map[string]map[string]any{}
	for _, route := range s.routes() {
		if route.doc == nil {
			continue
		}
		described, err := route.describe()
		if err != nil {
			return nil, err
		}
		if paths[route.path] == nil {
			paths[route.path] = map[string]any{}
		}
		paths[route.path][strings.ToLower(route.method)] = described
	}
	return map[string]any{
		"openapi": "3.1.0",
		"info":    map[string]any{"title": "prelaunch-server", "version": s.Version, "license": map[string]any{"name": "Apache-2.0", "identifier": "Apache-2.0"}},
		"paths":   paths,
		"components": map[string]any{
			"securitySchemes": map[string]any{"token": map[string]any{"type": "http", "scheme": "bearer"}},
			"schemas":         map[string]any{"error": map[string]any{"type": "object", "required": []string{"error"}, "properties": map[string]any{"error": map[string]any{"type": "string"}}}},
		},
		"security": []any{map[string]any{"token": []string{}}},
	}, nil
}

// describe is a route as the document has it.
func (r route) describe() (map[string]any, error) {
	list := []any{}
	for _, match := range inPath.FindAllStringSubmatch(r.path, -1) {
		list = append(list, map[string]any{"name": match[1], "in": "path", "required": true, "description": parameters[match[1]], "schema": map[string]any{"type": "string"}})
	}
	for _, name := range r.doc.query {
		list = append(list, map[string]any{"name": name, "in": "query", "description": parameters[name], "schema": map[string]any{"type": "string"}})
	}
	status := r.doc.status
	if status == 0 {
		status = http.StatusOK
	}
	responds := map[string]any{"description": http.StatusText(status)}
	switch {
	case r.doc.responds != nil:
		schema, err := schemaOf(r.doc.responds)
		if err != nil {
			return nil, err
		}
		responds["content"] = map[string]any{"application/json": map[string]any{"schema": schema}}
	case r.doc.media != "":
		responds["content"] = map[string]any{r.doc.media: map[string]any{}}
	}
	failed := map[string]any{"description": "Not done", "content": map[string]any{"application/json": map[string]any{"schema": map[string]any{"$ref": "#/components/schemas/error"}}}}
	role := "Role: " + string(r.role)
	if r.about == nothing {
		role = "No role: the signature of the forge is verified"
	}
	described := map[string]any{
		"operationId": r.operationID(), "summary": r.doc.summary, "description": role,
		"parameters": list, "responses": map[string]any{strconv.Itoa(status): responds, "default": failed},
	}
	if r.about == nothing {
		described["security"] = []any{}
	}
	if r.doc.body != nil {
		schema, err := schemaOf(r.doc.body)
		if err != nil {
			return nil, err
		}
		described["requestBody"] = map[string]any{"required": true, "content": map[string]any{"application/json": map[string]any{"schema": schema}}}
	}
	return described, nil
}

// operationID is the method and the words of the path.
func (r route) operationID() string {
	words := strings.FieldsFunc(strings.TrimPrefix(r.path, apiPrefix), func(c rune) bool { return strings.ContainsRune("/{}.", c) })
	return strings.ToLower(r.method) + "_" + strings.Join(words, "_")
}

func schemaOf(t reflect.Type) (*jsonschema.Schema, error) {
	schema, err := jsonschema.ForType(t, &jsonschema.ForOptions{TypeSchemas: map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[time.Time]():       {Type: "string", Format: "date-time"},
		reflect.TypeFor[json.RawMessage](): {Type: "object"},
	}})
	if err != nil {
		return nil, fmt.Errorf("describe %s: %w", t, err)
	}
	return schema, nil
}
