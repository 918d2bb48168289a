package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/auditor"
	"github.com/prelaunch-audit/prelaunch/internal/config"
	"github.com/prelaunch-audit/prelaunch/internal/policy"
	"github.com/prelaunch-audit/prelaunch/internal/report"
	"github.com/prelaunch-audit/prelaunch/policies"
)

// defaultFile is the configuration that is read when none is named.
const defaultFile = "prelaunch.yaml"

func fileArgument(args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return defaultFile
}

func (a *app) readConfiguration(ctx context.Context, file string, library *policy.Library, permissions config.Permissions) (*audit.Integration, error) {
	return interruptible(ctx, func() (*audit.Integration, error) {
		return config.Load(file, config.Options{Checks: library.Checks(), PolicyDigest: library.Digest(), Now: a.now, Permissions: permissions, LookupEnv: a.LookupEnv})
	})
}

// load reads a configuration without resolving a key, and rejects one in whose text a key stands that is known all the same.
func (a *app) load(ctx context.Context, file string, library *policy.Library, permissions config.Permissions) (*audit.Integration, error) {
	integration, err := a.readConfiguration(ctx, file, library, permissions)
	if err != nil {
		return nil, err
	}
	return integration, config.RefuseLiteralKeys(integration, a.LookupEnv)
}

// interruptible returns when ctx ends, though read may wait for ever: for a terminal, or for a pipe that nobody writes to. What it
// waits for is left to the end of the process.
func interruptible[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type result struct {
		value    T
		err      error
		panicked any
	}
	ended := make(chan result, 1)
	go func() {
		var r result
		defer func() {
			r.panicked = recover()
			ended <- r
		}()
		r.value, r.err = read()
	}()
	select {
	case r := <-ended:
		if r.panicked != nil {
			panic(r.panicked) // where Main recovers
		}
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// readBounded reads a file, or standard input for "-".
func (a *app) readBounded(ctx context.Context, path string, limit int64) ([]byte, error) {
	return interruptible(ctx, func() ([]byte, error) { return a.readAtMost(path, limit) })
}

func (a *app) readAtMost(path string, limit int64) ([]byte, error) {
	source := a.In
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, errors.Unwrap(err))
		}
		defer file.Close() //nolint:errcheck // only read
		source = file
	}
	raw, err := io.ReadAll(io.LimitReader(source, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if int64(len(raw)) > limit {
		return nil, fmt.Errorf("read %s: it is larger than %d MB", path, limit>>20)
	}
	return raw, nil
}

// readFacts reads stored facts and holds them to their schema.
func (a *app) readFacts(ctx context.Context, path string) (*audit.Document, error) {
	raw, err := a.readBounded(ctx, path, audit.MaxDocument)
	if err != nil {
		return nil, err
	}
	document, err := audit.DecodeDocument(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := validateFacts(raw); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if document.Profile.Name == "" { // facts of a version that knew one provider
		if document.Profile, err = auditor.Profile(&document.Integration); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return document, nil
}

var factsSchema = sync.OnceValues(func() (*jsonschema.Resolved, error) {
	raw, err := policies.FS.ReadFile(policy.SchemaFile)
	if err != nil {
		return nil, err
	}
	var schema jsonschema.Schema
	if err := json.Unmarshal(raw, &schema); err != nil {
		return nil, err
	}
	return schema.Resolve(nil)
})

// validateFacts holds stored facts to their schema: a policy must not read a member that is of another type than it was compiled for.
func validateFacts(raw []byte) error {
	schema, err := factsSchema()
	if err != nil {
		return fmt.Errorf("read the schema of the facts: %w", err)
	}
	var document any
	if err := json.Unmarshal(raw, &document); err != nil {
		return fmt.Errorf("the facts are no valid JSON: %w", err)
	}
	if err := schema.Validate(document); err != nil {
		return fmt.Errorf("the facts do not have the shape that this version judges (`prelaunch schema facts`): %w", err)
	}
	return nil
}

func (a *app) readReport(ctx context.Context, path string) (*audit.Report, []byte, error) {
	raw, err := a.readBounded(ctx, path, report.MaxSize)
	if err != nil {
		return nil, nil, err
	}
	read, err := report.Read(raw)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return read, raw, nil
}
