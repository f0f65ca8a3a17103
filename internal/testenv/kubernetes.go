package testenv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// Where the schemas of Kubernetes' own kinds and those of the Prometheus Operator come from: the sources of both.
const (
	kubernetesModule = "k8s.io/kubernetes@v1.36.3"
	operatorModule   = "github.com/prometheus-operator/prometheus-operator@v0.94.0"
)

// Helm runs Helm in a folder that holds the given files, and returns its output and how it ended.
func Helm(t testing.TB, files map[string]string, args ...string) (string, error) {
	t.Helper()
	return runTool(t, "helm", files, args)
}

// Kubeconform holds manifests, by the names of their files, against what Kubernetes and the Prometheus Operator say of
// their kinds: a kind or a key that is unknown is a fault, and so is a doubled key. It returns a line for each resource.
func Kubeconform(t testing.TB, manifests map[string]string) (string, error) {
	t.Helper()
	Live(t)
	schemas, err := ensureSchemas(t.Context(), t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"-strict", "-verbose", "-schema-location", schemas + "/{{ .ResourceKind }}{{ .KindSuffix }}.json"}
	return runTool(t, "kubeconform", manifests, append(args, slices.Sorted(maps.Keys(manifests))...))
}

// ensureSchemas returns a folder with a JSON schema for each kind, under the name that Kubeconform gives it.
func ensureSchemas(ctx context.Context, log Log) (string, error) {
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	name := "schemas/" + strings.ReplaceAll(kubernetesModule+"-"+operatorModule, "/", "_")
	return ensure(cache, name, log, func(dir string) error {
		kubernetes, err := download(ctx, dir, kubernetesModule)
		if err != nil {
			return err
		}
		if err := kubernetesSchemas(dir, filepath.Join(kubernetes, "api/openapi-spec/swagger.json")); err != nil {
			return err
		}
		operator, err := download(ctx, dir, operatorModule)
		if err != nil {
			return err
		}
		return customSchemas(dir, filepath.Join(operator, "example/prometheus-operator-crd/*.yaml"))
	})
}

// kubernetesSchemas writes a schema for each kind of Kubernetes' own description, with the definitions that it is
// made of.
func kubernetesSchemas(dir, description string) error {
	b, err := os.ReadFile(description)
	if err != nil {
		return err
	}
	var swagger struct{ Definitions map[string]any }
	if err := json.Unmarshal(b, &swagger); err != nil {
		return fmt.Errorf("%s: %w", description, err)
	}
	for name, definition := range swagger.Definitions {
		closeObjects(definition)
		d := definition.(map[string]any)
		if d["format"] == "int-or-string" {
			d["type"] = []any{"integer", "string"}
		}
		swagger.Definitions[name] = d
	}
	for name, definition := range sorted(swagger.Definitions) {
		kinds, _ := definition.(map[string]any)["x-kubernetes-group-version-kind"].([]any)
		if len(kinds) != 1 {
			continue // It is part of others, or serves all groups as DeleteOptions does.
		}
		needed := map[string]any{}
		gather(swagger.Definitions, definition, needed)
		needed[name] = definition
		kind := kinds[0].(map[string]any)
		schema := map[string]any{"$ref": "#/definitions/" + name, "definitions": needed}
		if err := writeSchema(dir, kind["kind"].(string), kind["group"].(string), kind["version"].(string), schema); err != nil {
			return err
		}
	}
	return nil
}

// gather puts into needed all definitions that the schema refers to.
func gather(definitions map[string]any, schema any, needed map[string]any) {
	switch s := schema.(type) {
	case map[string]any:
		if ref, ok := s["$ref"].(string); ok {
			name := strings.TrimPrefix(ref, "#/definitions/")
			if _, seen := needed[name]; !seen {
				needed[name] = definitions[name]
				gather(definitions, definitions[name], needed)
			}
		}
		for _, part := range s {
			gather(definitions, part, needed)
		}
	case []any:
		for _, part := range s {
			gather(definitions, part, needed)
		}
	}
}

// customSchemas writes the schemas that custom resource definitions hold.
func customSchemas(dir, pattern string) error {
	files, err := filepath.Glob(pattern)
	if err == nil && len(files) == 0 {
		err = errors.New("there is no such file")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", pattern, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var definition struct {
			Spec struct {
				Group    string
				Names    struct{ Kind string }
				Versions []struct {
					Name   string
					Schema struct {
						OpenAPIV3Schema map[string]any `yaml:"openAPIV3Schema"`
					}
				}
			}
		}
		if err := yaml.Unmarshal(b, &definition); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		for _, version := range definition.Spec.Versions {
			schema := version.Schema.OpenAPIV3Schema
			closeObjects(schema)
			if err := writeSchema(dir, definition.Spec.Names.Kind, definition.Spec.Group, version.Name, schema); err != nil {
				return err
			}
		}
	}
	return nil
}

// closeObjects refuses keys that a schema does not name, in each object of which it names some.
func closeObjects(schema any) {
	switch s := schema.(type) {
	case map[string]any:
		_, named := s["properties"].(map[string]any)
		_, decided := s["additionalProperties"]
		open, _ := s["x-kubernetes-preserve-unknown-fields"].(bool)
		if named && s["type"] == "object" && !decided && !open {
			s["additionalProperties"] = false
		}
		for _, part := range s {
			closeObjects(part)
		}
	case []any:
		for _, part := range s {
			closeObjects(part)
		}
	}
}

// writeSchema writes a schema where Kubeconform's KindSuffix looks for it.
func writeSchema(dir, kind, group, version string, schema any) error {
	parts := []string{strings.ToLower(kind), strings.ToLower(version)}
	if group != "" {
		first, _, _ := strings.Cut(group, ".")
		parts = slices.Insert(parts, 1, strings.ToLower(first))
	}
	b, err := json.Marshal(schema)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, strings.Join(parts, "-")+".json"), b, 0o644)
}
