package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/auditor"
)

// Version is set by the linker for a release (-ldflags "-X …/internal/cli.Version=1.2.3"); otherwise the module's own version is shown.
var Version string

func tool() audit.Tool { return auditor.Tool(Version) }

// build is everything that tells one program from another.
type build struct {
	audit.Tool
	Commit       string `json:"commit,omitempty"`   // of the sources
	Modified     bool   `json:"modified,omitempty"` // the sources were not as committed
	Go           string `json:"go"`
	Platform     string `json:"platform"`
	PolicyDigest string `json:"policy_digest"` // of the built-in policies and profiles, as reports name it
}

func thisBuild() (build, error) {
	library, err := auditor.Policies(nil)
	if err != nil {
		return build{}, err
	}
	b := build{Tool: tool(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, PolicyDigest: library.Digest()}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			switch setting.Key {
			case "vcs.revision":
				b.Commit = setting.Value
			case "vcs.modified":
				b.Modified = setting.Value == "true"
			}
		}
	}
	return b, nil
}

func (a *app) versionCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use: "version", Short: "Print the version; with -o json also commit, Go and the digest of the policies", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if format != asJSON {
				_, err := fmt.Fprintln(a.Out, "prelaunch", tool().Version)
				return err
			}
			b, err := thisBuild()
			if err != nil {
				return err
			}
			return a.printJSON(b)
		},
	}
	listingFlag(cmd, &format)
	return cmd
}
