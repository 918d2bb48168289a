package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/prelaunch-audit/prelaunch/internal/auditor"
	"github.com/prelaunch-audit/prelaunch/internal/config"
	"github.com/prelaunch-audit/prelaunch/internal/report"
)

func (a *app) initCommand() *cobra.Command {
	var chosen string
	cmd := &cobra.Command{
		Use: "init [FILE]", Short: "Write a commented starter configuration", Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			name := fileArgument(args)
			profile, err := profileNamed(chosen)
			if err != nil {
				return err
			}
			if isPath(chosen) && !filepath.IsAbs(chosen) { // a path in a configuration starts at its directory
				if chosen, err = relative(chosen, filepath.Dir(name)); err != nil {
					return err
				}
			}
			starter, err := config.Starter(profile, "my-integration", chosen)
			if err != nil {
				return err
			}
			file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("%s exists and is left as it is: name another file, or remove it first", name)
			}
			if err != nil {
				return fmt.Errorf("write the starter configuration: %w", err)
			}
			if _, err := file.Write(starter); err != nil {
				return errors.Join(fmt.Errorf("write %s: %w", name, err), file.Close())
			}
			if err := file.Close(); err != nil {
				return fmt.Errorf("write %s: %w", name, err)
			}
			_, err = fmt.Fprintf(a.Out, "Wrote %s. Fill it in, then:\n  prelaunch validate %[1]s\n  prelaunch plan %[1]s\n  prelaunch audit %[1]s\n", name)
			return err
		},
	}
	providerFlag(cmd, &chosen)
	return cmd
}

// relative is a path as it is written from a directory.
func relative(path, directory string) (string, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("find %s: %w", path, err)
	}
	if directory, err = filepath.Abs(directory); err != nil {
		return "", fmt.Errorf("find %s: %w", directory, err)
	}
	if path, err = filepath.Rel(directory, absolute); err != nil {
		return "", fmt.Errorf("find %s: %w", absolute, err)
	}
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "../") {
		path = "./" + path
	}
	return path, nil
}

func (a *app) validateCommand() *cobra.Command {
	var policyDirs []string
	var permissions permissions
	cmd := &cobra.Command{
		Use: "validate [FILE]", Short: "Check a configuration without probing or running anything", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			library, err := auditor.Policies(policyDirs)
			if err != nil {
				return err
			}
			integration, err := a.load(cmd.Context(), fileArgument(args), library, permissions.reading())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.Out, "%s is well-formed: %s at %s, %d event types, %d attestations, %d waivers. No key was resolved and nothing was sent.\n",
				fileArgument(args), report.Plain(integration.Name), integration.Provider, len(integration.EventTypes), len(integration.Attestations), len(integration.Waivers))
			return err
		},
	}
	policyFlag(cmd, &policyDirs)
	permissions.readFlags(cmd)
	return cmd
}
