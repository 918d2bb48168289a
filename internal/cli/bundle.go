package cli

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/prelaunch-audit/prelaunch/internal/report"
)

// bundleReadme is found in every bundle.
const bundleReadme = `What prelaunch says of an audit, for a support case.

report.json    the report, facts.json what it was judged from (where it was given), versions.json the program
Names of hosts, addresses, people, files, users and of the integration are replaced, each by the same stand-in everywhere; what
people wrote and the commands of the configuration are removed. Keys and signatures are in no document of prelaunch to begin with.
Read the files before you hand them on.
`

func (a *app) bundleCommand() *cobra.Command {
	var facts, output string
	cmd := &cobra.Command{
		Use: "bundle REPORT", Short: "Pack a report without the names in it, for a support case", Args: cobra.ExactArgs(1),
		Long: `Packs a report (-o json), the facts behind it and the versions into a ZIP archive. Hosts, addresses, people, files and the
integration are replaced by stand-ins; nothing is sent anywhere.`,
		Example: "  prelaunch bundle report.json --facts facts.json --to bundle.zip",
		RunE: func(cmd *cobra.Command, args []string) error {
			archive, err := a.bundle(cmd.Context(), args[0], facts)
			if err != nil {
				return err
			}
			if err := report.Save(output, archive); err != nil {
				return fmt.Errorf("write the bundle: %w", err)
			}
			a.notice("%s holds no names; read it before you hand it on", report.Plain(output))
			return nil
		},
	}
	cmd.Flags().StringVar(&facts, "facts", "", "the `FACTS` that the report was judged from")
	cmd.Flags().StringVar(&output, "to", "prelaunch-bundle.zip", "`FILE` to write")
	return cmd
}

func (a *app) bundle(ctx context.Context, reportPath, factsPath string) ([]byte, error) {
	read, _, err := a.readReport(ctx, reportPath)
	if err != nil {
		return nil, err
	}
	documents := []any{read}
	names := []string{"report.json"}
	if factsPath != "" {
		document, err := a.readFacts(ctx, factsPath)
		if err != nil {
			return nil, err
		}
		documents, names = append(documents, document), append(names, "facts.json")
	}
	this, err := thisBuild()
	if err != nil {
		return nil, err
	}
	replaced, err := withoutNames(documents)
	if err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	archive := zip.NewWriter(&packed)
	add := func(name string, content []byte) error {
		// The time is that of the report: packing the same twice gives the same bytes.
		file, err := archive.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: read.FinishedAt.UTC().Truncate(time.Second)})
		if err != nil {
			return err
		}
		_, err = io.Copy(file, bytes.NewReader(content))
		return err
	}
	versions, err := json.MarshalIndent(map[string]any{"this": this, "report": read.Tool, "policy_digest": read.PolicyDigest}, "", "  ")
	if err != nil {
		return nil, err
	}
	for i, name := range append(names, "versions.json", "README.txt") {
		content := versions
		switch {
		case i < len(replaced):
			content = replaced[i]
		case name == "README.txt":
			content = []byte(bundleReadme)
		}
		if err := add(name, content); err != nil {
			return nil, fmt.Errorf("pack %s: %w", name, err)
		}
	}
	if err := archive.Close(); err != nil {
		return nil, fmt.Errorf("pack the bundle: %w", err)
	}
	return packed.Bytes(), nil
}
