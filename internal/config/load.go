// Package config reads prelaunch.yaml, strictly: every mistake of a file is reported at once, with file, line, column and what to
// do about it, and no message repeats a value that may be a key.
//
// The configuration may come from the audited team, so loading it touches no network, runs nothing and reads only the files it
// names as evidence and certificates, bounded. Keys are read by ResolveKeys, which the caller invokes when they are needed.
package config

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc/shape"
)

// maxFile bounds a configuration, in bytes: a few hundred waivers and attestations are a tenth of it.
const maxFile = 1 << 20

// Options are what Load needs to know in addition to the file.
type Options struct {
	// Checks are the checks there are, built-in and the user's, for the ids in attestations and waivers; nil: ids are not checked.
	Checks []audit.CheckInfo
	// PolicyDigest is that of the policies at hand, which the configuration may pin; empty: it is not checked.
	PolicyDigest string
	// Now is the clock; nil: the machine's.
	Now func() time.Time
	// Permissions are those of the command line.
	Permissions Permissions
	// LookupEnv reads the reviewer's environment, for $CREDENTIALS_DIRECTORY; nil: there is none.
	LookupEnv func(name string) (value string, set bool)
}

// Load reads and checks a configuration, fills in defaults and takes in the evidence and certificates that it names. It contacts
// nobody, runs nothing and reads no key. Mistakes of the file are an *Error that lists them all.
func Load(path string, options Options) (*audit.Integration, error) {
	raw, err := readConfiguration(path)
	if err != nil {
		return nil, err
	}
	directory, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("find the directory of %s: %w", path, err)
	}
	found := shape.NewProblems(path)
	integration, err := read(raw, directory, options, found)
	if err != nil {
		return nil, err
	}
	if err := found.Err(); err != nil {
		return nil, err
	}
	integration.File, integration.Digest, integration.Source = path, audit.Digest(raw), raw
	return integration, nil
}

func readConfiguration(path string) (raw []byte, err error) {
	file, err := os.Open(path)
	if os.IsNotExist(err) {
		return nil, fmt.Errorf("%s does not exist: name the configuration, or write one with `prelaunch init`", path)
	}
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	defer func() { _ = file.Close() }() // only read from
	raw, err = io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	if len(raw) > maxFile {
		return nil, fmt.Errorf("%s is larger than %d KiB: this is no configuration of prelaunch", path, maxFile>>10)
	}
	return raw, nil
}

// read turns the text of a configuration into an integration; what is wrong goes to found. Paths start at directory.
func read(raw []byte, directory string, options Options, found *shape.Problems) (*audit.Integration, error) {
	if options.Now == nil {
		options.Now = time.Now
	}
	guard, err := newGuard(directory, options)
	if err != nil {
		return nil, err
	}
	tree, positions := root().Read(raw, "the configuration", "`prelaunch init` writes one to start from", found)
	if tree == nil && positions == nil {
		return nil, nil
	}
	r := &reader{found: found, options: options, guard: guard, integration: &audit.Integration{Directory: directory, Positions: positions}}
	r.integrationFrom(tree)
	return r.integration, nil
}

// Schema is the JSON Schema of the configuration, made from the table that Load reads by.
func Schema() *jsonschema.Schema { return root().Schema("Configuration of prelaunch") }
