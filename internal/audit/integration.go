package audit

import (
	"crypto/tls"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// The names that environments mostly have. An integration with another provider may have one or several, of any name.
const (
	Test       = "test"
	Production = "production"
)

// SameBuild is no check: attesting it says that both environments run the same build, so what was observed in Test holds for
// Production where that is probed carefully.
const SameBuild = "environments.same-build"

// Integration is what is audited, as its configuration declares it. Its JSON is part of the facts, so everything secret or
// machine-bound is left out of it. Slices are never nil after config.Load, so that the facts hold [] and not null.
type Integration struct {
	Name     string `json:"name"`
	Provider string `json:"provider"`
	// ProviderProfile is the text of the provider's profile where it is not the built-in one as it is.
	ProviderProfile string   `json:"provider_profile,omitempty"`
	EventTypes      []string `json:"event_types"`
	// Declared names the optional top-level sections that the configuration has, be they empty, such as "clients": an absent section
	// is inconclusive, an empty one is not applicable.
	Declared      []string       `json:"declared"`
	Authorized    *Authorization `json:"authorized,omitempty"`
	DeclaredEmpty []EmptySection `json:"declared_empty,omitzero"` // repositories, clients and logs that are said not to exist
	// Environments are what is audited, one or several, in the order of the configuration; Test before Production. An audit of one
	// environment alone needs no other: checks that compare environments are not applicable then.
	Environments []Environment `json:"environments"`
	// LeftOut is what an audit of one environment leaves out of the configuration; nil: nothing.
	LeftOut        *LeftOut       `json:"left_out,omitempty"`
	ProviderChecks bool           `json:"provider_checks"`
	RetiredKeys    []RetiredKey   `json:"retired_keys"`
	Repositories   []Repository   `json:"repositories"`
	Workloads      []Workload     `json:"workloads"`
	Clients        []Client       `json:"clients"`
	Logs           []LogSource    `json:"logs"`
	Access         Access         `json:"access"`
	Attestations   []Attestation  `json:"attestations"`
	Waivers        []Waiver       `json:"waivers"`
	Network        NetworkOptions `json:"network"`

	// ProfileFiles are the files that the provider's profile is made of: a user's own profile, and bodies of events; as written.
	ProfileFiles []string `json:"-"`

	// Outside lists the files and directories outside Directory that are read without a permission of their own.
	Outside []Override `json:"-"`
	// Needs lists what the configuration may not use without a flag, when it was read for a plan.
	Needs []Permission `json:"-"`

	// AllowedAPIHosts are the API hosts next to the provider's own to which keys may go, from the command line.
	AllowedAPIHosts []string `json:"-"`

	// AllowedAddresses are contacted although they are link-local, cloud metadata, or private and named by content only; from the
	// command line.
	AllowedAddresses []netip.Prefix `json:"-"`

	// PublicOnly leaves loopback and private addresses alone unless AllowedAddresses has them, even of hosts that the configuration
	// names: for a server, which can reach more than the audited team can.
	PublicOnly bool `json:"-"`

	// PlainLoopback lets what is made with a key go over plain HTTP to this machine itself: to a developer's own receiver.
	PlainLoopback bool `json:"-"`

	Directory string `json:"-"` // the configuration's, absolute; relative paths start here
	File      string `json:"-"` // the configuration file as the user named it
	Digest    string `json:"-"` // "sha256:" and the hex digest of the configuration file
	Source    []byte `json:"-"` // the configuration file's bytes, in which no key may stand

	// Positions tell where in File a setting stands, by its path such as "environments.production.webhook_url" or "waivers[0]".
	Positions map[string]Position `json:"-"`
}

// Position is a place in a file, counted from 1; the zero Position is not known. Columns are characters.
type Position struct{ Line, Column int }

// Resolve makes a path of the configuration absolute: relative ones start at the configuration's directory.
func (i *Integration) Resolve(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(i.Directory, path)
}

// Authorization names who allowed the audit.
type Authorization struct {
	By        string `json:"by"`
	On        Date   `json:"on"`
	Reference string `json:"reference"` // where that is written down, such as a ticket
}

// EmptySection is a section of the configuration that is declared to have nothing in it. A bare [] names nobody and does not
// expire.
type EmptySection struct {
	Section string `json:"section"`
	By      string `json:"by"`
	On      Date   `json:"on"`
	Reason  string `json:"reason"`
	Expires Date   `json:"expires"` // the last day on which the declaration holds; unset without a name
}

// Permission is a flag that only the reviewer may give, for a setting of the configuration.
type Permission struct{ Setting, Flag string }

// KernelFile reports whether an absolute, clean path is in a file system of the kernel's, where reading a file has effects,
// never ends or shows the memory and variables of other programs.
func KernelFile(path string) bool {
	for _, root := range []string{"/proc", "/sys", "/dev"} {
		if path == root || strings.HasPrefix(path, root+"/") {
			return true
		}
	}
	return false
}

// Environment is where an integration runs: one receiver with its key.
type Environment struct {
	Name          string       `json:"name"`
	IntegrationID string       `json:"integration_id"`
	Key           KeyReference `json:"api_key"`
	// KeyPair says that the key is the private one of a pair of the reviewer's, whose public key the receiver
	// has in place of the provider's.
	KeyPair    bool      `json:"key_pair,omitempty"`
	WebhookURL string    `json:"webhook_url"`
	Redirects  Redirects `json:"redirect_urls"`
	APIBaseURL string    `json:"api_base_url"`
	Probing    string    `json:"probing"` // Full, Careful or Passive
	ProbeUIDs  []string  `json:"probe_uids"`
	Receiver   string    `json:"receiver"` // Inline or Queued
	Effects    Command   `json:"-"`        // the observer's command with "{uid}" in it; empty: none
	HasEffects bool      `json:"has_effects"`
	// Captured is a recorded delivery of the provider's to this environment; nil: none.
	Captured *Capture `json:"captured,omitempty"`
}

// Capture is a recorded delivery.
type Capture struct {
	Path    string `json:"path"`   // as written
	SHA256  string `json:"sha256"` // "sha256:" and hex
	Content []byte `json:"-"`
}

// Values of Environment.Probing and Environment.Receiver.
const (
	Full    = "full"
	Careful = "careful"
	Passive = "passive"
	Inline  = "inline"
	Queued  = "queued"
)

// Redirects are the URLs a user is sent to; an empty one is not set.
type Redirects struct {
	Completion   string `json:"completion"`
	Cancellation string `json:"cancellation"`
	Expiry       string `json:"expiry"`
}

// ByName lists the redirect URLs with their names, in the order of the documentation.
func (r Redirects) ByName() [3]struct{ Name, URL string } {
	return [3]struct{ Name, URL string }{{"completion", r.Completion}, {"cancellation", r.Cancellation}, {"expiry", r.Expiry}}
}

// Where a key comes from.
const (
	FromEnv         = "env"
	FromFile        = "file"
	FromCommand     = "command"
	FromFingerprint = "sha256"
)

// KeyReference says where a key is kept, and holds it once it was resolved.
type KeyReference struct {
	Source   string     `json:"source"`             // FromEnv, FromFile, FromCommand or FromFingerprint
	Variable string     `json:"variable,omitempty"` // of FromEnv
	Path     string     `json:"path,omitempty"`     // of FromFile, as written
	File     string     `json:"-"`                  // of FromFile, with symbolic links resolved; empty: it may not be read
	Command  Command    `json:"-"`                  // of FromCommand; its arguments may be telling, so only Program is a fact
	Program  string     `json:"program,omitempty"`  // of FromCommand, its first word
	Key      secret.Key `json:"-"`
}

// RetiredKey is a key that was rotated out.
type RetiredKey struct {
	KeyReference
	Environment   string `json:"environment"`
	AcceptedUntil Date   `json:"accepted_until"` // the end of the rotation window; zero: none
}

// Repository is a git repository whose every object is searched for keys.
type Repository struct {
	Path string `json:"path"`
}

// Workload is a file or directory of manifests that show where the receiver gets its key.
type Workload struct {
	Path        string `json:"path"`
	Environment string `json:"environment"` // empty: all
}

// Client is what reaches browsers and phones: a bundle on disk or a live page; one of Path and URL is set.
type Client struct {
	Path        string `json:"path,omitempty"`
	URL         string `json:"url,omitempty"`
	Environment string `json:"environment"` // empty: all
}

// LogSource is a glob of log files or a command that prints a log; one of Path and Command is set.
type LogSource struct {
	Path        string  `json:"path,omitempty"`
	Command     Command `json:"-"`
	Program     string  `json:"program,omitempty"` // the command's first word
	Environment string  `json:"environment"`       // empty: all
	Marker      string  `json:"marker,omitempty"`  // pattern that shows that the log has caught up
}

// Access is who may use the provider's dashboard.
type Access struct {
	Roster string `json:"roster"` // path of the CSV, empty: none
	// RosterColumns are the titles of its columns by what they hold, such as "email"; what is not in it goes by its common names.
	RosterColumns map[string]string `json:"roster_columns,omitempty"`
	// RosterRoles are what its roles are, by the word that it has for them in lower case.
	RosterRoles    map[string]string `json:"roster_roles,omitempty"`
	ExportedOn     Date              `json:"exported_on"`
	AllowedDomains []string          `json:"allowed_domains"`
	MaxAdmins      int               `json:"max_admins"`
	ReviewedBy     string            `json:"reviewed_by"`
	ReviewedOn     Date              `json:"reviewed_on"`
}

// Roles of a dashboard account.
const (
	RoleAdmin  = "Admin"
	RoleViewer = "Viewer"
)

// Attestation is a person's statement of what no program can observe.
type Attestation struct {
	Check          string `json:"check"`
	Statement      string `json:"statement"`
	By             string `json:"by"`
	On             Date   `json:"on"`
	Evidence       string `json:"evidence,omitempty"`        // path as written
	EvidenceSHA256 string `json:"evidence_sha256,omitempty"` // "sha256:" and hex
	Expires        Date   `json:"expires"`                   // the last day on which it holds
}

// Waiver accepts a finding for a while. It holds up to and including Expires.
type Waiver struct {
	Check       string `json:"check"`
	Finding     string `json:"finding,omitempty"`     // id of the one finding that is waived; empty: all of the check's
	Environment string `json:"environment,omitempty"` // empty: any
	Reason      string `json:"reason"`
	Owner       string `json:"owner"`
	ApprovedBy  string `json:"approved_by"`
	Expires     Date   `json:"expires"`
}

// NetworkOptions say how the receivers are reached.
type NetworkOptions struct {
	CAFile           string              `json:"ca_file,omitempty"`
	ProviderTrustsCA bool                `json:"provider_trusts_ca"`
	ClientCert       string              `json:"client_certificate,omitempty"` // path of the certificate
	ClientKey        string              `json:"-"`                            // path of its private key
	Resolve          map[string][]string `json:"resolve,omitempty"`            // "host:port" → "address:port" …
	Vantage          string              `json:"vantage"`                      // Public or Allowlisted
	Timeout          time.Duration       `json:"-"`                            // per request
	RequestsPerSec   map[string]float64  `json:"max_requests_per_second"`      // environment → rate towards its receiver
	FreshConnections int                 `json:"fresh_connections"`

	ExtraRootsPEM     []byte           `json:"-"` // content of CAFile
	ClientCertificate *tls.Certificate `json:"-"`
}

// Leads reports whether Resolve has an entry for a host.
func (o NetworkOptions) Leads(host string) bool {
	name := func(host string) string { return strings.ToLower(strings.TrimSuffix(host, ".")) }
	for key := range o.Resolve {
		if at, _, err := net.SplitHostPort(key); err == nil && name(at) == name(host) {
			return true
		}
	}
	return false
}

// Values of NetworkOptions.Vantage.
const (
	Public      = "public"
	Allowlisted = "allowlisted"
)

// Environment returns the environment of that name.
func (i *Integration) Environment(name string) (Environment, bool) {
	for _, environment := range i.Environments {
		if environment.Name == name {
			return environment, true
		}
	}
	return Environment{}, false
}

// Keys lists every key the integration refers to: the environments' and the retired ones.
func (i *Integration) Keys() []secret.Key {
	var keys []secret.Key
	for _, environment := range i.Environments {
		keys = append(keys, environment.Key.Key)
	}
	for _, retired := range i.RetiredKeys {
		keys = append(keys, retired.Key)
	}
	return keys
}
