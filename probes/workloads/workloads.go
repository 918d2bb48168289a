// Package workloads describes where deployment manifests say that the receiver gets its key: Kubernetes manifests, Compose files, task
// definitions of container services, systemd units. What it shows is where a key comes from; the values of variables are compared
// with the configured keys and forgotten.
package workloads

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/gitrepo"
	"github.com/prelaunch-audit/prelaunch/internal/keyscan"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc"
)

// Status is a fact of kind "workload.status": how far one declared workload could be read.
type Status struct {
	Path        string   `json:"path"`        // as declared
	Environment string   `json:"environment"` // empty: both
	State       string   `json:"state"`       // read, missing, unreadable, empty (it holds no manifest) or cut_short (too many files)
	Files       int      `json:"files"`       // manifests that were read
	Unread      []Unread `json:"unread"`      // files that look like manifests and could not be read
}

// Unread is a file that could not be read.
type Unread struct {
	File   string `json:"file"`
	Reason string `json:"reason"` // such as "no valid YAML"
}

// Key is a fact of kind "workload.key": one place that says where a key comes from.
type Key struct {
	Path        string `json:"path"`        // of the workload, as declared
	Environment string `json:"environment"` // of the workload, empty: both
	File        string `json:"file"`        // relative to the workload, its base name when the workload is one file
	Line        int    `json:"line"`
	Format      string `json:"format"` // manifest (Kubernetes, Compose, task definition) or systemd
	Name        string `json:"name"`   // of the variable, secret or credential
	// Source is secret_reference (a secret of the orchestrator or a secret manager), secret_mount, credential (systemd's),
	// environment_file, variable (handed in when it is deployed), sealed (encrypted in the manifest), config_map, literal_key (a
	// configured key is found in a manifest, in a comment too), literal_file (it is found in a file next to the manifests: of variables, of a
	// secret, a Dockerfile) or literal_unknown (what stands there looks like a key and is none of the configured).
	Source         string `json:"source"`
	OwnerOnly      bool   `json:"owner_only"`      // of literal_file: no other user may read it
	KeyEnvironment string `json:"key_environment"` // of literal_key and literal_file
	Role           string `json:"role"`            // of literal_key and literal_file: current or retired
	Fingerprint    string `json:"fingerprint"`     // of literal_key and literal_file
}

const (
	kindStatus = "workload.status"
	kindKey    = "workload.key"
)

// Bounds of one workload.
const (
	maxFiles       = 2000    // manifests that are read
	maxBeside      = 5000    // files next to them that are searched for keys
	maxBesideBytes = 4 << 30 // of one such file
	maxWalked      = 50_000  // directories and files that are checked
	maxKeys        = 200     // places that are told
	maxUnread      = 20
)

type probe struct{}

// New returns the probe.
func New() audit.Probe { return probe{} }

func (probe) Name() string  { return "workloads" }
func (probe) Title() string { return "deployment manifests" }

func (probe) Kinds() []audit.Kind {
	return []audit.Kind{audit.KindOf[Status](kindStatus), audit.KindOf[Key](kindKey)}
}

func (probe) Plan(integration *audit.Integration, _ func(check string) bool) []audit.Step {
	var steps []audit.Step
	for _, workload := range integration.Workloads {
		steps = append(steps, audit.Step{Probe: "workloads", Environment: workload.Environment, Action: "read", Target: workload.Path, Detail: "deployment manifests"})
	}
	return steps
}

func (probe) Run(ctx context.Context, run *audit.Run) error {
	if len(run.Integration.Workloads) == 0 { // the search takes a quarter of a megabyte
		return nil
	}
	known, err := newRecognizer(run)
	if err != nil {
		return fmt.Errorf("read workloads: %w", err)
	}
	for i, workload := range run.Integration.Workloads {
		if err := look(ctx, run, known, workload); err != nil {
			return err
		}
		run.Advance(i+1, len(run.Integration.Workloads))
	}
	return nil
}

// look reads one workload.
func look(ctx context.Context, run *audit.Run, known *recognizer, workload audit.Workload) error {
	status := Status{Path: known.search.Shown(workload.Path), Environment: workload.Environment, State: "read", Unread: []Unread{}}
	root := run.Integration.Resolve(workload.Path)
	files, state := manifests(ctx, root)
	if state != "" {
		status.State = state
	}
	before := known.scanner.Opaque()
	defer func() {
		keyscan.NotDecoded(run, status.Path, workload.Environment, known.scanner.Opaque()-before)
	}()
	seen := map[Key]bool{}
	tell := func(file string, found []Key) {
		for _, key := range found {
			key.Path, key.Environment, key.File, key.Name = status.Path, workload.Environment, file, known.search.Shown(key.Name)
			switch {
			case seen[key]:
			case len(seen) == maxKeys:
				status.State = "cut_short"
			default:
				seen[key] = true
				run.Sink.Emit(kindKey, key)
			}
		}
	}
	for _, file := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		name, err := filepath.Rel(root, file)
		if err != nil || name == "." {
			name = filepath.Base(file)
		}
		name = known.search.Shown(filepath.ToSlash(name))
		if formatOf(file) == "" && file != root {
			beside, err := known.literals(ctx, file)
			if errors.Is(err, errTooLarge) {
				status.State = "cut_short" // a key may be in it
				continue
			}
			if err != nil {
				return err
			}
			tell(name, beside)
			continue
		}
		found, problem := read(ctx, known, file, len(files) == 1 && file == root)
		if problem != "" {
			if len(status.Unread) < maxUnread {
				status.Unread = append(status.Unread, Unread{File: name, Reason: problem})
			}
		} else {
			status.Files++
		}
		tell(name, found)
	}
	if status.State == "read" && status.Files == 0 && len(status.Unread) == 0 {
		status.State = "empty"
	}
	run.Sink.Emit(kindStatus, status)
	return ctx.Err()
}

// manifests lists the files under root, or root itself: manifests, and what stands next to them. Symbolic links to directories are not followed.
func manifests(ctx context.Context, root string) (files []string, state string) {
	info, err := os.Stat(root)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, "missing"
	case err != nil:
		return nil, "unreadable"
	case !info.IsDir():
		return []string{root}, ""
	}
	walked, beside, read := 0, 0, 0
	err = filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		walked++
		switch {
		case ctx.Err() != nil:
			return fs.SkipAll
		case err != nil:
			state = "unreadable"
			if entry != nil && entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case walked > maxWalked || read == maxFiles:
			state = "cut_short"
			return fs.SkipAll
		case entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "node_modules"):
			return fs.SkipDir
		case entry.IsDir():
		case formatOf(file) != "":
			read++
			files = append(files, file)
		case beside == maxBeside:
			state = "cut_short" // a key may be found in what is left; the manifests are read all the same
		default:
			beside++
			files = append(files, file)
		}
		return nil
	})
	if err != nil {
		state = "unreadable"
	}
	return files, state
}

// unitExtensions are those of systemd's units and drop-ins, and of Podman's.
var unitExtensions = []string{".service", ".container", ".conf", ".pod", ".kube"}

func formatOf(file string) string {
	switch extension := strings.ToLower(filepath.Ext(file)); {
	case slices.Contains([]string{".yml", ".yaml", ".json"}, extension):
		return "manifest"
	case slices.Contains(unitExtensions, extension):
		return "systemd"
	}
	return ""
}

// read finds the keys in one file; problem tells why it could not be read, for a reader. alone: the workload is this very file.
func read(ctx context.Context, known *recognizer, file string, alone bool) (found []Key, problem string) {
	text, err := readRegular(file, yamldoc.MaxBytes)
	if err != nil {
		return nil, whyUnread(err)
	}
	defer func() { found = known.overlooked(ctx, file, text, found) }()
	if formatOf(file) == "systemd" {
		return readUnit(known, file, text, alone), ""
	}
	documents, err := yamldoc.Read(text)
	reading := &manifest{recognizer: known, file: file, alone: alone}
	for _, document := range documents {
		reading.document(document)
	}
	switch {
	case errors.Is(err, yamldoc.ErrNotYAML):
		return reading.found, "it is no valid YAML; of a template, declare what it is rendered to"
	case err != nil:
		return reading.found, "it is larger than what is read of a manifest"
	}
	return reading.found, ""
}

var errTooLarge = errors.New("larger than what is read of a file")

// readRegular reads a regular file of at most limit bytes; a pipe would block.
func readRegular(file string, limit int64) ([]byte, error) {
	f, _, err := gitrepo.OpenFile(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read from
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = errTooLarge
	}
	return text, err
}

func whyUnread(err error) string {
	switch {
	case errors.Is(err, errTooLarge):
		return "it is larger than what is read of a manifest"
	case errors.Is(err, fs.ErrPermission):
		return "permission denied"
	case errors.Is(err, fs.ErrNotExist):
		return "it points to a file that does not exist"
	}
	return "it cannot be read"
}
