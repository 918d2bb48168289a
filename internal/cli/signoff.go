package cli

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/auditor"
	"github.com/prelaunch-audit/prelaunch/internal/policy"
	"github.com/prelaunch-audit/prelaunch/internal/report"
	"github.com/prelaunch-audit/prelaunch/internal/signoff"
)

// maxEnvelope bounds a signature file, in bytes.
const maxEnvelope = 4 << 20

// materialFlags are the files that a signature covers next to the report.
type materialFlags struct{ facts, config string }

func (m *materialFlags) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&m.facts, "facts", "", "the facts behind the report")
	cmd.Flags().StringVar(&m.config, "config", "", "the configuration it was made with")
}

func (a *app) materials(ctx context.Context, reportPath string, m materialFlags) (signoff.Materials, error) {
	_, raw, err := a.readReport(ctx, reportPath)
	if err != nil {
		return signoff.Materials{}, err
	}
	materials := signoff.Materials{Report: raw}
	if m.facts != "" {
		if materials.Facts, err = a.readBounded(ctx, m.facts, audit.MaxDocument); err != nil {
			return materials, err
		}
	}
	if m.config != "" {
		if materials.Config, err = a.readBounded(ctx, m.config, 1<<20); err != nil {
			return materials, err
		}
	}
	return materials, nil
}

func (a *app) signCommand() *cobra.Command {
	var files materialFlags
	var policyDirs []string
	var key, newKey, output string
	decision := signoff.Decision{}
	cmd := &cobra.Command{
		Use: "sign REPORT", Short: "Sign a reviewer's decision on a JSON report", Args: cobra.MaximumNArgs(1),
		Long: `Sign that a report was approved or rejected, by whom and with which residual risks: a DSSE envelope around an in-toto statement
that names the report, the facts, the configuration and the policies by digest. With --facts, they are judged again first and must
come to this report. With --new-key, make a key pair instead.`,
		Example: `  prelaunch sign --new-key reviewer
  prelaunch sign report.json --facts facts.json --config prelaunch.yaml --key reviewer.pem \
    --decision approved --by jane@acme.example --risk 'gateway limit lands in January' -o report.sig.json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if newKey != "" {
				return a.makeKey(newKey)
			}
			if len(args) != 1 || key == "" {
				return errors.New("sign needs the report and --key (or --new-key NAME to make one)")
			}
			private, err := signoff.ReadPrivateKey(key)
			if err != nil {
				return err
			}
			materials, err := a.materials(cmd.Context(), args[0], files)
			if err != nil {
				return err
			}
			library, err := auditor.Policies(policyDirs)
			if err != nil {
				return err
			}
			read, err := strictlyAgainst(materials.Report, library)
			if err != nil {
				return err
			}
			if err := signoff.Rejudge(read, materials, a.rejudge(cmd.Context(), read, library)); err != nil {
				return err
			}
			decision.On = a.now()
			envelope, err := signoff.Sign(private, materials, decision)
			if err != nil {
				return err
			}
			if output == "-" {
				_, err = a.Out.Write(append(envelope, '\n'))
				return err
			}
			if output == "" {
				output = args[0] + ".sig.json"
				if _, err := os.Lstat(output); err == nil {
					return fmt.Errorf("%s is there already, and may hold another reviewer's decision: name another file with -o, or this one to replace it", output)
				}
			}
			if err := report.Save(output, append(envelope, '\n')); err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.Out, "Wrote %s.\n", output)
			return err
		},
	}
	files.flags(cmd)
	policyFlag(cmd, &policyDirs)
	cmd.Flags().StringVar(&key, "key", "", "the ed25519 key that signs: PEM or OpenSSH, readable by you only, without passphrase")
	cmd.Flags().StringVar(&newKey, "new-key", "", "make NAME.pem and NAME.pub instead of signing")
	cmd.Flags().StringVar(&decision.Outcome, "decision", "", "approved or rejected")
	cmd.Flags().StringVar(&decision.By, "by", "", "who decided")
	cmd.Flags().StringArrayVar(&decision.ResidualRisks, "risk", nil, "a risk that remains, in words (repeatable)")
	cmd.Flags().StringVarP(&output, "output", "o", "", "where the signature goes (default REPORT.sig.json, - for standard output)")
	return cmd
}

// makeKey writes a key pair and never over a file that is there.
func (a *app) makeKey(name string) error {
	private, public, err := signoff.GenerateKey()
	if err != nil {
		return err
	}
	for _, file := range []struct {
		path    string
		content []byte
		mode    os.FileMode
	}{{name + ".pem", private, 0o600}, {name + ".pub", public, 0o644}} {
		created, err := os.OpenFile(file.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, file.mode)
		if err != nil {
			return fmt.Errorf("make a key: %w", err)
		}
		_, err = created.Write(file.content)
		if err := errors.Join(err, created.Close()); err != nil {
			return fmt.Errorf("make a key: write %s: %w", file.path, err)
		}
	}
	_, err = fmt.Fprintf(a.Out, "Wrote %s.pem (keep it to yourself) and %[1]s.pub (give it to whoever verifies).\n", name)
	return err
}

func (a *app) verifyCommand() *cobra.Command {
	var files materialFlags
	var keys, policyDirs []string
	signature := ""
	anyDecision := false
	cmd := &cobra.Command{
		Use: "verify REPORT", Short: "Verify a signed decision, and that report, facts, configuration and policies belong together", Args: cobra.ExactArgs(1),
		Long: `Verify a signed decision, and that report, facts, configuration and policies belong together. Exit code 0 says that the report was
approved and has not expired, 1 that it was rejected or has expired (unless --any-decision), 2 that the papers do not hold.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(keys) == 0 {
				return errors.New("verify needs --key: the public key of the reviewer")
			}
			if signature == "" {
				signature = args[0] + ".sig.json"
			}
			materials, err := a.materials(cmd.Context(), args[0], files)
			if err != nil {
				return err
			}
			envelope, err := a.readBounded(cmd.Context(), signature, maxEnvelope)
			if err != nil {
				return err
			}
			var public []ed25519.PublicKey
			for _, path := range keys {
				key, err := signoff.ReadPublicKey(path)
				if err != nil {
					return err
				}
				public = append(public, key)
			}
			library, err := auditor.Policies(policyDirs)
			if err != nil {
				return err
			}
			read, err := strictlyAgainst(materials.Report, library)
			if err != nil {
				return err
			}
			verified, err := signoff.Verify(envelope, public, materials, a.rejudge(cmd.Context(), read, library))
			if err != nil {
				return err
			}
			if err := a.printVerification(verified); err != nil {
				return err
			}
			if rejected := verified.Statement.Predicate.Decision.Outcome != signoff.Approved; (rejected || verified.Expired != "") && !anyDecision {
				return exitWith(1)
			}
			return nil
		},
	}
	files.flags(cmd)
	cmd.Flags().StringArrayVar(&keys, "key", nil, "a reviewer's public key, PEM or OpenSSH (repeatable)")
	cmd.Flags().StringVar(&signature, "signature", "", "the signature (default REPORT.sig.json)")
	policyFlag(cmd, &policyDirs)
	cmd.Flags().BoolVar(&anyDecision, "any-decision", false, "exit 0 also for a decision that is a rejection, or about a report that has expired")
	return cmd
}

// strictlyAgainst also rejects a report of other policies than those at hand.
func strictlyAgainst(raw []byte, library *policy.Library) (*audit.Report, error) {
	read, err := report.Read(raw)
	if err != nil {
		return nil, err
	}
	caveat, err := heldAgainst(read, library)
	if err == nil && caveat != "" {
		err = fmt.Errorf("%s Take version %.40q of prelaunch and the audit's own checks (--policy), if it had any", caveat, report.Plain(read.Tool.Version))
	}
	return read, err
}

// rejudge lets facts be judged again by the policies at hand, with the choice of checks that the report had.
func (a *app) rejudge(ctx context.Context, read *audit.Report, library *policy.Library) signoff.Against {
	return signoff.Against{PolicyDigest: library.Digest(), Now: a.now(), Judge: func(document *audit.Document) (*audit.Report, error) {
		var only []string
		for _, check := range read.Checks {
			only = append(only, check.ID)
		}
		environment := ""
		if open := read.LeftOpen; open != nil {
			only = append(only, open.Checks...)
			for _, declared := range document.Integration.Environments {
				if !slices.Contains(open.Environments, declared.Name) {
					environment = declared.Name
				}
			}
		}
		library := library.For(document.Profile)
		selection, err := library.Select(only, nil)
		if err != nil {
			return nil, err
		}
		judge, err := compile(library, ctx, selection)
		if err != nil {
			return nil, err
		}
		return auditor.Judge(ctx, document, library, selection, judge, environment)
	}}
}

func (a *app) printVerification(v *signoff.Verification) error {
	var text strings.Builder
	decision := v.Statement.Predicate.Decision
	fmt.Fprintf(&text, "%s by %s on %s (key %s)\n", strings.ToUpper(report.Plain(decision.Outcome)), report.Plain(decision.By), stamp(decision.On), v.KeyID)
	for _, risk := range decision.ResidualRisks {
		fmt.Fprintf(&text, "  residual risk: %s\n", report.Plain(risk))
	}
	for _, sentence := range v.Checked {
		fmt.Fprintf(&text, "  shown: %s\n", sentence)
	}
	for _, sentence := range v.Unchecked {
		fmt.Fprintf(&text, "  not shown: %s\n", sentence)
	}
	if v.Expired != "" {
		fmt.Fprintf(&text, "  note: %s\n", v.Expired)
	}
	_, err := fmt.Fprint(a.Out, text.String())
	return err
}
